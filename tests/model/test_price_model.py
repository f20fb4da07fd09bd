import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimator.market.areas import AreaLookup, Areas
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.model.ensemble import Moment
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe
from tests.conftest import PAIR

FEW = Recipe(networks=2, epochs=6, width=32, members=2, waves=4)


@pytest.fixture(scope="module")
def completed(market: Market, areas: Areas, parts: Parts) -> Parts:
    lookup = AreaLookup(market, areas, parts.train.facts)

    def complete(part: str) -> Any:
        sales = getattr(parts, part)
        return replace(sales, facts=lookup.complete(sales.facts)[0])

    return Parts(complete("train"), complete("validation"), complete("test"))


def fit(market: Market, parts: Parts, seed: int = 0, recipe: Recipe = FEW, **more: Any) -> PriceModel:
    return PriceModel.fit(
        market, parts.train, parts.validation, np.random.default_rng(seed), recipe=recipe, **more
    )


@pytest.fixture(scope="module")
def model(market: Market, completed: Parts) -> PriceModel:
    return fit(market, completed)


def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    same, other = fit(market, completed), fit(market, completed, seed=1)
    assert pickle.dumps(same.state()) == pickle.dumps(model.state())
    facts, date = completed.test.facts, completed.test.date
    assert not np.array_equal(other.predict(facts, date), model.predict(facts, date))


def test_it_learns_the_price_from_the_facts(market: Market, completed: Parts) -> None:
    model = fit(market, completed, recipe=replace(PAIR, epochs=25))
    log_price = np.log(completed.test.price)
    miss = log_price - model.predict(completed.test.facts, completed.test.date)
    assert np.sqrt(np.mean(miss**2)) < 0.6 * log_price.std()


def test_the_validation_sales_decide_and_the_test_sales_are_not_seen(market: Market, completed: Parts) -> None:
    moments: list[Moment] = []
    fit(market, completed, callbacks=[moments.append])
    for place in range(FEW.networks):
        losses = [moment.epoch.validation_loss for moment in moments if moment.place == place]
        assert len(losses) == FEW.epochs
        assert losses[-1] < losses[0]  # type: ignore[operator]


def test_a_model_comes_back_from_its_state(market: Market, completed: Parts, model: PriceModel) -> None:
    again = PriceModel.from_state(market, pickle.loads(pickle.dumps(model.state())))
    facts, date = completed.test.facts, completed.test.date
    np.testing.assert_array_equal(again.predict(facts, date), model.predict(facts, date))


def test_a_model_is_not_changed_by_predicting(completed: Parts, model: PriceModel) -> None:
    before = pickle.dumps(model.state())
    model.predict(completed.test.facts, completed.test.date)
    assert pickle.dumps(model.state()) == before


def test_the_columns_handed_in_are_not_changed(completed: Parts, model: PriceModel) -> None:
    before = {name: column.copy() for name, column in completed.test.facts.columns.items()}
    model.predict(completed.test.facts, completed.test.date)
    for name, column in before.items():
        np.testing.assert_array_equal(completed.test.facts[name], column)


def test_what_is_unknown_is_what_the_network_goes_without(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    homes = completed.test.facts.take(np.arange(3))
    hidden = homes.without({"grade": np.array([True, False, False])})
    strange = hidden.replace({"postal_code": np.array(["98001", "99999", ""])})
    unknown = dict(zip(model.facts, model.unknown(strange).T, strict=True))
    assert model.facts == tuple(feature.name for feature in market.features)
    assert unknown["grade"].tolist() == [True, False, False]
    assert unknown["postal_code"].tolist() == [False, True, True]
    assert not unknown["latitude"].any()


def test_labels_without_a_column_are_warned_of_once_a_fact(model: PriceModel, completed: Parts) -> None:
    homes = completed.test.facts.take(np.arange(4))
    homes = homes.replace({"postal_code": np.array(["99999", "98103", "99999", "88888"])})
    assert {text: where.tolist() for text, where in model.unseen_labels(homes).items()} == {
        "postal_code is one with too few sales to learn from: taken as unknown": [True, False, True, True],
    }


@pytest.mark.parametrize("unknown", ["bedrooms", "postal_code", "latitude"])
def test_a_fact_that_no_sale_knows_does_not_stop_training(market: Market, completed: Parts, unknown: str) -> None:
    def without(facts: Facts) -> Facts:
        return facts.without({unknown: np.ones(len(facts), np.bool_)})

    blind = Parts(
        *(
            replace(part, facts=without(part.facts))
            for part in (completed.train, completed.validation, completed.test)
        )
    )
    model = fit(market, blind)
    assert np.isfinite(model.predict(blind.test.facts, blind.test.date)).all()
    assert np.isfinite(model.predict(completed.test.facts, completed.test.date)).all()


def test_homes_of_one_price_are_worth_that_price(market: Market, completed: Parts) -> None:
    flat = Parts(
        *(
            replace(part, price=np.full(len(part), 250_000.0))
            for part in (completed.train, completed.validation, completed.test)
        )
    )
    price = np.exp(fit(market, flat).predict(flat.test.facts, flat.test.date))
    assert np.isfinite(price).all()
    assert np.median(price) == pytest.approx(250_000, rel=0.6)


def test_sales_are_evidence_once_they_have_chosen_the_networks_and_not_before(
    market: Market, completed: Parts
) -> None:
    """Without dates nothing but the home keeps a sale out of its own comparables."""
    table = {key: value for key, value in market.to_dict().items() if key != "sale_date"}
    undated = Parts(
        *(replace(part, date=None) for part in (completed.train, completed.validation, completed.test))
    )
    model = fit(Market.from_dict(table), undated)
    chosen = undated.validation
    before = model.predict(chosen.facts, None)
    np.testing.assert_array_equal(model.predict(chosen.facts, None, chosen.home), before)
    with_sales = model.with_sales(undated.train.joined(chosen))
    miss = [
        np.abs(np.log(chosen.price) - each).mean() for each in (before, with_sales.predict(chosen.facts, None))
    ]
    assert miss[1] < 0.9 * miss[0], "they now see their own prices"
    assert pickle.dumps(with_sales.state()["networks"]) == pickle.dumps(model.state()["networks"])
