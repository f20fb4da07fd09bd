"""What the networks learn at a refresh, from sales at the model's own values, changed by a known amount."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.market.arrays import Float32Array, FloatArray
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales
from estimator.model import continued_learning
from estimator.model.continued_learning import REPEATS, steady_order, with_bounded_errors
from estimator.model.ensemble import predict_mean
from estimator.model.price_model import PriceModel
from estimator.model.recent_errors import MIN_SALES
from tests.model.refreshes import SMALL, large, sold_above_value, worth

pytestmark = pytest.mark.training


def test_networks_learn_what_is_new_and_the_correction_adds_the_rest(model: PriceModel, completed: Parts) -> None:
    sales = completed.validation
    known = sold_above_value(model, sales, np.where(large(sales), 0.2, -0.2))
    as_trained = known.valued_by(known.trained)

    def contrast(chosen: PriceModel, homes: Sales) -> float:
        change = worth(chosen, homes) - worth(as_trained, homes)
        return float(change[large(homes)].mean() - change[~large(homes)].mean())

    for homes, least in ((sales, 0.02), (completed.test, 0.005)):
        learned, corrected = (contrast(chosen, homes) for chosen in (replace(known, recent_errors=None), known))
        assert least < learned < corrected < 0.4


def test_a_price_counts_as_no_further_from_its_value_than_three_deviations() -> None:
    value = np.linspace(-2, 2, 201)
    error = np.linspace(-0.2, 0.2, 201)
    error[100] = 5.0
    price = value + error
    counted = with_bounded_errors(price, value)
    usual = np.arange(201) != 100
    np.testing.assert_array_equal(counted[usual], price[usual])
    assert 0.2 < counted[100] - value[100] < 0.6


def test_half_of_the_change_is_kept_and_the_trained_networks_stay(
    model: PriceModel, completed: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def weights(chosen: PriceModel) -> Float32Array:
        (network,) = chosen.networks.networks.networks
        return network.parameters.vector.copy()

    before = weights(model)
    above = np.where(large(completed.validation), 0.2, -0.2)
    half = sold_above_value(model, completed.validation, above)
    monkeypatch.setattr(continued_learning, "LEARNED_SHARE", 1.0)
    whole = sold_above_value(model, completed.validation, above)
    np.testing.assert_allclose(weights(half), (before + weights(whole)) / 2, atol=1e-6)
    assert not np.array_equal(weights(half), before)
    assert half.trained is model.networks
    np.testing.assert_array_equal(weights(model), before)


def test_the_rest_is_left_to_half_of_the_correction(model: PriceModel, completed: Parts) -> None:
    above = np.where(large(completed.validation), 0.2, -0.2)
    whole, half = (
        sold_above_value(model, completed.validation, above, learn=learn).recent_errors for learn in (False, True)
    )
    assert whole is not None
    assert half is not None
    np.testing.assert_array_equal(half.kriging.kernel_coefficients, whole.kriging.kernel_coefficients / 2)


def test_without_learning_the_networks_are_those_that_were_trained(model: PriceModel, completed: Parts) -> None:
    above = np.zeros(len(completed.validation))
    assert sold_above_value(model, completed.validation, above, learn=False).networks is model.networks


def test_several_networks_that_answer_together_do_not_learn(market: Market, completed: Parts) -> None:
    together = PriceModel.fit(
        market,
        completed.train,
        completed.validation,
        np.random.default_rng(0),
        recipe=replace(SMALL, epochs=2, student=False),
    )
    known = sold_above_value(together, completed.validation, np.zeros(len(completed.validation)))
    assert known.networks is together.networks


def test_too_few_sales_teach_nothing(model: PriceModel, completed: Parts) -> None:
    few = completed.validation.take(np.arange(MIN_SALES - 1))
    assert sold_above_value(model, few, np.full(len(few), 0.2)).networks is model.networks


def test_a_larger_home_is_never_worth_less_after_learning(model: PriceModel, completed: Parts) -> None:
    """Even where larger homes sold for less."""
    known = sold_above_value(model, completed.validation, np.where(large(completed.validation), -0.4, 0.4))
    homes = completed.test
    sizes = [{"square_footage": homes.facts["square_footage"] * factor} for factor in (1.0, 1.1, 1.5)]
    values = [
        worth(known, replace(homes, facts=type(homes.facts)({**homes.facts.columns, **size}))) for size in sizes
    ]
    assert (values[1] >= values[0]).all()
    assert (values[2] >= values[1]).all()


def test_the_same_sales_teach_the_same(model: PriceModel, completed: Parts) -> None:
    above = np.linspace(-0.1, 0.1, len(completed.validation))
    one, other = (sold_above_value(model, completed.validation, above) for _ in range(2))
    assert pickle.dumps(one.state()) == pickle.dumps(other.state())


def test_each_refresh_starts_from_the_trained_networks_and_all_sales_since(
    model: PriceModel, completed: Parts
) -> None:
    """So that values do not drift however often a model is refreshed."""
    sales = completed.validation
    half = np.arange(len(sales)) < len(sales) // 2
    above = np.where(large(sales), 0.2, -0.2)
    twice = sold_above_value(model, sales.take(half), above[half])
    twice = sold_above_value(twice, sales.take(~half), above[~half])
    assert twice.trained is model.networks
    at_once = sold_above_value(model, sales, above)
    assert len(twice.since) == len(at_once.since) > 0.9 * len(sales)


def test_a_restored_model_is_the_same_and_learns_the_same(
    market: Market, model: PriceModel, completed: Parts
) -> None:
    sales, later = completed.validation, completed.test
    known = sold_above_value(model, sales, np.where(large(sales), 0.2, -0.2))
    restored = PriceModel.from_state(market, pickle.loads(pickle.dumps(known.state())))
    np.testing.assert_array_equal(worth(restored, later), worth(known, later))
    above = np.where(large(later), 0.1, -0.1)
    again, again_restored = (sold_above_value(each, later, above) for each in (known, restored))
    np.testing.assert_array_equal(worth(again, later), worth(again_restored, later))


def test_nothing_is_learned_when_all_sales_of_the_training_have_been_replaced(
    model: PriceModel, completed: Parts
) -> None:
    sales, later = completed.validation, completed.test
    known = sold_above_value(model, sales, np.zeros(len(sales)))
    replaced = known.without_sales(known.learned)
    after = sold_above_value(replaced, later, np.zeros(len(later)))
    assert len(after.since) == len(known.since)
    assert after.networks is model.networks


def test_one_sale_more_leaves_the_order_of_the_others() -> None:
    """Also where the oldest one is no longer kept."""
    rngs = [np.random.default_rng(0) for _ in range(2)]
    row = np.arange(100, 150)
    n = 20 + REPEATS * len(row)
    for _ in range(3):
        before, after = steady_order(20, row, rngs[0]), steady_order(20, row + 1, rngs[1])
        assert sorted(before) == sorted(after) == list(range(n))
        stays = before[(before < 20) | (before >= 20 + REPEATS)]
        moved = np.where(after < 20, after, after + REPEATS)
        np.testing.assert_array_equal(moved[moved < n], stays)


def test_each_pass_has_another_order() -> None:
    rng = np.random.default_rng(0)
    first, second = (steady_order(20, np.arange(100, 150), rng) for _ in range(2))
    assert not np.array_equal(first, second)


def test_one_sale_more_hardly_changes_the_values_of_other_homes(model: PriceModel, completed: Parts) -> None:
    sales, rng = completed.validation, np.random.default_rng(0)
    above = rng.normal(0, 0.2, len(sales))
    all_but_one = np.arange(len(sales)) < len(sales) - 1
    every = sold_above_value(model, sales, above)
    fewer = sold_above_value(model, sales.take(all_but_one), above[all_but_one])

    def values(chosen: PriceModel) -> FloatArray:
        return predict_mean(chosen.networks.networks, every.since.columns)

    learned = values(every) - values(model)
    moved = values(every) - values(fewer)
    assert 0 < np.median(np.abs(moved)) < 0.15 * np.median(np.abs(learned))
