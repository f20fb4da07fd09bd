"""The price index of made-up sales whose prices are known to have moved in a certain way."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.model.price_index import MAX_FORECAST_MONTHS, IndexSales, PriceIndex, fit_price_index
from estimator.model.price_index.index import _monthly_levels, _months_together

MARKET = Market.from_dict(
    {
        "name": "plain",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "features": [
            {"name": "size", "kind": "number", "price_effect": "increasing"},
            {"name": "type", "kind": "category"},
        ],
    }
)
FIRST = np.datetime64("2019-03")
N_MONTHS, PER_MONTH = 30, 40
NOISE = 0.15


def sales(path: FloatArray, *, flats: float = 0.0, per_month: int = PER_MONTH, seed: int = 0) -> IndexSales:
    """Sales of flats and houses in each month of a path; flats gain `flats` per month on top of it."""
    rng = np.random.default_rng(seed)
    month = np.repeat(np.arange(len(path)), per_month)
    is_flat = rng.random(len(month)) < 0.5
    facts = Facts({"size": rng.normal(100, 20, len(month)), "type": np.where(is_flat, "flat", "house")})
    day = rng.integers(0, 28, len(month))
    date: DateArray = (FIRST + month).astype("datetime64[D]") + day.astype("timedelta64[D]")
    residual = path[month] + flats * month * np.where(is_flat, 1, -1) + rng.normal(0, NOISE, len(month))
    return IndexSales(facts, date, residual)


PATH = np.concatenate((np.linspace(0, 0.2, 15), np.linspace(0.2, 0.1, 15)))
SALES = sales(PATH)
INDEX = fit_price_index(MARKET, SALES)


def on(*days: str | np.datetime64) -> DateArray:
    return np.array(days, "datetime64[D]")


def at(index: PriceIndex, date: DateArray, kind: str = "flat") -> FloatArray:
    """Return the index of one home on some days."""
    n = len(date)
    return index.at(MARKET, Facts({"size": np.full(n, 100.0), "type": np.full(n, kind)}), date)


def middles(n: int = N_MONTHS) -> DateArray:
    """Return the middle days of the first n months."""
    return (FIRST + np.arange(n)).astype("datetime64[D]") + 14


def test_a_known_path_is_recovered_within_its_error() -> None:
    error = np.abs(at(INDEX, middles()) - PATH)
    assert error.max() < 0.05
    assert np.mean(error <= 1.645 * INDEX.standard_error(middles(), N_MONTHS)) >= 0.8
    assert INDEX.spread == pytest.approx(NOISE, rel=0.1)


def test_a_sale_at_a_tenth_of_the_price_hardly_moves_its_month() -> None:
    """The mean of the month's residuals would fall by .058."""
    wrong = SALES.residual.copy()
    wrong[PER_MONTH * 20] -= np.log(10)
    index = fit_price_index(MARKET, IndexSales(SALES.facts, SALES.date, wrong))
    assert np.abs(at(index, middles()) - at(INDEX, middles())).max() < 0.012


def test_a_sale_with_a_mistyped_date_hardly_moves_the_other_months() -> None:
    wrong = SALES.date.copy()
    wrong[5] = np.datetime64("2016-07-01")
    index = fit_price_index(MARKET, IndexSales(SALES.facts, wrong, SALES.residual))
    assert np.abs(at(index, middles()) - at(INDEX, middles())).max() < 0.02


def test_the_level_of_a_month_is_hubers_estimate() -> None:
    """Where the pulls, none stronger than .7 standard deviations, are in balance."""
    rng = np.random.default_rng(0)
    residual = np.concatenate((rng.normal(0, NOISE, 30), rng.normal(-4 * NOISE, NOISE, 10)))
    value, variance = _monthly_levels(residual, np.zeros(40, np.int64), 1, NOISE)
    limit = 0.7 * NOISE
    balance = brentq(lambda level: (residual - level).clip(-limit, limit).sum(), -1, 1)
    assert value[0] == pytest.approx(balance, abs=1e-4)
    assert value[0] > residual.mean() + 0.05
    # Its standard error is that of repeated samples.
    levels = [
        _monthly_levels(rng.choice(residual, 40), np.zeros(40, np.int64), 1, NOISE)[0][0] for _ in range(500)
    ]
    assert np.sqrt(variance[0]) == pytest.approx(np.std(levels), rel=0.2)


