import itertools
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimator.features.kriging_fit import N_INDUCING_POINTS
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.model.ensemble import EpochEvent
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe
from tests.conftest import PAIR

SMALL = Recipe(networks=2, epochs=6, width=32, members=2, waves=4)


def fit(market: Market, parts: Parts, seed: int = 0, recipe: Recipe = SMALL, **options: Any) -> PriceModel:
    return PriceModel.fit(
        market, parts.train, parts.validation, np.random.default_rng(seed), recipe=recipe, **options
    )


@pytest.fixture(scope="module")
def model(market: Market, completed: Parts) -> PriceModel:
    return fit(market, completed)


@pytest.mark.training
def test_the_same_seed_gives_the_same_model_and_another_seed_another(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    same, other = fit(market, completed), fit(market, completed, seed=1)
    assert pickle.dumps(same.state()) == pickle.dumps(model.state())
    facts, date = completed.test.facts, completed.test.date
    assert not np.array_equal(other.predict(facts, date), model.predict(facts, date))


@pytest.mark.training
def test_the_facts_explain_the_price(market: Market, completed: Parts) -> None:
    model = fit(market, completed, recipe=replace(PAIR, epochs=25))
    log_price = np.log(completed.test.price)
    residual = log_price - model.predict(completed.test.facts, completed.test.date)
    assert np.sqrt(np.mean(residual**2)) < 0.6 * log_price.std()


@pytest.mark.training
def test_each_network_is_validated_after_every_epoch(market: Market, completed: Parts) -> None:
    events: list[EpochEvent] = []
    fit(market, completed, callbacks=[events.append])
    for index in range(SMALL.networks):
        losses = [event.epoch.validation_loss for event in events if event.index == index]
        assert len(losses) == SMALL.epochs
        assert losses[-1] < losses[0]  # type: ignore[operator]


@pytest.mark.training
def test_a_model_is_restored_from_its_state(market: Market, completed: Parts, model: PriceModel) -> None:
    again = PriceModel.from_state(market, pickle.loads(pickle.dumps(model.state())))
    facts, date = completed.test.facts, completed.test.date
    np.testing.assert_array_equal(again.predict(facts, date), model.predict(facts, date))


@pytest.mark.training
def test_a_model_is_not_changed_by_predicting(completed: Parts, model: PriceModel) -> None:
    before = pickle.dumps(model.state())
    model.predict(completed.test.facts, completed.test.date)
    assert pickle.dumps(model.state()) == before


@pytest.mark.training
def test_predicting_does_not_change_the_facts(completed: Parts, model: PriceModel) -> None:
    before = {name: column.copy() for name, column in completed.test.facts.columns.items()}
    model.predict(completed.test.facts, completed.test.date)
    for name, column in before.items():
        np.testing.assert_array_equal(completed.test.facts[name], column)


@pytest.mark.training
def test_unknown_facts_include_labels_without_a_column(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    homes = completed.test.facts.take(np.arange(3))
    hidden = homes.without({"grade": np.array([True, False, False])})
    unseen = hidden.replace({"postal_code": np.array(["98001", "99999", ""])})
    unknown = dict(zip(model.facts, model.unknown(unseen).T, strict=True))
    assert model.facts == tuple(feature.name for feature in market.features)
    assert unknown["grade"].tolist() == [True, False, False]
    assert unknown["postal_code"].tolist() == [False, True, True]
    assert not unknown["latitude"].any()


@pytest.mark.training
@pytest.mark.parametrize("unknown", ["bedrooms", "postal_code", "latitude"])
def test_a_fact_that_is_always_unknown_does_not_prevent_training(
    market: Market, completed: Parts, unknown: str
) -> None:
    def without(facts: Facts) -> Facts:
        return facts.without({unknown: np.ones(len(facts), np.bool_)})

    without_fact = Parts(
        *(
            replace(part, facts=without(part.facts))
            for part in (completed.train, completed.validation, completed.test)
        )
    )
    model = fit(market, without_fact)
    assert np.isfinite(model.predict(without_fact.test.facts, without_fact.test.date)).all()
    assert np.isfinite(model.predict(completed.test.facts, completed.test.date)).all()


@pytest.mark.training
def test_if_all_prices_are_equal_so_are_the_values(market: Market, completed: Parts) -> None:
    constant = Parts(
        *(
            replace(part, price=np.full(len(part), 250_000.0))
            for part in (completed.train, completed.validation, completed.test)
        )
    )
    price = np.exp(fit(market, constant).predict(constant.test.facts, constant.test.date))
    assert np.isfinite(price).all()
    assert np.median(price) == pytest.approx(250_000, rel=0.6)


@pytest.mark.training
def test_validation_sales_are_used_only_after_with_sales(market: Market, completed: Parts) -> None:
    """Without dates only the home's identifier keeps a sale out of its own comparables."""
    table = {key: value for key, value in market.to_dict().items() if key != "sale_date"}
    undated = Parts(
        *(replace(part, date=None) for part in (completed.train, completed.validation, completed.test))
    )
    model = fit(Market.from_dict(table), undated)
    sales = undated.validation
    before = model.predict(sales.facts, None)
    np.testing.assert_array_equal(model.predict(sales.facts, None, sales.home), before)
    with_sales = model.with_sales(sales, np.log(sales.price) - before)
    error_before, error_after = (
        np.abs(np.log(sales.price) - log_price).mean()
        for log_price in (before, with_sales.predict(sales.facts, None))
    )
    assert error_after < 0.9 * error_before, "they now use their own prices"
    assert pickle.dumps(with_sales.state()["networks"]) == pickle.dumps(model.state()["networks"])
    assert len(with_sales.sales) == len(with_sales.residual) == len(undated.train) + len(sales)


@pytest.mark.training
def test_a_prediction_is_the_worth_plus_the_price_index(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    facts = completed.test.facts
    two_days = [np.full(len(facts), np.datetime64(day, "D")) for day in ("2015-01-10", "2015-04-20")]
    worth = [model.estimate(facts, date).log_worth for date in two_days]
    finished = facts["year_built"] < 2015
    np.testing.assert_array_equal(worth[0][finished], worth[1][finished])
    for date, without_index in zip(two_days, worth, strict=True):
        np.testing.assert_allclose(
            model.predict(facts, date) - without_index, model.index.at(market, facts, date), atol=1e-12
        )


@pytest.mark.training
def test_the_index_takes_its_level_from_new_sales(market: Market, completed: Parts, model: PriceModel) -> None:
    """Prices of the newest months that are a tenth higher than valued raise the index of those months."""
    sales = completed.validation
    residual = np.log(sales.price) - model.estimate(sales.facts, sales.date, sales.home, sales.date).log_worth
    as_sold, higher = (model.with_sales(sales, residual + change).index for change in (0.0, np.log(1.1)))
    assert sales.date is not None
    newest = sales.date >= sales.date.max() - 20
    difference = higher.at(market, sales.facts, sales.date) - as_sold.at(market, sales.facts, sales.date)
    assert difference[newest] == pytest.approx(np.log(1.1), abs=0.03)


@pytest.mark.training
def test_forgotten_sales_are_not_used_when_new_ones_are_added(completed: Parts, model: PriceModel) -> None:
    forgotten = np.arange(len(completed.train)) % 2 == 0
    shorter = model.without_sales(forgotten)
    assert len(shorter.sales) == len(shorter.residual) == (~forgotten).sum()
    np.testing.assert_array_equal(shorter.sales.price, completed.train.price[~forgotten])
    assert model.sales.price is completed.train.price, "the model itself is not changed"


@pytest.mark.training
def test_networks_trained_again_have_learned_from_the_sales_that_were_added(
    market: Market, completed: Parts, model: PriceModel
) -> None:
    """Prices fall to a third with the validation sales: only networks that learn from them know it."""
    cheaper = replace(completed.validation, price=completed.validation.price / 3)
    known = model.with_sales(cheaper, np.zeros(len(cheaper)))
    again = known.retrained(SMALL, np.random.default_rng(2))
    assert again.sales is known.sales
    error, error_again = (
        float(np.mean(np.log(cheaper.price) - chosen.predict(cheaper.facts, cheaper.date)))
        for chosen in (known, again)
    )
    assert abs(error_again) < abs(error)


@pytest.mark.training
def test_errors_of_new_sales_are_carried_over_to_homes_nearby_until_networks_learn_them(
    completed: Parts, model: PriceModel
) -> None:
    """Half of the new sales are in the north and sell above their values, the other half below."""
    sales, facts, date = completed.validation, completed.test.facts, completed.test.date
    north = sales.facts["latitude"] > np.median(sales.facts["latitude"])
    values = model.estimate(sales.facts, sales.date, sales.home, sales.date).log_worth
    residual = np.where(north, 0.2, -0.2)
    known = model.with_sales(replace(sales, price=np.exp(values + residual)), residual)
    assert known.learned.sum() == len(completed.train)
    without = replace(known, recent_errors=None)
    corrected = known.predict(facts, date) - without.predict(facts, date)
    assert np.median(corrected[facts["latitude"] > 47.6]) > 0.05
    assert np.median(corrected[facts["latitude"] < 47.5]) < -0.05
    assert completed.train.date is not None
    older = replace(sales, date=np.full(len(sales), completed.train.date.max()))
    assert model.with_sales(older, residual).recent_errors is None, "kriging knows them"
    again = known.retrained(SMALL, np.random.default_rng(3))
    assert again.learned.all()
    assert again.recent_errors is None


@pytest.mark.training
def test_the_newest_errors_count_in_whatever_order_the_sales_come(
    completed: Parts, model: PriceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("estimator.model.recent_errors.MAX_SALES", 60)
    assert completed.train.date is not None
    n = len(completed.validation)
    sales = replace(completed.validation, date=completed.train.date.max() + np.arange(n))
    residual = np.where(sales.facts["latitude"] > np.median(sales.facts["latitude"]), 0.2, -0.2)
    values = model.estimate(sales.facts, sales.date, sales.home, sales.date).log_worth
    sales = replace(sales, price=np.exp(values + residual))
    older, newer = (np.arange(n) < n // 2), (np.arange(n) >= n // 2)
    used = []
    for first, then in ((older, newer), (newer, older)):
        known = model.with_sales(sales.take(first), residual[first]).with_sales(sales.take(then), residual[then])
        assert known.recent_errors is not None
        used.append(known.recent_errors.kriging.location)
    np.testing.assert_array_equal(used[0], used[1])


@pytest.mark.training
def test_the_level_of_networks_trained_again_does_not_depend_on_the_seed(
    completed: Parts, model: PriceModel
) -> None:
    known = model.with_sales(completed.validation, np.zeros(len(completed.validation)))
    facts, date = completed.test.facts, completed.test.date
    values = [known.retrained(SMALL, np.random.default_rng(seed)).predict(facts, date) for seed in range(4)]
    differences = [other - one for one, other in itertools.combinations(values, 2)]
    shares = [abs(np.median(difference)) / np.median(np.abs(difference)) for difference in differences]
    assert np.mean(shares) < 0.25, shares


@pytest.mark.training
def test_a_restored_model_is_not_trained_again(market: Market, model: PriceModel) -> None:
    restored = PriceModel.from_state(market, model.state())
    with pytest.raises(ValueError, match="lacks the networks that taught"):
        restored.retrained(SMALL, np.random.default_rng(0))


@pytest.mark.training
def test_a_refresh_keeps_the_inducing_points_once_there_are_as_many_as_there_may_be(
    model: PriceModel, completed: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others would move the values of homes far from the new sales."""
    before = model.pipeline.kriging.facts
    assert len(before) == N_INDUCING_POINTS
    sales, none = completed.validation, np.zeros(len(completed.validation))
    np.testing.assert_array_equal(model.with_sales(sales, none).pipeline.kriging.facts, before)
    drawn = model.with_sales(sales, none, learn=False).pipeline.kriging.facts
    assert not np.array_equal(drawn, before)
    monkeypatch.setattr("estimator.features.pipeline.N_INDUCING_POINTS", N_INDUCING_POINTS + 1)
    np.testing.assert_array_equal(model.with_sales(sales, none).pipeline.kriging.facts, drawn)
