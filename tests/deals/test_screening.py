from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.screening import simulate
from estimator.deals.costs import COSTS, Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.readings import (
    ASK_INFORMED,
    PAYS,
    PAYS_BOTH,
    PAYS_NEITHER,
    PAYS_NOT,
    PAYS_VALUE_ONLY,
    VALUE_RIGHT,
    resale_if_value_right,
)
from estimator.deals.screening import (
    EXPECTED_MARGIN,
    VALUE_TO_LIST_PRICE,
    best_first,
    list_price_warnings,
    ranking_of,
    screen,
)

PRIOR = ListPriceModel.prior([np.linspace(-2, 2, 201)])
FREE = {"buying_cost": 0.0, "selling_cost": 0.0}


def test_break_even_margin_and_outlay_by_hand() -> None:
    costs = Costs.of({"buying_cost": 0.03, "selling_cost": 0.06, "rehab": 20_000, "holding": 5_000}, 1)
    list_price = np.array([300_000.0])
    assert costs.outlay(list_price)[0] == pytest.approx(309_000 + 25_000)
    assert costs.break_even(list_price)[0] == pytest.approx(334_000 / 0.94)
    assert costs.margin(list_price, np.array([400_000.0]))[0] == pytest.approx(376_000 - 334_000)


def test_holding_cash_on_cash_and_cap_rate_by_hand() -> None:
    given = {"buying_cost": 0.0, "selling_cost": 0.1, "rehab": 20_000, "holding": 1_000}
    given |= {"holding_months": 6, "monthly_cost": 1_500, "loan": 0.5, "rent": 2_000, "rent_costs": 0.4}
    costs, list_price = Costs.of(given, 1), np.array([200_000.0])
    assert costs.outlay(list_price)[0] == pytest.approx(200_000 + 20_000 + 1_000 + 9_000)
    assert costs.break_even(list_price)[0] == pytest.approx(230_000 / 0.9)
    margin = costs.margin(list_price, np.array([300_000.0]))
    assert margin[0] == pytest.approx(40_000)
    # 130,000 of one's own money for half a year.
    assert costs.cash_on_cash(list_price, margin)[0] == pytest.approx(2 * 40_000 / 130_000)
    assert costs.cap_rate(list_price)[0] == pytest.approx(12 * 1_200 / 220_000)
    assert costs.highest_offer(np.array([300_000.0]))[0] == pytest.approx(240_000)


@pytest.mark.parametrize("months", [0.0, 1e-300, 0.03])
def test_below_a_day_there_is_no_yearly_return_and_without_rent_no_cap_rate(months: float) -> None:
    costs, list_price = Costs.of({"holding_months": months, "monthly_cost": 1_000}, 1), np.array([200_000.0])
    assert np.isnan(costs.cash_on_cash(list_price, list_price)[0])
    assert np.isnan(costs.cap_rate(list_price)[0])


def test_costs_that_are_not_given_have_their_defaults() -> None:
    costs = Costs.of({"rehab": 1_000}, 2)
    defaults = {cost.name: cost.default for cost in COSTS}
    assert {name: column.tolist() for name, column in vars(costs).items()} == {
        name: [value] * 2 for name, value in (defaults | {"rehab": 1_000}).items()
    }


amount = st.floats(1e4, 1e7)
share = st.floats(0, 0.5)


@given(
    value=amount,
    list_price=amount,
    rehab=st.floats(0, 1e5),
    buying=share,
    selling=share,
    level=st.floats(0.5, 0.99),
)
def test_at_the_highest_offer_the_probability_is_the_required_one(
    value: float, list_price: float, rehab: float, buying: float, selling: float, level: float
) -> None:
    costs = Costs.of({"buying_cost": buying, "selling_cost": selling, "rehab": rehab}, 1)
    one = np.array([value]), np.array([0.15]), np.array([list_price])
    screening = screen(*one, costs, PRIOR, level)
    resales = {ASK_INFORMED: PRIOR.resale(*one), VALUE_RIGHT: resale_if_value_right(one[0], one[1], PRIOR)}
    for reading, outcome in screening.readings.items():
        offer = outcome.highest_offer
        if offer[0] > 0:
            chance = resales[reading].probability_above(costs.break_even(offer))
            assert chance[0] == pytest.approx(level, abs=1e-6)
        if abs(list_price / max(offer[0], 1) - 1) > 1e-6:
            assert outcome.pays[0] == (list_price <= offer[0])


def test_percentages_are_of_the_outlay_and_percentiles_are_in_order() -> None:
    costs = Costs.of({"rehab": 50_000}, 1)
    list_price = np.array([200_000.0])
    screening = screen(np.array([400_000.0]), np.array([0.2]), list_price, costs, PRIOR)
    for outcome in (screening.outcome, *screening.readings.values()):
        assert outcome.margin_percent == pytest.approx(100 * outcome.margin / costs.outlay(list_price))
        assert outcome.margin_low[0] < outcome.margin[0] < outcome.margin_high[0]
        assert outcome.resale_low[0] < outcome.resale_price[0] < outcome.resale_high[0]
    assert screening.seventy_percent_offer[0] == pytest.approx(0.7 * 400_000 - 50_000)
    assert screening.naive_percent[0] == pytest.approx(100)


def test_a_home_without_a_value_is_no_deal() -> None:
    screening = screen(np.array([np.nan]), np.array([0.2]), np.array([1e5]), Costs.of({}, 1), PRIOR)
    assert np.isnan(screening.outcome.margin[0])
    assert screening.pays.tolist() == [PAYS_NEITHER]


