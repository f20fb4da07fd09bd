"""Every peer model of the accuracy benchmark can be trained on raw facts: NaN, labels and dates."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import jobs, tuning
from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.jobs import Job
from benchmarks.accuracy.peers import PEERS
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # the libraries' own

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "square_footage", "kind": "number"},
            {"name": "rooms", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)


def town(n: int = 900) -> DataSet:
    """Return sales whose price is the size times the level of the quarter; rooms are often missing."""
    rng = np.random.default_rng(0)
    size, quarter = rng.uniform(50, 300, n), rng.choice(["east", "west", ""], n)
    quarter[-5:] = "new"  # only in the test part
    facts = Facts(
        {
            "latitude": rng.uniform(47, 47.2, n),
            "longitude": rng.uniform(-122, -121.8, n),
            "square_footage": size,
            "rooms": np.where(rng.random(n) < 0.3, np.nan, size // 40),
            "quarter": quarter,
        }
    )
    price = 2000 * size * np.where(quarter == "east", 2.0, 1.0) * np.exp(rng.normal(0, 0.05, n))
    sales = Sales(facts, price, np.datetime64("2020-01-01") + np.arange(n), np.arange(n))
    return DataSet(MARKET, Parts(*(sales.take(rows) for rows in np.split(np.arange(n), [600, 750]))))


@pytest.mark.parametrize("peer", [name for name, peer in PEERS.items() if "plain" in peer.variants])
def test_a_peer_predicts_prices_without_using_the_test_prices(peer: str, tmp_path: Path) -> None:
    data = town()
    training_input, _, test, _ = jobs.build_inputs(Job("town", peer, "plain", 0), data, tmp_path)
    log_price = PEERS[peer].fit(training_input)(test)
    actual = np.log(data.parts.test.price)
    assert log_price.shape == actual.shape
    rmse = np.sqrt(np.mean((log_price - actual) ** 2))
    assert rmse < (0.8 if peer == "nearest" else 0.35) * actual.std(), "no better than without the quarter"

    expensive = replace(data.parts.test, price=100 * data.parts.test.price)
    other = replace(data, parts=replace(data.parts, test=expensive))
    again = PEERS[peer].fit(jobs.build_inputs(Job("town", peer, "plain", 0), other, tmp_path)[0])(test)
    np.testing.assert_array_equal(log_price, again)


@pytest.mark.parametrize("peer", list(tuning.SPACES))
def test_a_search_finds_settings_that_the_peer_accepts(peer: str, tmp_path: Path) -> None:
    training_input, validation, _, _ = jobs.build_inputs(Job("town", peer, "plain", 0), town(), tmp_path)
    found = tuning.search(training_input, validation, PEERS[peer].fit, tuning.SPACES[peer], trials=2)
    assert found["trials"] == 2
    values = PEERS[peer].fit(replace(training_input, settings=found["settings"]))(validation)
    error = np.sqrt(np.mean((values - training_input.validation_log_price) ** 2))
    assert error == pytest.approx(found["validation_log_rmse"], rel=0.1), (
        "equal up to the rounding of the settings"
    )