def test_five_sales_at_a_tenth_of_the_price_hardly_move_their_type() -> None:
    """Five of the some 20 flats of a month; the mean of the 20 would fall by .58."""
    apart = sales(PATH, flats=0.003)
    is_flat_then = (apart.facts["type"] == "flat") & (np.arange(len(apart.date)) // PER_MONTH == 15)
    wrong = apart.residual.copy()
    wrong[np.flatnonzero(is_flat_then)[:5]] -= np.log(10)
    before, after = (
        fit_price_index(MARKET, IndexSales(apart.facts, apart.date, residual))
        for residual in (apart.residual, wrong)
    )
    moved = [at(index, middles(), "flat") - at(index, middles(), "house") for index in (before, after)]
    assert np.abs(moved[1] - moved[0]).max() < 0.015


def test_the_value_of_a_home_never_jumps_from_one_day_to_the_next() -> None:
    index = fit_price_index(MARKET, sales(PATH, flats=0.01))
    assert index.groupings
    last = (FIRST + N_MONTHS + MAX_FORECAST_MONTHS + 2).astype("datetime64[D]")
    days = np.arange(FIRST.astype("datetime64[D]") - 40, last)
    for kind in ("flat", "house", ""):
        steps = np.abs(np.diff(at(index, days, kind)))
        months = np.abs(np.diff(at(index, middles(N_MONTHS + MAX_FORECAST_MONTHS), kind)))
        assert steps.max() <= months.max() / 27
    errors = index.standard_error(days, len(days))
    assert np.abs(np.diff(errors)).max() <= np.abs(np.diff(index.deviation)).max() / 27


def test_before_the_first_month_it_is_that_of_the_first_month() -> None:
    early = at(INDEX, on("1990-01-01", "2019-02-28", "2019-03-01"))
    np.testing.assert_allclose(early, INDEX.level[0])


def test_a_forecast_ends_after_two_years_and_is_ever_less_certain() -> None:
    months = (FIRST + np.arange(N_MONTHS - 1, N_MONTHS + MAX_FORECAST_MONTHS)).astype("datetime64[D]") + 14
    errors = INDEX.standard_error(months, len(months))
    assert (np.diff(errors) > 0).all()
    assert (np.diff(INDEX.widening(errors)) > 0).all()
    assert INDEX.widening(np.zeros(1)) == 1
    later = on("2060-01-01", "2061-01-01")
    assert np.ptp(at(INDEX, later)) == 0
    assert np.ptp(np.append(INDEX.standard_error(later, 2), INDEX.deviation[-1])) == 0


def test_what_was_known_at_the_beginning_of_a_month_does_not_include_its_sales() -> None:
    is_last = SALES.date >= (FIRST + N_MONTHS - 1).astype("datetime64[D]")
    higher = fit_price_index(
        MARKET, IndexSales(SALES.facts, SALES.date, SALES.residual + np.where(is_last, 0.1, 0.0))
    )
    last, facts = middles()[-1:], SALES.facts.take(slice(1))
    before, after = (index.before_month(MARKET, facts, last) for index in (INDEX, higher))
    # The sizes of the steps are those that fit all months, so it changes a little.
    assert np.abs(after - before)[0] < 0.02
    assert (at(higher, last) - at(INDEX, last))[0] > 0.05
    assert (
        INDEX.standard_error_before_month(middles(), N_MONTHS)[1:] > INDEX.standard_error(middles(), N_MONTHS)[1:]
    ).all()


@pytest.mark.parametrize("n_months", [1, 2])
def test_a_market_of_one_or_two_months_knows_its_index_to_a_few_percent(n_months: int) -> None:
    few = sales(np.zeros(n_months))
    index = fit_price_index(MARKET, few)
    assert (index.widening(index.standard_error_before_month(few.date, len(few.date))) < 1.5).all()
    assert np.abs(index.before_month(MARKET, few.facts, few.date)).max() < NOISE


def test_types_that_move_apart_have_paths_of_their_own() -> None:
    drift = 0.003
    index = fit_price_index(MARKET, sales(PATH, flats=drift))
    assert [grouping.name for grouping in index.groupings] == ["type"]
    apart = at(index, middles(), "flat") - at(index, middles(), "house")
    np.testing.assert_allclose(apart, 2 * drift * np.arange(N_MONTHS), atol=0.04)
    unknown = at(index, middles(), "")
    np.testing.assert_allclose(
        unknown, (at(index, middles(), "flat") + at(index, middles(), "house")) / 2, atol=0.05
    )
    # After the newest sale they keep their distance.
    ahead = (FIRST + N_MONTHS + 6).astype("datetime64[D]")
    later = at(index, on(ahead), "flat") - at(index, on(ahead), "house")
    assert later[0] == pytest.approx(apart[-1], abs=0.02)


def test_types_that_do_not_move_apart_have_none() -> None:
    assert INDEX.groupings == ()


def test_months_with_fewer_sales_are_less_certain() -> None:
    few = fit_price_index(MARKET, sales(PATH, per_month=5))
    assert np.median(few.deviation[:N_MONTHS]) > 1.3 * np.median(INDEX.deviation[:N_MONTHS])


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [30, 50, 100])
def test_the_noise_of_few_sales_a_month_does_not_pass_for_movement(n: int, seed: int) -> None:
    """Sales of a small town in a year of steady prices: two to eight a month."""
    rng = np.random.default_rng(seed)
    date = np.sort(np.datetime64("2015-01-01") + rng.integers(0, 365, n))
    facts = Facts({"type": np.full(n, "flat")})
    index = fit_price_index(MARKET, IndexSales(facts, date, rng.normal(0, 0.27, n)))
    assert index.spread == pytest.approx(0.27, rel=0.4)
    level = index.market_level(date)
    assert np.ptp(level) < 0.12
    assert (np.abs(level) < 2.5 * index.standard_error(date, n) + 2.5 * 0.27 / np.sqrt(n)).all()


