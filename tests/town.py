"""A synthetic market whose true prices are known: a folder with a market file, a recipe and sales."""

from pathlib import Path

import numpy as np
import pandas as pd

from estimator.model.recipe import RECIPE

QUARTERS = {"Öland": 0.7, "old town": 1.4, "harbour, east": 1.0, 'the "hill"': 2.0}

MARKET = """\
name = "town"
currency = "SEK"
sales = "sales.csv"
price = "paid"

[[features]]
name = "size"
column = "m2"
kind = "number"
unit = "m²"
required = true
minimum = 10
maximum = 1000

[[features]]
name = "rooms"
kind = "integer"
minimum = 1

[[features]]
name = "quarter"
kind = "category"

[[features]]
name = "garden"
kind = "boolean"

[[features]]
name = "renovated"
kind = "date"

[[features]]
name = "never_recorded"
kind = "number"

[[features]]
name = "always_seven"
kind = "integer"
"""
LOCATION = """
[[features]]
name = "north"
kind = "latitude"

[[features]]
name = "east"
kind = "longitude"
"""


def make_town(folder: Path, n: int = 500, *, places: bool = False, seed: int = 0) -> pd.DataFrame:
    """Write the town's market file, its recipe and n sales into a folder; return the sales."""
    rng = np.random.default_rng(seed)
    size = rng.uniform(30, 200, n).round(1)
    quarter = rng.choice(list(QUARTERS), n)
    price = 20_000 * size * np.array([QUARTERS[name] for name in quarter]) * np.exp(rng.normal(0, 0.05, n))
    sales = pd.DataFrame(
        {
            "paid": price.round(),
            "m2": size,
            "rooms": pd.array((size // 25 + 1).astype(int), "Int64"),
            "quarter": quarter,
            "garden": rng.choice(["yes", "no"], n),
            "renovated": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 25_000, n), "D"),
            "never_recorded": "",
            "always_seven": 7,
        }
    )
    market = MARKET
    if places:
        market += LOCATION
        sales["north"], sales["east"] = rng.uniform(59, 60, n).round(4), rng.uniform(17, 19, n).round(4)
    for column in ("rooms", "quarter", "garden", "renovated"):
        sales.loc[rng.random(n) < 0.2, column] = None
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "market.toml").write_text(market, encoding="utf-8")
    (folder / RECIPE).write_text("networks = 2\n")  # enough to test averaging, and quick to train
    sales.to_csv(folder / "sales.csv", index=False)
    return sales
