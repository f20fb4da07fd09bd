import itertools
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest

from estimator.features.pipeline import Features
from estimator.market.areas import AreaLookup, Areas
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.model.ensemble import (
    Moment,
    TrainedEnsemble,
    average,
    log_rmse_of_more,
    mixed,
    share_of,
    train_ensemble,
)
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet, build_training_set
from estimator.network import StackedNetworks

FEW = Recipe(networks=3, epochs=5, width=16, members=2, waves=4)


@pytest.fixture(scope="module")
def lessons(market: Market, areas: Areas, parts: Parts) -> TrainingSet:
    lookup = AreaLookup(market, areas, parts.train.facts)
    train = replace(parts.train, facts=lookup.complete(parts.train.facts)[0])
    validation = replace(parts.validation, facts=lookup.complete(parts.validation.facts)[0])
    return build_training_set(market, train, validation, 0.3, np.random.default_rng(0))[1]


def learned(lessons: TrainingSet, recipe: Recipe = FEW, **more: Any) -> TrainedEnsemble:
    return train_ensemble(lessons, recipe, np.random.default_rng(1), **more)


def weights(found: TrainedEnsemble) -> list[bytes]:
    return [network.parameters.vector.tobytes() for network in found.networks]


def test_networks_are_the_same_on_any_number_of_cores(
    lessons: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = []
    for cores in (1, 3):
        monkeypatch.setattr(joblib, "cpu_count", lambda cores=cores: cores)
        said.append(learned(lessons))
    assert weights(said[0]) == weights(said[1])
    assert len(set(weights(said[0]))) == FEW.networks, "each is another"
    assert said[0].log_rmse == said[1].log_rmse


def test_more_networks_are_those_of_fewer_and_others(lessons: TrainingSet) -> None:
    fewer = learned(lessons, replace(FEW, networks=2))
    assert weights(learned(lessons))[:2] == weights(fewer)


def test_every_epoch_of_every_network_is_told_and_counted(lessons: TrainingSet) -> None:
    moments: list[Moment] = []
    learned(lessons, callbacks=[moments.append])
    for place in range(FEW.networks):
        assert [each.epoch.number for each in moments if each.place == place] == [1, 2, 3, 4, 5]
    assert [moment.done for moment in moments] == list(range(1, 16))
    assert {moment.planned for moment in moments} == {15}


def test_epochs_that_a_network_did_not_need_count_as_done(
    lessons: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    moments: list[Moment] = []
    learned(lessons, replace(FEW, epochs=40, patience=1), callbacks=[moments.append])
    first = [moment for moment in moments if moment.place == 0]
    assert len(first) < 40
    assert moments[len(first)].done == 41
    assert all(before.done < after.done for before, after in itertools.pairwise(moments))


def test_what_goes_wrong_in_one_ends_the_others_soon(
    lessons: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    told: list[int] = []

    def fail(moment: Moment) -> None:
        told.append(moment.place)
        if moment.place == 1:
            raise RuntimeError("the second")

    with pytest.raises(RuntimeError, match="the second"):
        learned(lessons, replace(FEW, epochs=1000, patience=1000), callbacks=[fail])
    assert len(told) < 1000


def test_what_all_networks_are_off_by_is_what_any_two_of_them_tell_on_average(lessons: TrainingSet) -> None:
    """Without kriging an identity: the variance between three is the mean of that between two."""
    every = learned(lessons)
    truth = lessons.validation_log_price

    def some(*places: int) -> TrainedEnsemble:
        networks = tuple(every.networks[place] for place in places)
        said = average(StackedNetworks(networks), lessons.validation.columns) * lessons.deviation + lessons.mean
        return TrainedEnsemble(networks, 0.0, float(np.sqrt(np.mean((said - truth) ** 2))))

    pairs = [some(*pair) for pair in itertools.combinations(range(3), 2)]
    told = [log_rmse_of_more(lessons, pair, 3) for pair in pairs]
    assert all(more < pair.log_rmse for more, pair in zip(told, pairs, strict=True))
    assert np.mean(np.square(told)) == pytest.approx(some(0, 1, 2).log_rmse ** 2, rel=1e-5)
    assert log_rmse_of_more(lessons, every, 3) == every.log_rmse


def test_what_kriging_says_does_not_differ_between_networks(lessons: TrainingSet) -> None:
    pair = replace(learned(lessons, replace(FEW, networks=2)), kriging_share=1.0, log_rmse=0.2)
    complete = replace(
        lessons,
        validation=replace(lessons.validation, complete=np.ones(len(lessons.validation.complete), np.bool_)),
    )
    assert log_rmse_of_more(complete, pair, 8) == 0.2


def test_kriging_has_the_share_that_fits_the_validation_sales_best() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(12, 1, 500)
    left, right = truth + rng.normal(0, 0.1, 500), truth + rng.normal(0, 0.2, 500)
    everywhere = np.ones(500, np.bool_)

    def share(kriging_log_price: FloatArray, by_networks: FloatArray, complete: BoolArray = everywhere) -> float:
        return share_of(
            Features(np.empty((500, 0), np.float32), kriging_log_price, np.empty((500, 0)), complete), by_networks, truth
        )

    best = share(left, right)
    errors = [np.sum((truth - right - each * (left - right)) ** 2) for each in np.linspace(0, 1, 1001)]
    assert best == pytest.approx(np.argmin(errors) / 1000, abs=1e-3)
    assert 0.7 < best < 0.9
    assert share(truth + 0.4, truth + 0.1) == 0.0
    assert share(truth + 0.1, truth + 0.4) == 1.0
    assert share(left, left) == 0.0
    some = rng.random(500) < 0.5
    assert share(np.where(some, left, 99.0), right, some) == pytest.approx(best, abs=0.1)
    assert share(left, right, ~everywhere) == 0.0


def test_kriging_has_no_say_where_too_much_is_unknown() -> None:
    kriging_log_price, complete = np.array([13.0, 13.0]), np.array([True, False])
    seen = Features(np.empty((2, 0), np.float32), kriging_log_price, np.empty((2, 0)), complete)
    assert mixed(np.array([12.0, 12.0]), seen, 0.25).tolist() == [12.25, 12.0]
