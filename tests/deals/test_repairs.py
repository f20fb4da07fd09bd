import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.screening import simulated_repairs
from estimator.appraiser import Appraiser
from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import listing_table
from estimator.deals.repairs import AFTER, Repairs, Uplift, UpliftErrors
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import REPAIR_REFUSED, screen
from estimator.market.facts import Facts
from estimator.market.market import Market
from tests.deals.test_screen_file import listings

PRIOR = ListPriceModel.prior([np.linspace(-2, 2, 201)])
FREE = {"buying_cost": 0.0, "selling_cost": 0.0}


def test_every_fact_but_the_place_may_change_within_its_own_bounds(market: Market) -> None:
    table = listing_table(market)
    after = {feature.name for feature in table.features if feature.name.startswith(AFTER)}
    assert after == {AFTER + f.name for f in market.features} - {
        AFTER + name for name in ("latitude", "longitude", "postal_code")
    }
    condition = table.by_name["after_condition"]
    assert (condition.minimum, condition.maximum, condition.required) == (1, 5, False)
    assert "after_sqft_living" in table.by_name["after_square_footage"].names


def test_facts_afterwards_replace_only_those_that_are_given(market: Market) -> None:
    facts = Facts({feature.name: np.array([3.0, 4.0]) for feature in market.features})
    columns = Facts({**facts.columns, "after_condition": np.array([5.0, np.nan])})
    repairs = Repairs.of(market, columns, facts)
    assert repairs.planned.tolist() == [True, False]
    assert repairs.facts["condition"].tolist() == [5.0, 4.0]
    assert repairs.facts["grade"].tolist() == [3.0, 4.0]


def test_a_home_that_stays_as_it_is_or_cannot_be_valued_afterwards_has_no_uplift() -> None:
    price, after = np.array([100.0, 100.0, np.nan, 100.0]), np.array([120.0, np.nan, np.nan, np.nan])
    planned = np.array([True, True, True, False])
    uplift = Uplift.of(price, after, planned, np.full(4, 0.1))
    assert uplift.log_uplift.tolist() == pytest.approx([np.log(1.2), 0, 0, 0])
    assert uplift.deviation.tolist() == [0.1, 0, 0, 0]
    assert uplift.planned.tolist() == [True, False, False, False]
    assert uplift.refused.tolist() == [False, True, False, False]


