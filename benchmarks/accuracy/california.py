"""California Housing (Pace & Barry 1997, StatLib), split as in the papers on deep learning for tables.

The rows are not part of the project. They are read from `ROWS`, in their original order.
"""

import gzip
import math
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

ROWS = Path(__file__).parents[3] / "shared" / "data" / "california" / "housing.csv.gz"
VARIANCES = (1.346970, 1.303870, 1.303955)
"""Variances of the values in the published parts, in (100,000 USD)²: training, validation, test."""

FACTS = {
    "latitude": ("latitude", "°"),
    "longitude": ("longitude", "°"),
    "median_income": ("number", "10,000 USD"),
    "median_age": ("number", "years"),
    "rooms": ("number", "rooms per household"),
    "bedrooms": ("number", "bedrooms per household"),
    "population": ("number", "residents"),
    "occupancy": ("number", "residents per household"),
}


class AbsentError(Exception):
    """The rows of the data set, which are not part of the project, are missing."""


def california() -> tuple[Market, Parts]:
    """Return the market and its parts. Each price is exp(value in 100,000 USD), because models predict log prices.

    Raises
    ------
    AbsentError
        The file of rows is missing.
    ValueError
        The rows are not the published ones, or not in their order.
    """
    if not ROWS.exists():
        raise AbsentError(f"California Housing is missing: there is no file {ROWS}")
    with gzip.open(ROWS) as file:
        table = pd.read_csv(file)
    value = table["median_house_value"].to_numpy(np.float64) / 100_000
    rows = published_split(len(table))
    variances = [float(value[part].var()) for part in rows]
    if not np.allclose(variances, VARIANCES, rtol=0, atol=1e-6):
        raise ValueError(
            f"{ROWS}: the variances of the parts are {variances}, expected {VARIANCES}; "
            "use the published rows in their original order"
        )
    sales = Sales(_facts(table), np.exp(value), None, np.arange(len(table)))
    return _market(), Parts(*(sales.take(part) for part in rows))


def published_split(n: int) -> tuple[NDArray[np.intp], ...]:
    """Return the training, validation and test rows: twice scikit-learn's `train_test_split`, seeds 0 and 1."""

    def split(rows: NDArray[np.intp], seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        order = np.random.RandomState(seed).permutation(len(rows))  # as in scikit-learn
        held_out = math.ceil(0.2 * len(rows))
        return rows[order[held_out:]], rows[order[:held_out]]

    rest, test = split(np.arange(n), 0)
    train, validation = split(rest, 1)
    return train, validation, test


def _facts(table: pd.DataFrame) -> Facts:
    """Return the facts of n block groups; 207 have no number of bedrooms."""
    households = table["households"]
    columns = {
        "latitude": table["latitude"],
        "longitude": table["longitude"],
        "median_income": table["median_income"],
        "median_age": table["housing_median_age"],
        "rooms": table["total_rooms"] / households,
        "bedrooms": table["total_bedrooms"] / households,
        "population": table["population"],
        "occupancy": table["population"] / households,
    }
    return Facts({name: np.asarray(column, np.float64) for name, column in columns.items()})


def _market() -> Market:
    features = [{"name": name, "kind": kind, "unit": unit} for name, (kind, unit) in FACTS.items()]
    return Market.from_dict(
        {
            "name": "california",
            "currency": "USD",
            "sales": "housing.csv.gz",
            "price": "value",
            "features": features,
        }
    )
