"""Residuals of the hedonic fit of a made-up market whose prices move in a known way."""

import numpy as np
import pytest

from estimator.features.home_encoder import HomeEncoder
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.price_index import first_index, hedonic_residuals

TABLE = {
    "name": "plain",
    "currency": "EUR",
    "sales": "sales.csv",
    "price": "price",
    "sale_date": "date",
    "features": [
        {"name": "latitude", "kind": "latitude"},
        {"name": "longitude", "kind": "longitude"},
        {"name": "size", "kind": "number"},
    ],
}
MARKET = Market.from_dict(TABLE)
N_MONTHS, PER_MONTH, NOISE = 18, 60, 0.05
MONTH = np.repeat(np.arange(N_MONTHS), PER_MONTH)
PATH = 0.05 * np.sin(np.arange(N_MONTHS) / 2) + 0.01 * np.arange(N_MONTHS)


def random_sales(*, growing: float = 0.0) -> Sales:
    """Sales on a hilly map along the path; homes become larger by a share `growing` per month."""
    rng = np.random.default_rng(0)
    n = len(MONTH)
    north, east = rng.uniform(50, 50.2, n), rng.uniform(7, 7.2, n)
    size = rng.normal(100, 15, n) * (1 + growing * MONTH)
    worth = 12 + np.sin(north * 40) + np.cos(east * 40) + 0.8 * np.log(size / 100)
    price = np.exp(worth + PATH[MONTH] + rng.normal(0, NOISE, n))
    day = rng.integers(0, 28, n).astype("timedelta64[D]")
    date: DateArray = (np.datetime64("2020-01") + MONTH).astype("datetime64[D]") + day
    return Sales(Facts({"latitude": north, "longitude": east, "size": size}), price, date, np.arange(n))


def monthly(sales: Sales, seed: int = 0) -> FloatArray:
    """Return the median residual of each month, less the mean of all months."""
    rng = np.random.default_rng(seed)
    homes = HomeEncoder.fit(MARKET, sales.facts, sales.date).transform(sales.facts, sales.date)
    residual = hedonic_residuals(homes.kriging_inputs, sales, rng)
    medians: FloatArray = np.array([np.median(residual[month == MONTH]) for month in range(N_MONTHS)])
    centred: FloatArray = medians - medians.mean()
    return centred


@pytest.mark.parametrize("growing", [0.0, 0.02], ids=["same homes", "ever larger homes"])
def test_a_known_monthly_path_is_recovered_within_its_error(growing: float) -> None:
    """Even if the homes sold become larger, so that mean prices rise by much more than the path."""
    error = monthly(random_sales(growing=growing)) - (PATH - PATH.mean())
    # The median of 60 sales whose worth is estimated with twice the noise of a price.
    standard_error = 1.25 * 2 * NOISE / np.sqrt(PER_MONTH)
    assert np.sqrt(np.mean(error**2)) < standard_error
    assert np.abs(error).max() < 3 * standard_error


def test_a_sale_does_not_count_for_the_worth_of_its_own_home() -> None:
    """One price ten times too high: all of it is in its residual."""
    sales = random_sales()
    homes = HomeEncoder.fit(MARKET, sales.facts, sales.date).transform(sales.facts, sales.date)
    residuals = []
    for factor in (1.0, 10.0):
        price = sales.price * np.where(np.arange(len(sales)) == 7, factor, 1.0)
        changed = Sales(sales.facts, price, sales.date, sales.home)
        residuals.append(hedonic_residuals(homes.kriging_inputs, changed, np.random.default_rng(1)))
    change = residuals[1] - residuals[0]
    assert change[7] - np.median(change) == pytest.approx(np.log(10), rel=0.02)


def test_the_first_index_follows_the_path() -> None:
    sales = random_sales()
    index, residual = first_index(MARKET, sales, np.random.default_rng(0))
    assert len(residual) == len(sales)
    found = index.level[:N_MONTHS] - index.level[:N_MONTHS].mean()
    assert np.abs(found - (PATH - PATH.mean())).max() < 0.03


def test_a_market_without_dates_has_an_index_of_zero() -> None:
    sales = random_sales()
    market = Market.from_dict({key: value for key, value in TABLE.items() if key != "sale_date"})
    undated = Sales(sales.facts, sales.price, None, sales.home)
    index, residual = first_index(market, undated, np.random.default_rng(0))
    assert not residual.any()
    assert not index.at(market, undated.facts, None).any()
