"""Synthetic sales: like the real ones they were made from, and made without the test sales."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.synthetic_sales import FIRST_HOME, MAX_DAYS, MOVED_DEGREES, make_market
from estimator.market.market_data import read_market_data
from estimator.model.recipe import Recipe
from tests.conftest import thin_king_county

N = 400
QUICK = Recipe(networks=1, members=1, epochs=2, width=16)
BUILDING = ["bedrooms", "bathrooms", "floors", "view", "condition", "grade", "yr_built", "yr_renovated"]
"""What is not changed of a home."""


def made(real: Path, folder: Path) -> pd.DataFrame:
    """Return N synthetic sales of a market."""
    make_market(real, N, folder, seed=0, recipe=QUICK)
    return pd.read_parquet(folder / "sales.parquet")


@pytest.mark.training
def test_synthetic_sales_are_like_the_real_ones_and_never_see_the_test_sales(tmp_path: Path) -> None:
    real = thin_king_county(tmp_path / "real", every=40)
    synthetic = made(real, tmp_path / "made")
    parts = read_market_data(real, None, "time", np.random.default_rng(0)).parts
    assert parts.train.date is not None
    assert parts.validation.date is not None
    dates = np.concatenate([parts.train.date, parts.validation.date])
    file = pd.read_csv(real / "sales.csv.gz", parse_dates=["date"])

    # With other prices of the newest sales, nothing changes.
    dearer = shutil.copytree(real, tmp_path / "dearer")
    is_test = file["date"] > pd.Timestamp(dates.max())
    prices = file["price"].where(~is_test, file["price"] * 1.1)
    file.assign(price=prices).to_csv(dearer / "sales.csv.gz", index=False)
    assert is_test.sum() > 50
    pd.testing.assert_frame_equal(made(dearer, tmp_path / "again"), synthetic)

    # Each is built as a home that was sold, near a home that was sold, in about the same days.
    assert synthetic["id"].tolist() == list(range(FIRST_HOME, FIRST_HOME + N))
    assert len(synthetic.merge(file[~is_test].drop_duplicates(BUILDING), on=BUILDING)) == N
    sold = file[~is_test].assign(zipcode=file["zipcode"].astype(str))
    pairs = synthetic.merge(sold, on="zipcode", suffixes=("", "_sold"))
    away = np.hypot(pairs["lat"] - pairs["lat_sold"], pairs["long"] - pairs["long_sold"])
    days = (pd.to_datetime(pairs["date"]) - pairs["date_sold"]).dt.days.abs()
    assert pairs.loc[(away < 5 * MOVED_DEGREES) & (days <= MAX_DAYS), "id"].nunique() == N
    assert dates.min() <= synthetic["date"].min() <= synthetic["date"].max() <= dates.max()
    assert np.log(synthetic["price"]).std() == pytest.approx(np.log(file["price"]).std(), rel=0.25)

    # And the new folder is a market to train on.
    again = read_market_data(tmp_path / "made", None, "time", np.random.default_rng(0))
    assert len(again.validated.sales) > 0.98 * N
