"""Our price index as the peers are given it: it follows the prices that made-up sales were made with."""

import numpy as np

from benchmarks.accuracy.walk.index import fit_index
from benchmarks.accuracy.walk.trials import Trial
from estimator.market.areas import Areas
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

GROWTH = 0.0005
"""Rise of log prices per day: 20% a year."""


def rising_town(n: int = 600) -> Trial:
    rng = np.random.default_rng(0)
    facts = Facts(
        {
            "latitude": rng.uniform(47, 47.2, n),
            "longitude": rng.uniform(-122, -121.8, n),
            "size": rng.uniform(50, 150, n),
        }
    )
    days = np.sort(rng.integers(0, 900, n))
    log_price = np.log(1000 * facts["size"]) + GROWTH * days + rng.normal(0, 0.05, n)
    sales = Sales(facts, np.exp(log_price), np.datetime64("2020-01-01") + days, np.arange(n))
    market = Market.from_dict(
        {
            "name": "town",
            "currency": "USD",
            "sales": "sales.csv",
            "price": "price",
            "sale_date": "date",
            "features": [
                {"name": "latitude", "kind": "latitude"},
                {"name": "longitude", "kind": "longitude"},
                {"name": "size", "kind": "number", "required": True},
            ],
        }
    )
    train, test = (sales.take(rows) for rows in np.split(np.arange(n), [int(0.8 * n)]))
    return Trial("town", market, Areas(np.empty(0, np.str_), {}), train, test, 0)


def test_the_index_follows_the_growth_of_prices() -> None:
    trial = rising_town()
    assert trial.train.date is not None
    index = fit_index(trial, trial.train)(trial.train)
    days = (trial.train.date - trial.train.date[0]).astype(np.float64)
    slope = np.polyfit(days, index, 1)[0]
    assert abs(slope / GROWTH - 1) < 0.1
    assert np.std(index - slope * days) < 0.03


def test_what_the_index_says_of_a_home_does_not_use_its_price() -> None:
    trial = rising_town()
    known = fit_index(trial, trial.train)
    dearer = Sales(trial.test.facts, 5 * trial.test.price, trial.test.date, trial.test.home)
    np.testing.assert_array_equal(known(trial.test), known(dearer))