def test_a_listings_result_does_not_depend_on_other_listings() -> None:
    rng = np.random.default_rng(0)
    value, fsd, list_price = rng.uniform(1e5, 1e6, 50), rng.uniform(0.05, 0.4, 50), rng.uniform(1e5, 1e6, 50)
    together = screen(value, fsd, list_price, Costs.of({}, 50), PRIOR)
    alone = [screen(value[[k]], fsd[[k]], list_price[[k]], Costs.of({}, 1), PRIOR) for k in range(50)]
    for name, column in together.columns().items():
        np.testing.assert_array_equal(column, [one.columns()[name][0] for one in alone])
    for reading, columns in together.reading_columns().items():
        for name, column in columns.items():
            np.testing.assert_array_equal(column, [one.reading_columns()[reading][name][0] for one in alone])


@given(value=amount, fsd=st.floats(0.02, 1), list_price=amount, buying=share, level=st.floats(0.5, 0.99))
def test_no_listing_pays_only_if_the_asking_price_is_informed(
    value: float, fsd: float, list_price: float, buying: float, level: float
) -> None:
    costs = Costs.of(FREE | {"buying_cost": buying}, 1)
    screening = screen(np.array([value]), np.array([fsd]), np.array([list_price]), costs, PRIOR, level)
    informed, by_value = (screening.readings[name].pays[0] for name in (ASK_INFORMED, VALUE_RIGHT))
    assert by_value or not informed
    expected = PAYS_BOTH if informed else PAYS_VALUE_ONLY if by_value else PAYS_NEITHER
    assert screening.pays[0] == expected


def test_if_our_value_is_right_the_median_resale_is_the_value_whatever_is_asked() -> None:
    value, fsd = np.array([500_000.0]), np.array([0.1])
    for list_price in (250_000.0, 750_000.0):
        outcome = screen(value, fsd, np.array([list_price]), Costs.of(FREE, 1), PRIOR, 0.5).readings[VALUE_RIGHT]
        assert outcome.highest_offer[0] == pytest.approx(500_000)
        # The scores are uniform, with a deviation of 1: the mean of exp(.1·score) by integration.
        top = 2 / np.std(np.linspace(-2, 2, 201))
        assert outcome.resale_price[0] == pytest.approx(500_000 * np.sinh(0.1 * top) / (0.1 * top), rel=1e-3)


def test_closed_listings_decide_alone() -> None:
    fitted = replace(PRIOR, listings=150)
    list_price = np.array([200_000.0, 520_000.0, 700_000.0])
    screening = screen(np.full(3, 500_000.0), np.full(3, 0.1), list_price, Costs.of(FREE, 3), fitted, 0.5)
    assert screening.readings == {}
    assert screening.pays.tolist() == [PAYS, PAYS_NOT, PAYS_NOT]
    assert ranking_of(fitted) == EXPECTED_MARGIN
    assert screening.score.tolist() == screening.outcome.margin_percent.tolist()


def test_without_closed_listings_the_ratio_of_value_and_list_price_ranks() -> None:
    value, list_price = np.array([100.0, 100.0, 300.0]), np.array([90.0, 60.0, 250.0])
    screening = screen(value, np.array([0.1, 0.9, 0.1]), list_price, Costs.of({}, 3), PRIOR)
    assert ranking_of(PRIOR) == VALUE_TO_LIST_PRICE
    assert best_first(screening.score).tolist() == [1, 2, 0] == best_first(value / list_price).tolist()


def test_the_highest_margins_come_first_and_missing_ones_last() -> None:
    assert best_first(np.array([1.0, np.nan, 3.0, 1.0])).tolist() == [2, 0, 3, 1]


def test_list_prices_far_from_the_value_get_a_warning() -> None:
    value = np.full(4, 500_000.0)
    marked = list_price_warnings(value, np.array([5_000_000.0, 490_000.0, 50_000.0, 990_000.0]))
    assert [where.tolist() for where in marked.values()] == [
        [True, False, False, False],
        [False, False, True, False],
    ]
    assert list_price_warnings(value, value) == {}


def test_by_the_prior_a_typing_error_gets_a_similar_margin_as_a_bargain() -> None:
    value, fsd = np.full(2, 538_000.0), np.full(2, 0.15)
    typing_error, bargain = screen(
        value, fsd, np.array([1_000.0, 300_000.0]), Costs.of(FREE, 2), PRIOR
    ).outcome.margin_percent
    assert 5 < bargain < typing_error < 15


@pytest.mark.parametrize("probability", [0.49, 0.991, float("nan")])
def test_a_probability_out_of_bounds_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match=r"is not from 0.5 to 0.99"):
        screen(np.ones(1), np.ones(1), np.ones(1), Costs.of({}, 1), PRIOR, probability)


@pytest.mark.parametrize(("error", "noise"), [(0.10, 0.04), (0.10, 0.08), (0.15, 0.04), (0.15, 0.08)])
def test_simulated_deals_realise_the_claimed_margins_and_naive_ones_do_not(error: float, noise: float) -> None:
    figures = simulate(error, noise, seed=0)
    assert abs(figures["claimed"] - figures["realised"]) < 1
    assert figures["naive claims"] - figures["naive realises"] > 10
    # Within 3 points, or within what chance alone does to a band of 200 or more: even the true probabilities do.
    assert figures["worst band"] < 3 or figures["in standard errors"] < 3


def test_the_documentation_lists_all_costs_as_declared() -> None:
    page = (Path(__file__).parents[2] / "docs" / "deals.md").read_text(encoding="utf-8")
    for cost in COSTS:
        assert f"| `{cost.name}` | {cost.default:g} | {cost.description} |" in page
