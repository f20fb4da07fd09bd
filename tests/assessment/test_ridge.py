"""The ridge regression against another way of computing it, and with sales that teach it little."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.assessment import ridge
from estimator.assessment.ridge import MAX_LABELS, MIN_LABEL_SALES, ridge_values
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "features": [
            {"name": "size", "kind": "number"},
            {"name": "rooms", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)


def make_sales(n: int, seed: int = 0, **columns: Any) -> Sales:
    """Sales whose log price is linear in size, rooms, quarter and day, with noise."""
    rng = np.random.default_rng(seed)
    quarter = rng.choice(["north", "south", "west"], n)
    made = {"size": rng.uniform(30, 200, n), "rooms": rng.integers(1, 7, n).astype(float), "quarter": quarter}
    day = np.sort(rng.integers(0, 700, n))
    level = {"north": 0.0, "south": 0.3, "west": -0.2}
    log_price = (
        11
        + 0.01 * made["size"]
        + 0.05 * made["rooms"]
        + np.array([level[name] for name in quarter])
        + 0.0004 * day
    )
    price = np.exp(log_price + rng.normal(0, 0.05, n))
    facts = Facts({**made, **columns})
    return Sales(facts, price, np.datetime64("2020-01-01") + day, np.arange(n))


def valued_at_once(known: Sales, sales: Sales) -> FloatArray:
    return ridge_values(MARKET, known, sales, [np.arange(len(sales))])


def log_rmse(values: FloatArray, sales: Sales) -> float:
    return float(np.sqrt(np.mean(np.log(values / sales.price) ** 2)))


def test_it_solves_the_penalised_problem() -> None:
    """By least squares of the columns with a row for each penalty, on facts that pandas encodes."""
    known, sales = make_sales(300), make_sales(50, seed=1)

    def table(of: Sales) -> pd.DataFrame:
        assert of.date is not None
        numbers = pd.DataFrame({"size": of.facts["size"], "rooms": of.facts["rooms"], "day": of.date.astype(int)})
        return numbers.join(pd.get_dummies(of.facts["quarter"], dtype=float))

    columns, new = table(known), table(sales)
    mean, deviation = columns.mean(), columns.std(ddof=0)
    for name in ("north", "south", "west"):
        mean[name], deviation[name] = 0, 1
    columns, new = (columns - mean) / deviation, (new - mean) / deviation
    columns.insert(0, "one", 1.0)
    new.insert(0, "one", 1.0)
    log_price = np.log(known.price)
    rows = np.diag([0.0, *np.ones(6)])
    weights = np.linalg.lstsq(
        np.vstack((columns, rows)), np.append(log_price - log_price.mean(), np.zeros(7)), rcond=None
    )[0]
    expected = np.exp(new.to_numpy() @ weights + log_price.mean())
    np.testing.assert_allclose(valued_at_once(known, sales), expected, rtol=1e-6)
    assert log_rmse(valued_at_once(known, sales), sales) < 0.06


def test_each_step_knows_the_sales_of_the_steps_before() -> None:
    known, sales = make_sales(100), make_sales(60, seed=1)
    first, second = np.arange(0, 60, 2), np.arange(1, 60, 2)
    values = ridge_values(MARKET, known, sales, [first, second])
    np.testing.assert_allclose(values[first], valued_at_once(known, sales.take(first)))
    later = known.joined(sales.take(first))
    np.testing.assert_allclose(values[second], valued_at_once(later, sales.take(second)))


@pytest.mark.parametrize(
    "columns",
    [
        {"size": np.full(40, 80.0)},
        {"size": np.full(40, np.nan), "rooms": np.full(40, np.nan), "quarter": np.full(40, "")},
        {"quarter": np.array([f"street {row}" for row in range(40)])},
        {"size": np.append(np.full(39, 80.0), 1e12)},
        {"size": np.arange(40.0), "rooms": np.arange(40.0)},
    ],
    ids=["constant", "all unknown", "every label once", "one mistyped", "two equal columns"],
)
def test_degenerate_sales_give_values_near_the_prices(columns: dict[str, Any]) -> None:
    known = make_sales(40, **columns)
    values = valued_at_once(known, make_sales(40, seed=1))
    assert np.isfinite(values).all()
    assert known.price.min() / 3 < values.min() <= values.max() < 3 * known.price.max()


def test_one_known_sale_gives_its_price() -> None:
    known, sales = make_sales(1), make_sales(9, seed=1)
    np.testing.assert_allclose(valued_at_once(known, sales), known.price[0])


def test_rare_and_too_many_labels_have_no_column() -> None:
    n = MIN_LABEL_SALES * (MAX_LABELS + 5)
    many = np.array([f"street {row % (MAX_LABELS + 5):03d}" for row in range(n)])
    assert len(ridge._frequent_labels(many)) == MAX_LABELS
    few = np.repeat(["a", "b", ""], [MIN_LABEL_SALES, MIN_LABEL_SALES - 1, 50])
    assert ridge._frequent_labels(few).tolist() == ["a"]


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    known, sales = make_sales(100), make_sales(30, seed=1)
    expected = valued_at_once(known, sales)
    monkeypatch.setattr(ridge, "_BLOCK", 7)
    np.testing.assert_allclose(valued_at_once(known, sales), expected)
