"""Files of sales that name or type their columns differently."""

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import DataError
from estimator.market.joined_tables import join_tables
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.sales_file import read_closed_listings, read_validated_sales
from estimator.market.sales_source import SalesSource

N = 20


def town(sales: list[str], **size: Any) -> Market:
    own = {
        "name": "town",
        "currency": "EUR",
        "sales": sales,
        "price": "price",
        "sale_date": "date",
        "sale_id": "id",
    }
    names = {"name": "size", "column": "sqft", "aliases": ["LivingArea"], "kind": "number", "required": True}
    features = [{**names, **size}, {"name": "zip", "kind": "postal_code"}, {"name": "pool", "kind": "boolean"}]
    return Market.from_dict({**own, "features": features})


def homes(first: int) -> pd.DataFrame:
    rng = np.random.default_rng(first)
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=first + row) for row in range(N)]
    return pd.DataFrame(
        {
            "id": range(first, first + N),
            "date": days,
            "price": rng.lognormal(12, 0.3, N).round(2),
            "sqft": rng.uniform(0.5, 2, N).round(3),
            "zip": [f"0{1000 + row}" for row in range(N)],
            "pool": rng.random(N) < 0.5,
        }
    )


def read(folder: Path, **tables: pd.DataFrame) -> Sales:
    names = []
    for name, table in tables.items():
        names.append(name.replace("_", "."))
        table.to_csv(folder / names[-1], index=False) if name.endswith("csv") else table.to_parquet(
            folder / names[-1]
        )
    market = town(names)
    validated = read_validated_sales(market, SalesSource.of_market(market, folder))
    assert not validated.set_aside
    return validated.sales


def test_files_in_any_mix_of_names_and_types_are_read_as_one(tmp_path: Path) -> None:
    a, b = homes(0), homes(100)
    expected = read(tmp_path, a_csv=a, b_csv=b)
    for other in (
        {"a_csv": a, "b_parquet": b},
        {"a_parquet": a.assign(date=pd.to_datetime(a["date"])), "b_csv": b.rename(columns={"sqft": "LivingArea"})},
        {"a_parquet": a, "b_parquet": b.astype(str).rename(columns={"sqft": "size"})},
        {"a_parquet": a.assign(zip=a["zip"].astype("category")), "b_parquet": b.assign(id=b["id"].astype(float))},
        {"a_parquet": a.assign(id=a["id"].astype(float)), "b_csv": b},
    ):
        sales = read(tmp_path, **other)
        np.testing.assert_array_equal(sales.price, expected.price)
        np.testing.assert_array_equal(sales.date, expected.date)
        np.testing.assert_array_equal(sales.sale_id, expected.sale_id)
        for name in ("size", "zip", "pool"):
            np.testing.assert_array_equal(sales.facts[name], expected.facts[name])


def test_typed_files_do_not_follow_the_decimal_comma_of_text(tmp_path: Path) -> None:
    a, b = homes(0), homes(100)
    expected = read(tmp_path, a_csv=a, b_csv=b)
    german = a.assign(date=[f"{day:%d/%m/%Y}" for day in a["date"]])
    german.to_csv(tmp_path / "a.csv", index=False, sep=";", decimal=",")
    b.to_parquet(tmp_path / "b.parquet")
    market = town(["a.csv", "b.parquet"])
    sales = read_validated_sales(market, SalesSource.of_market(market, tmp_path)).sales
    np.testing.assert_array_equal(sales.price, expected.price)
    np.testing.assert_array_equal(sales.date, expected.date)
    np.testing.assert_array_equal(sales.facts["size"], expected.facts["size"])


def test_list_prices_may_have_both_of_their_names(tmp_path: Path) -> None:
    for name, table, column in (("a.csv", homes(0), "list_price"), ("b.csv", homes(100), "ListPrice")):
        table.assign(**{column: 1.1 * table["price"]}).to_csv(tmp_path / name, index=False)
    market = town(["a.csv", "b.csv"])
    sales, list_price = read_closed_listings(market, SalesSource.of_market(market, tmp_path))
    np.testing.assert_allclose(list_price, 1.1 * sales.price)


def test_what_cannot_be_joined_is_refused_with_its_file_and_column(tmp_path: Path) -> None:
    a, b = homes(0), homes(100)
    a.to_csv(tmp_path / "a.csv", index=False)
    b.rename(columns={"sqft": "size"}).to_csv(tmp_path / "b.csv", index=False)
    other_unit = town(["a.csv", "b.csv"], unit="ft²", column_unit="m²")
    with pytest.raises(
        DataError, match=r"a\.csv, .*b\.csv: 'sqft' and 'size' both stand for size; .* different units"
    ):
        read_validated_sales(other_unit, SalesSource.of_market(other_unit, tmp_path))
    a.assign(size=1.0).to_csv(tmp_path / "a.csv", index=False)
    twice = town(["a.csv", "b.csv"])
    with pytest.raises(DataError, match=r"/a\.csv: 'sqft' and 'size' both stand for size; remove or rename one"):
        read_validated_sales(twice, SalesSource.of_market(twice, tmp_path))
    pq.write_table(pa.table({"size": [["x"]]}), tmp_path / "c.parquet")
    tables = [pa.table({"size": ["1"]}), pq.read_table(tmp_path / "c.parquet")]
    with pytest.raises(
        DataError, match=r"c\.parquet: column 'size' is of the type list<.*does not go with the other"
    ):
        join_tables([tmp_path / "a.csv", tmp_path / "c.parquet"], tables)
