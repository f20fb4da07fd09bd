import itertools
from dataclasses import replace
from typing import Any

import joblib
import numpy as np
import pytest

from estimator.features.kriging import KrigingInputs
from estimator.features.pipeline import Features
from estimator.market.arrays import BoolArray, FloatArray
from estimator.model.ensemble import (
    PASSES_AGAIN,
    EpochEvent,
    TrainedEnsemble,
    blend_kriging,
    expected_log_rmse,
    fit_kriging_share,
    predict_mean,
    train_again,
    train_ensemble,
)
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import StackedNetworks

SMALL = Recipe(networks=3, epochs=5, width=16, members=2, waves=4)


def fit(training_set: TrainingSet, recipe: Recipe = SMALL, **options: Any) -> TrainedEnsemble:
    return train_ensemble(training_set, recipe, np.random.default_rng(1), **options)


def weights(ensemble: TrainedEnsemble) -> list[bytes]:
    return [network.parameters.vector.tobytes() for network in ensemble.networks]


def features(kriging_log_price: FloatArray, complete: BoolArray) -> Features:
    n = len(complete)
    none = np.empty((n, 0), np.float32)
    return Features(none, kriging_log_price, np.empty((n, 0)), complete, KrigingInputs(none, none, none, None))


def test_networks_are_the_same_on_any_number_of_cores(
    training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensembles = []
    for cores in (1, 3):
        monkeypatch.setattr(joblib, "cpu_count", lambda cores=cores: cores)
        ensembles.append(fit(training_set))
    assert weights(ensembles[0]) == weights(ensembles[1])
    assert len(set(weights(ensembles[0]))) == SMALL.networks, "no two networks are the same"
    assert ensembles[0].log_rmse == ensembles[1].log_rmse


def test_a_larger_ensemble_starts_with_the_networks_of_a_smaller_one(training_set: TrainingSet) -> None:
    smaller = fit(training_set, replace(SMALL, networks=2))
    assert weights(fit(training_set))[:2] == weights(smaller)


def test_losses_are_assigned_to_the_networks_in_turn(training_set: TrainingSet) -> None:
    default, rmse, huber, swapped = (
        weights(fit(training_set, replace(SMALL, losses=losses)))
        for losses in (SMALL.losses, ("rmse",), ("huber",), ("huber", "rmse"))
    )
    assert default == [rmse[0], huber[1], rmse[2]]
    assert swapped == [huber[0], rmse[1], huber[2]]
    assert all(network != other for network, other in zip(rmse, huber, strict=True))


def test_callbacks_receive_every_epoch_of_every_network(training_set: TrainingSet) -> None:
    events: list[EpochEvent] = []
    fit(training_set, callbacks=[events.append])
    for index in range(SMALL.networks):
        assert [event.epoch.number for event in events if event.index == index] == [1, 2, 3, 4, 5]
    assert [event.done for event in events] == list(range(1, 16))
    assert {event.planned for event in events} == {15}


def test_epochs_saved_by_early_stopping_count_as_done(
    training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    events: list[EpochEvent] = []
    fit(training_set, replace(SMALL, epochs=40, patience=1), callbacks=[events.append])
    first = [event for event in events if event.index == 0]
    assert len(first) < 40
    assert events[len(first)].done == 41
    assert all(before.done < after.done for before, after in itertools.pairwise(events))


def test_an_error_in_one_network_stops_the_others_soon(
    training_set: TrainingSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 3)
    indices: list[int] = []

    def fail(event: EpochEvent) -> None:
        indices.append(event.index)
        if event.index == 1:
            raise RuntimeError("the second")

    with pytest.raises(RuntimeError, match="the second"):
        fit(training_set, replace(SMALL, epochs=1000, patience=1000), callbacks=[fail])
    assert len(indices) < 1000


def test_the_expected_error_of_an_ensemble_is_right_on_average_over_its_pairs(training_set: TrainingSet) -> None:
    """Without kriging this is an identity: the variance between three is the mean of that between two."""
    ensemble = fit(training_set)
    truth = training_set.validation_log_price

    def subset(*indices: int) -> TrainedEnsemble:
        networks = tuple(ensemble.networks[index] for index in indices)
        standardised = predict_mean(StackedNetworks(networks), training_set.validation.columns)
        log_price = standardised * training_set.deviation + training_set.mean
        log_rmse = float(np.sqrt(np.mean((log_price - truth) ** 2)))
        return TrainedEnsemble(networks, 0.0, log_rmse)

    pairs = [subset(*pair) for pair in itertools.combinations(range(3), 2)]
    expected = [expected_log_rmse(training_set, pair, 3) for pair in pairs]
    assert all(more < pair.log_rmse for more, pair in zip(expected, pairs, strict=True))
    assert np.mean(np.square(expected)) == pytest.approx(subset(0, 1, 2).log_rmse ** 2, rel=1e-5)
    assert expected_log_rmse(training_set, ensemble, 3) == ensemble.log_rmse


def test_krigings_share_of_the_error_does_not_depend_on_the_number_of_networks(training_set: TrainingSet) -> None:
    pair = replace(fit(training_set, replace(SMALL, networks=2)), kriging_share=1.0, log_rmse=0.2)
    validation = training_set.validation
    complete = replace(validation, complete=np.ones(len(validation.complete), np.bool_))
    assert expected_log_rmse(replace(training_set, validation=complete), pair, 8) == 0.2


def test_kriging_gets_the_share_that_fits_the_validation_sales_best() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(12, 1, 500)
    kriging, networks = truth + rng.normal(0, 0.1, 500), truth + rng.normal(0, 0.2, 500)
    all_rows = np.ones(500, np.bool_)

    def share(kriging: FloatArray, networks: FloatArray, complete: BoolArray = all_rows) -> float:
        return fit_kriging_share(features(kriging, complete), networks, truth)

    best = share(kriging, networks)
    errors = [np.sum((truth - networks - s * (kriging - networks)) ** 2) for s in np.linspace(0, 1, 1001)]
    assert best == pytest.approx(np.argmin(errors) / 1000, abs=1e-3)
    assert 0.7 < best < 0.9
    assert share(truth + 0.4, truth + 0.1) == 0.0
    assert share(truth + 0.1, truth + 0.4) == 1.0
    assert share(kriging, kriging) == 0.0
    complete = rng.random(500) < 0.5
    assert share(np.where(complete, kriging, 99.0), networks, complete) == pytest.approx(best, abs=0.1)
    assert share(kriging, networks, ~all_rows) == 0.0


def test_kriging_has_no_share_where_its_inputs_are_incomplete() -> None:
    by_kriging = features(np.array([13.0, 13.0]), np.array([True, False]))
    assert blend_kriging(np.array([12.0, 12.0]), by_kriging, 0.25).tolist() == [12.25, 12.0]


def test_networks_that_go_on_learning_make_a_fixed_number_of_passes_without_validation(
    training_set: TrainingSet,
) -> None:
    trained = fit(training_set).networks
    weights_before = [network.parameters.vector.copy() for network in trained]
    events: list[EpochEvent] = []
    networks = train_again(training_set, trained, SMALL, np.random.default_rng(1), [events.append])
    passes = [[event.epoch.number for event in events if event.index == index] for index in range(len(networks))]
    assert passes == [list(range(1, PASSES_AGAIN + 1))] * len(trained)
    assert {event.epoch.validation_loss for event in events} == {None}
    for network, before in zip(trained, weights_before, strict=True):
        np.testing.assert_array_equal(network.parameters.vector, before)


def test_networks_that_go_on_learning_fit_their_sales_better(training_set: TrainingSet) -> None:
    trained = fit(training_set).networks
    again = train_again(training_set, trained, SMALL, np.random.default_rng(2))
    before, after = (
        np.mean((predict_mean(StackedNetworks(networks), training_set.columns) - training_set.target) ** 2)
        for networks in (trained, again)
    )
    assert after < before
