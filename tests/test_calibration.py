"""Ranges of small towns: every sale calibrates, valued by a model that was trained without its home."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.calibration import MAX_CALIBRATION_SALES, cross_calibrate, join_residuals
from estimator.market.areas import Areas
from estimator.market.market import Market
from estimator.market.sales import Sales, split_sales
from estimator.model.recipe import Recipe
from estimator.uncertainty.conformal import MIN_CALIBRATION_SALES, CalibrationResiduals

SMALL = Recipe(networks=1, members=2, width=32, epochs=4)
"""Trained in a fraction of a second."""


def draw_town(sales: Sales, n: int, seed: int) -> tuple[Sales, Sales]:
    """Return n random sales in the order of their dates, and 1,000 others."""
    rows = np.random.default_rng(seed).permutation(len(sales))
    return sales.take(np.sort(rows[:n])).sorted_by_date(), sales.take(rows[n : n + 1000])


def published(market: Market, areas: Areas, town: Sales) -> tuple[Appraiser, Appraiser]:
    """Return the town's evaluated appraiser, and the one that would be published."""
    rng = np.random.default_rng(0)
    parts = split_sales(town, "time", rng)
    appraiser = Appraiser.fit(market, areas, parts, rng, recipe=SMALL)
    return appraiser, appraiser.with_sales(parts.test, rng)


def coverage(appraiser: Appraiser, sales: Sales) -> float:
    values = appraiser.value(sales.facts, sales.date)
    inside = (values.low <= sales.price) & (sales.price <= values.high)
    return float(np.mean(inside[values.priced]))


def errors_of(rows: Iterable[int]) -> tuple[CalibrationResiduals, ...]:
    """Return errors that name the row of their sale."""
    row = np.array(rows, np.int64)
    return (
        CalibrationResiduals(row.astype(float), np.zeros((len(row), 0), np.bool_), np.ones((len(row), 3)), row),
    )


def test_ranges_are_calibrated_on_the_newest_sales_even_if_older_ones_are_recorded_later() -> None:
    n, late = MAX_CALIBRATION_SALES + 400, 300
    rng = np.random.default_rng(0)
    date = np.datetime64("2015-01-01") + rng.permutation(n + late)  # each its own day
    forgotten = rng.random(n + late) < 0.05
    (joined,) = join_residuals(errors_of(range(400, n)), errors_of(range(n, n + late)), date)
    newest = sorted(sorted(range(400, n + late), key=lambda row: date[row])[-MAX_CALIBRATION_SALES:])
    assert joined.residual.tolist() == newest
    kept = joined.without(forgotten)
    assert kept.residual.tolist() == [row for row in newest if not forgotten[row]]
    assert np.flatnonzero(~forgotten)[kept.row].tolist() == kept.residual.tolist()
    (undated,) = join_residuals(errors_of(range(400, n)), errors_of(range(n, n + late)), None)
    assert undated.row.tolist() == list(range(n + late))[-MAX_CALIBRATION_SALES:]


@pytest.mark.training
def test_a_small_town_calibrates_on_all_its_sales(market: Market, areas: Areas, sales: Sales) -> None:
    town, others = draw_town(sales, 50, 0)
    evaluated, final = published(market, areas, town)
    assert evaluated.ranges.n_sales == 40
    assert final.ranges.n_sales == len(final.model.sales) == 50
    assert evaluated.has_ranges
    assert final.has_ranges
    assert 0.75 <= coverage(final, others) <= 0.99


@pytest.mark.training
@pytest.mark.parametrize("n", [10, 20])
def test_a_town_of_a_few_sales_has_no_ranges(market: Market, areas: Areas, sales: Sales, n: int) -> None:
    town, others = draw_town(sales, n, 0)
    for appraiser in published(market, areas, town):
        assert not appraiser.has_ranges
        values = appraiser.value(others.facts, others.date)
        assert values.priced.any()
        for figures in (values.low, values.high, values.fsd, values.probability_within_10):
            assert np.isnan(figures).all()


@pytest.mark.training
def test_the_validation_sales_alone_calibrate_where_they_are_enough(
    market: Market, areas: Areas, sales: Sales
) -> None:
    town, _ = draw_town(sales, 10 * MIN_CALIBRATION_SALES, 0)
    evaluated, final = published(market, areas, town)
    assert evaluated.ranges.n_sales == MIN_CALIBRATION_SALES
    assert final.ranges.n_sales == 3 * MIN_CALIBRATION_SALES


@pytest.mark.training
def test_a_sale_is_valued_by_a_model_that_never_saw_its_home(market: Market, areas: Areas, sales: Sales) -> None:
    """At a hundred times the price its error rises by log(100), and nothing else about it changes."""
    town, _ = draw_town(sales, 40, 0)
    evaluated, _ = published(market, areas, town)
    twice = np.array([7, 30])
    town.home[twice] = town.home[7]
    dear = replace(town, price=town.price.copy())
    dear.price[twice] *= 100
    before, after = (
        cross_calibrate(market, areas, evaluated.error_scale, known, np.random.default_rng(1), SMALL)
        for known in (town, dear)
    )
    for one, other in zip(before, after, strict=True):
        assert len(one.residual) == 40
        rise = other.residual - one.residual
        assert rise[twice] == pytest.approx(np.full(len(twice), np.log(100)))
        np.testing.assert_array_equal(one.missing[twice], other.missing[twice])
        np.testing.assert_array_equal(one.scales[twice], other.scales[twice])


@pytest.mark.slow
@pytest.mark.parametrize("n", [50, 100])
def test_the_ranges_of_ten_small_towns_hold_nine_tenths_of_other_prices(
    market: Market, areas: Areas, sales: Sales, n: int
) -> None:
    held = []
    for seed in range(10):
        town, others = draw_town(sales, n, seed)
        held.append(coverage(published(market, areas, town)[1], others))
    assert 0.86 <= np.mean(held) <= 0.96
    assert min(held) >= 0.75
