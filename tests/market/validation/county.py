"""A county's sales as a generator makes them, and the same with faults of many kinds mixed in."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from estimator.market.market import Market
from estimator.market.validation import reasons as why

COUNTY = Market.from_dict(
    {
        "name": "county",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "sale_id": "id",
        "features": [
            {"name": "latitude", "kind": "latitude", "column": "lat", "required": True},
            {"name": "longitude", "kind": "longitude", "column": "lon", "required": True},
            {"name": "area", "kind": "number", "column": "sqft", "unit": "ft²", "required": True, "minimum": 1},
            {"name": "bedrooms", "kind": "integer"},
            {"name": "bathrooms", "kind": "number"},
            {"name": "lot_size", "kind": "number", "unit": "ft²"},
            {"name": "year_built", "kind": "integer"},
            {"name": "year_renovated", "kind": "integer"},
            {"name": "style", "kind": "category"},
        ],
    }
)
_TOWNS = np.array([[41.60, -83.60], [41.70, -83.45], [41.45, -83.80], [41.55, -83.30]])

Plant = Callable[[pd.DataFrame, np.ndarray, np.random.Generator], None]


def county_sales(n: int, seed: int) -> pd.DataFrame:
    """Return n right sales of four towns over five years, with long tails and repeat sales."""
    rng = np.random.default_rng(seed)
    homes = rng.choice(int(0.8 * n), n)
    home = np.random.default_rng(seed + 1)
    m = int(0.8 * n)
    town = home.choice(4, m, p=[0.6, 0.25, 0.1, 0.05])
    place = _TOWNS[town] + home.normal(0, [0.05, 0.06], (m, 2))
    area = home.lognormal(7.4, 0.4, m).round()
    built = np.minimum(2018, 1900 + home.gamma(4, 18, m)).astype(int)
    renovated = np.where(home.random(m) < 0.08, np.minimum(built + home.integers(5, 40, m), 2019), 0)
    style = home.choice(["ranch", "colonial", "cape cod", "split level"], m)
    worth = (
        *(0.8 * np.log(area), 0.15 * np.array([0.0, 1.5, -1.0, 0.5])[town], 0.004 * (built - 1950)),
        *(0.6 * np.sin(20 * place[:, 0]) * np.cos(15 * place[:, 1]), home.standard_t(5, m) * 0.12),
    )
    day = rng.integers(0, 1825, n)
    log_price = 6.0 + np.sum(worth, axis=0)[homes] + 0.05 * day / 365 + rng.standard_t(4, n) * 0.12
    table = pd.DataFrame(
        {
            "id": homes,
            "date": (np.datetime64("2015-01-01") + day).astype(str),
            "price": np.exp(log_price).round(-2).astype(int),
            "lat": place[homes, 0].round(5),
            "lon": place[homes, 1].round(5),
            "sqft": area[homes].astype(int),
            "bedrooms": (area / 600).clip(1, 7).round().astype(int)[homes],
            "bathrooms": ((area / 500).clip(1, 8).round() / 2)[homes],
            "lot_size": home.lognormal(9, 0.8, m).round().astype(int)[homes],
            "year_built": built[homes],
            "year_renovated": renovated[homes],
            "style": style[homes],
        }
    ).astype(str)
    return table.drop_duplicates(["id", "date"], ignore_index=True)


def _put(column: str, *values: str) -> Plant:
    def plant(table: pd.DataFrame, rows: np.ndarray, rng: np.random.Generator) -> None:
        table.loc[rows, column] = rng.choice(values, len(rows))

    return plant


def _swap(table: pd.DataFrame, rows: np.ndarray, _: np.random.Generator) -> None:
    table.loc[rows, ["lat", "lon"]] = table.loc[rows, ["lon", "lat"]].to_numpy()


def _lose_sign(table: pd.DataFrame, rows: np.ndarray, _: np.random.Generator) -> None:
    table.loc[rows, "lon"] = table.loc[rows, "lon"].str.lstrip("-")


def _to_zero(table: pd.DataFrame, rows: np.ndarray, _: np.random.Generator) -> None:
    table.loc[rows, ["lat", "lon"]] = "0"


def _renovate_too_early(table: pd.DataFrame, rows: np.ndarray, _: np.random.Generator) -> None:
    table.loc[rows, "year_renovated"] = (table.loc[rows, "year_built"].astype(int) - 7).astype(str)


def _sell_together(table: pd.DataFrame, rows: np.ndarray, rng: np.random.Generator) -> None:
    for deed in np.array_split(rows, max(1, len(rows) // 12)):
        total = table.loc[deed, "price"].astype(int).sum()
        table.loc[deed, ["price", "date"]] = [str(total), str(np.datetime64("2016-03-01") + rng.integers(0, 700))]


PLANTS: Mapping[str, Plant] = {
    why.FAR_PRICE: _put("price", "1", "10", "100", "500"),
    why.NO_PRICE: _put("price", "0"),
    why.FUTURE: _put("date", "2091-05-01", "2105-01-31"),
    why.UNREADABLE: _put("bathrooms", "two", "1 1/2"),
    why.MISSING: _put("sqft", "", "NA"),
    why.ZERO_PLACE: _to_zero,
    why.SWAPPED_PLACE: _swap,
    why.MIRRORED_PLACE: _lose_sign,
    why.FAR_PLACE: _put("lat", "4.16", "51.7"),
    why.OUT_OF_BOUNDS: _put("sqft", "0"),
    why.IMPOSSIBLE: _renovate_too_early,
    why.ONE_TOTAL: _sell_together,
}
"""Reason → how sales are spoiled so that it is the right one."""


def spoiled_county(n: int, seed: int, share: float) -> tuple[pd.DataFrame, dict[int, str]]:
    """Return a county's sales with a share of faults mixed in, and the spoiled rows with the right reasons.

    Besides the `PLANTS`, years of building become 500 and rooms −1, sales are entered twice, at one price and at
    two, and a part of the file is pasted again at its end.
    """
    rng = np.random.default_rng(seed + 2)
    table = county_sales(n, seed)
    each = int(share * n / (len(PLANTS) + 5))
    chosen = rng.permutation(len(table))[: each * (len(PLANTS) + 4)].reshape(-1, each)
    planted: dict[int, str] = {}
    for (reason, plant), rows in zip(PLANTS.items(), chosen, strict=False):
        plant(table, rows, rng)
        planted |= dict.fromkeys(rows.tolist(), reason)
    years, rooms, same, different = chosen[len(PLANTS) :]
    table.loc[years, "year_built"] = "500"
    table.loc[rooms, "bedrooms"] = "-1"
    planted |= dict.fromkeys([*years.tolist(), *rooms.tolist()], why.IMPOSSIBLE)
    again = table.loc[same].assign(style="ranch?")
    dearer = table.loc[different].assign(price=(table.loc[different, "price"].astype(int) + 500).astype(str))
    start = int(np.flatnonzero(~np.isin(np.arange(len(table)), list(planted)))[0])
    pasted = table.iloc[start : start + each]
    whole = pd.concat([table, again, dearer, pasted], ignore_index=True)
    end = len(table)
    planted |= dict.fromkeys(range(end, end + len(again)), why.SAME_SALE)
    planted |= dict.fromkeys([*different.tolist(), *range(end + len(again), end + 2 * each)], why.CONTRADICTION)
    return whole, planted | {
        end + 2 * each + offset: why.COPY for offset in range(each) if start + offset not in planted
    }