def test_months_with_few_sales_are_judged_together() -> None:
    counts = [25, 3, 4, 14, 40, 19, 1, 5]
    month = np.repeat(np.arange(8), counts)
    groups = _months_together(month, 8)
    assert [np.unique(groups[month == number]).tolist() for number in range(8)] == [
        [0], [1], [1], [1], [2], [3], [3], [3],
    ]  # fmt: skip
    assert set(_months_together(np.array([0, 5]), 6)) == {0}


def test_a_market_without_dates_has_an_index_of_zero_that_is_certain() -> None:
    index, facts = PriceIndex(), SALES.facts.take(slice(3))
    for figures in (
        index.at(MARKET, facts, None),
        index.before_month(MARKET, facts, None),
        index.standard_error(None, 3),
        index.standard_error_before_month(None, 3),
        index.at(MARKET, facts, on("2020-01-01", "2021-01-01", "2022-01-01")),
    ):
        assert figures.tolist() == [0, 0, 0]
    assert index.widening(index.standard_error(None, 3)).tolist() == [1, 1, 1]


def test_one_sale_alone_has_an_index() -> None:
    one = IndexSales(SALES.facts.take(slice(1)), on("2020-02-29"), np.array([0.3]))
    index = fit_price_index(MARKET, one)
    assert np.isfinite(at(index, on("2000-01-01", "2020-02-29", "2030-01-01"))).all()
    assert at(index, on("2020-02-29"))[0] == pytest.approx(0.3, abs=0.01)


@settings(max_examples=5)  # each fits an index
@given(st.floats(-1, 1))
def test_a_higher_level_of_all_worths_lowers_the_index_by_as_much(shift: float) -> None:
    """Only the sum counts: the level of the worth is arbitrary."""
    short = sales(PATH[:12])
    low, high = (
        fit_price_index(MARKET, IndexSales(short.facts, short.date, short.residual + level))
        for level in (0.0, shift)
    )
    np.testing.assert_allclose(high.level - low.level, shift, atol=5e-3)


def test_an_index_is_restored_from_its_state() -> None:
    index = fit_price_index(MARKET, sales(PATH, flats=0.01))
    restored = PriceIndex.from_state(pickle.loads(pickle.dumps(index.state())))
    days = on("2018-01-01", "2020-06-15", "2022-02-02")
    for kind in ("flat", "house"):
        np.testing.assert_array_equal(at(restored, days, kind), at(index, days, kind))
    np.testing.assert_array_equal(restored.standard_error(days, 3), index.standard_error(days, 3))