def test_the_error_of_an_uplift_is_found_from_neighbours_that_differ(appraiser: Appraiser) -> None:
    """In each street, errors follow a random walk over one fact with steps of .1, besides what is a home's own."""
    rng = np.random.default_rng(0)
    n, streets = 5_000, 500
    facts = appraiser.model.sales.facts.take(np.zeros(n, int))
    street, walk = np.repeat(np.arange(streets), n // streets), rng.integers(0, 20, n)
    steps = np.cumsum(rng.normal(0, 0.1, (streets, 20)), axis=1)
    place = {
        "latitude": 47.2 + 0.001 * street + rng.normal(0, 1e-5, n),
        "longitude": -122.2 + rng.normal(0, 1e-5, n),
    }
    sales = replace(
        appraiser.model.sales,
        facts=facts.replace({**place, "square_footage": 1000.0 + walk}),
        price=np.ones(n),
        date=np.full(n, np.datetime64("2015-01-01")),
        home=np.arange(n),
        sale_id=None,
    )
    index = appraiser.model.index.at(appraiser.market, sales.facts, sales.date)
    error = index + steps[street, walk] + rng.normal(0, 0.05, n)
    errors = UpliftErrors.fit(replace(appraiser.model, sales=sales, residual=error))
    assert list(errors.scales) == ["square_footage"]
    assert errors.scales["square_footage"] == pytest.approx(np.std(walk))
    before = sales.facts.take(np.zeros(1, int))
    after = before.replace({"square_footage": before["square_footage"] + 1})
    assert errors.deviation(before, after)[0] == pytest.approx(0.1, rel=0.1)
    assert errors.deviation(before, before)[0] == 0


@pytest.mark.parametrize(("name", "now", "afterwards"), [("size", 1.0, 3.0), ("view", "none", "lake")])
def test_a_listing_that_leaves_out_what_a_fact_is_now_is_no_surer_of_the_uplift(
    name: str, now: float | str, afterwards: float | str
) -> None:
    errors = UpliftErrors({"size": 2.0, "view": 1.0}, 0.01)
    after = Facts({"size": np.array([1.0]), "view": np.array(["none"])}).replace({name: np.array([afterwards])})
    unknown = np.array([""] if name == "view" else [np.nan])
    stated, left_out = (
        errors.deviation(after.replace({name: before}), after)[0] for before in (np.array([now]), unknown)
    )
    assert 0 < stated <= left_out
    assert errors.deviation(after.replace({name: unknown}), after.replace({name: unknown}))[0] == 0


def test_what_resells_after_a_repair_is_what_would_resell_now_times_the_uplift() -> None:
    one, fsd = np.array([200_000.0]), np.array([0.1])
    certain = Uplift.of(one, 1.25 * one, np.ones(1, np.bool_), np.zeros(1))
    costs = Costs.of(FREE | {"rehab": 20_000.0}, 1)
    before, after = screen(one, fsd, one, costs, PRIOR), screen(one, fsd, one, costs, PRIOR, uplift=certain)
    for name, outcome in after.readings.items():
        assert outcome.resale_price[0] == pytest.approx(1.25 * before.readings[name].resale_price[0], rel=1e-9)
    assert after.arv[0] == 250_000
    assert after.uplift[0] == after.uplift_low[0] == after.uplift_high[0] == pytest.approx(50_000)
    assert after.seventy_percent_offer[0] == pytest.approx(0.7 * 250_000 - 20_000)
    assert np.isnan(before.arv[0])


def test_an_uplift_of_its_own_error_widens_the_outcome_less_than_two_separate_values_would() -> None:
    one, fsd = np.array([200_000.0]), np.array([0.1])
    planned = np.ones(1, np.bool_)
    widths = []
    for deviation in (0.0, 0.05, 0.1 * np.sqrt(2)):
        uplift = Uplift.of(one, 1.25 * one, planned, np.full(1, deviation))
        found = screen(one, fsd, one, Costs.of({}, 1), PRIOR, uplift=uplift)
        widths.append(float(np.log(found.arv_high[0] / found.arv_low[0])))
        assert found.uplift_low[0] <= found.uplift[0] <= found.uplift_high[0]
    assert widths[0] < widths[1] < 1.2 * widths[0] < widths[2]


@pytest.mark.parametrize("seed", range(3))
def test_the_claimed_range_of_the_margin_after_repairs_holds_four_of_five(seed: int) -> None:
    assert 0.75 < simulated_repairs(seed)["inside the 80% range"] < 0.85


def test_a_file_with_repairs_has_their_values_as_the_appraiser_gives_them(
    appraiser: Appraiser, tmp_path: Path
) -> None:
    table = listings(40)
    table["condition"] = "3"
    table["after_condition"] = ["5" if row % 2 else "" for row in range(40)]
    table["after_sqft_living"] = ["9900" if row == 1 else "" for row in range(40)]
    table["rehab"] = "30000"
    model = ListPriceModel.prior(appraiser.ranges.scores)

    def screened(name: str, rows: pd.DataFrame) -> pd.DataFrame:
        rows.to_csv(tmp_path / f"{name}.csv", index=False)
        screen_file(appraiser, model, tmp_path / f"{name}.csv", tmp_path / f"{name}_out.csv", {})
        return pd.read_csv(tmp_path / f"{name}_out.csv").set_index("listing_id")

    found = screened("repairs", table)
    finished = screened("finished", table.assign(condition="5"))
    planned = found.index[found.after_condition == 5].drop(["L1"])
    np.testing.assert_array_equal(found.screen_arv[planned], finished.valuation_price[planned])
    uplift = found.screen_arv - found.valuation_price
    np.testing.assert_allclose(found.screen_uplift[planned], uplift[planned], atol=0.02)
    assert (found.screen_uplift_low[planned] < found.screen_uplift_high[planned]).all()
    assert found.screen_arv[found.after_condition.isna()].isna().all()
    assert np.isnan(found.screen_arv["L1"])
    assert REPAIR_REFUSED in found.warnings["L1"]


def test_uplift_errors_are_plain_numbers(appraiser: Appraiser) -> None:
    errors = UpliftErrors.fit(appraiser.model)
    assert errors.variance >= 0
    assert json.dumps(dict(errors.scales))
    assert "latitude" not in errors.scales
