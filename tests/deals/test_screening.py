from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.screening import simulate
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import COSTS, Costs, ask_warnings, best_first, screen

PRIOR = ListPriceModel.prior([np.linspace(-2, 2, 201)])
FREE = {"buying_cost": 0.0, "selling_cost": 0.0}


def test_break_even_margin_and_outlay_by_hand() -> None:
    costs = Costs.of({"buying_cost": 0.03, "selling_cost": 0.06, "rehab": 20_000, "holding": 5_000}, 1)
    ask = np.array([300_000.0])
    assert costs.outlay(ask)[0] == pytest.approx(309_000 + 25_000)
    assert costs.break_even(ask)[0] == pytest.approx(334_000 / 0.94)
    assert costs.margin(ask, np.array([400_000.0]))[0] == pytest.approx(376_000 - 334_000)


def test_what_is_not_said_costs_the_defaults() -> None:
    costs = Costs.of({"rehab": 1_000}, 2)
    defaults = {cost.name: cost.default for cost in COSTS}
    assert {name: column.tolist() for name, column in vars(costs).items()} == {
        name: [value] * 2 for name, value in (defaults | {"rehab": 1_000}).items()
    }


amount = st.floats(1e4, 1e7)
share = st.floats(0, 0.5)


@given(value=amount, ask=amount, rehab=st.floats(0, 1e5), buying=share, selling=share, level=st.floats(0.5, 0.99))
def test_the_highest_offer_is_where_the_probability_is_the_one_asked_for(
    value: float, ask: float, rehab: float, buying: float, selling: float, level: float
) -> None:
    costs = Costs.of({"buying_cost": buying, "selling_cost": selling, "rehab": rehab}, 1)
    one = np.array([value]), np.array([0.15]), np.array([ask])
    promise = screen(*one, costs, PRIOR, level)
    offer = promise.highest_offer
    if offer[0] > 0:
        resale = PRIOR.resale(*one)
        assert resale.above(costs.break_even(offer))[0] == pytest.approx(level, abs=1e-6)
    if abs(ask / max(offer[0], 1) - 1) > 1e-6:
        assert promise.deal[0] == (ask <= offer[0])


def test_percents_are_of_the_outlay_and_percentiles_in_order() -> None:
    costs = Costs.of({"rehab": 50_000}, 1)
    ask = np.array([200_000.0])
    promise = screen(np.array([400_000.0]), np.array([0.2]), ask, costs, PRIOR)
    assert promise.margin_percent == pytest.approx(100 * promise.margin / costs.outlay(ask))
    assert promise.margin_low[0] < promise.margin[0] < promise.margin_high[0]
    assert promise.resale_low[0] < promise.resale_price[0] < promise.resale_high[0]
    assert promise.seventy_percent_offer[0] == pytest.approx(0.7 * 400_000 - 50_000)
    assert promise.naive_percent[0] == pytest.approx(100)


def test_a_refused_home_promises_nothing() -> None:
    promise = screen(np.array([np.nan]), np.array([0.2]), np.array([1e5]), Costs.of({}, 1), PRIOR)
    assert np.isnan(promise.margin[0])
    assert not promise.deal[0]


def test_a_listing_does_not_depend_on_the_others() -> None:
    rng = np.random.default_rng(0)
    value, fsd, ask = rng.uniform(1e5, 1e6, 50), rng.uniform(0.05, 0.4, 50), rng.uniform(1e5, 1e6, 50)
    together = screen(value, fsd, ask, Costs.of({}, 50), PRIOR)
    alone = [screen(value[[k]], fsd[[k]], ask[[k]], Costs.of({}, 1), PRIOR) for k in range(50)]
    for name, column in vars(together).items():
        assert column.tolist() == [getattr(one, name)[0] for one in alone]


def test_the_best_come_first_and_the_unknown_last() -> None:
    assert best_first(np.array([1.0, np.nan, 3.0, 1.0])).tolist() == [2, 0, 3, 1]


def test_asks_that_hardly_go_with_the_value_are_told() -> None:
    value = np.full(4, 500_000.0)
    marked = ask_warnings(value, np.array([5_000_000.0, 490_000.0, 50_000.0, 990_000.0]))
    assert [where.tolist() for where in marked.values()] == [
        [True, False, False, False],
        [False, False, True, False],
    ]
    assert ask_warnings(value, value) == {}


def test_a_slip_of_the_pen_promises_hardly_more_than_a_bargain_by_the_prior() -> None:
    value, fsd = np.full(2, 538_000.0), np.full(2, 0.15)
    slip, bargain = screen(value, fsd, np.array([1_000.0, 300_000.0]), Costs.of(FREE, 2), PRIOR).margin_percent
    assert 5 < bargain < slip < 15


@pytest.mark.parametrize("probability", [0.49, 0.991, float("nan")])
def test_a_probability_out_of_bounds_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"is not from 0.5 to 0.99"):
        screen(np.ones(1), np.ones(1), np.ones(1), Costs.of({}, 1), PRIOR, probability)


@pytest.mark.parametrize(("error", "noise"), [(0.10, 0.04), (0.10, 0.08), (0.15, 0.04), (0.15, 0.08)])
def test_simulated_deals_keep_what_they_promise_where_the_naive_score_does_not(error: float, noise: float) -> None:
    figures = simulate(error, noise, seed=0)
    assert abs(figures["claimed"] - figures["realised"]) < 1
    assert figures["naive claims"] - figures["naive realises"] > 10
    # Within 3 points, or within what chance alone does to a band of 200 or more: even the true probabilities miss.
    assert figures["worst band"] < 3 or figures["in standard errors"] < 3


def test_the_readme_tells_every_cost_as_it_is_declared() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    for cost in COSTS:
        assert f"| `{cost.name}` | {cost.default:g} | {cost.text} |" in readme
