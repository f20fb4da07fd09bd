"""A made-up town whose sales are right, as a table of text: tests spoil some of them."""

from pathlib import Path

import numpy as np
import pandas as pd

from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.sales_file import read_validated_sales
from estimator.market.validation.reasons import SetAside
from estimator.market.validation.validate import ValidatedSales

TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "sale_id": "id",
        "features": [
            {"name": "latitude", "kind": "latitude", "column": "lat", "required": True},
            {"name": "longitude", "kind": "longitude", "column": "lon", "required": True},
            {"name": "size", "kind": "number", "column": "m2", "unit": "m²", "required": True},
            {"name": "rooms", "kind": "integer"},
            {"name": "year_built", "kind": "integer"},
            {"name": "year_renovated", "kind": "integer", "column": "YearRenov"},
        ],
    }
)


def town_sales(n: int = 400, seed: int = 0) -> pd.DataFrame:
    """Return n right sales of a town on the 47th parallel, 10 km wide, over two years."""
    rng = np.random.default_rng(seed)
    size = rng.lognormal(4.6, 0.35, n).round()
    built = rng.integers(1890, 2018, n)
    renovated = np.where(rng.random(n) < 0.2, np.minimum(built + rng.integers(5, 60, n), 2020), 0)
    return pd.DataFrame(
        {
            "id": [f"h{home}" for home in range(n)],
            "sold": (np.datetime64("2019-01-01") + rng.integers(0, 730, n)).astype(str),
            "price": (size * 3000 * rng.lognormal(0, 0.25, n)).round(-2).astype(int),
            "lat": (47.0 + rng.normal(0, 0.03, n)).round(5),
            "lon": (-122.0 + rng.normal(0, 0.04, n)).round(5),
            "m2": size.astype(int),
            "rooms": rng.integers(1, 7, n),
            "year_built": built,
            "YearRenov": renovated,
        }
    ).astype(str)


def validated(
    table: pd.DataFrame, folder: Path, known: Sales | None = None, *, strict: bool = False
) -> ValidatedSales:
    """Write a table as a file of sales, and read it."""
    path = folder / "sales.csv"
    table.to_csv(path, index=False)
    return read_validated_sales(TOWN, path, known, strict=strict)


def reasons(sales: ValidatedSales) -> dict[int, str]:
    """Return the row of the table, from 0, and the reason of each sale that is set aside."""
    return {entry.row - 2: entry.reason for entry in sales.set_aside}


def entry_of(sales: ValidatedSales, row: int) -> SetAside:
    """Return why a row of the table, from 0, is set aside."""
    (entry,) = [entry for entry in sales.set_aside if entry.row == row + 2]
    return entry
