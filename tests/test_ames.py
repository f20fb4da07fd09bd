"""The committed data of Ames agrees with its documentation."""

import gzip
import hashlib
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.market.market import Market
from estimator.market.sales import Sales, split_sales
from estimator.market.sales_file import parse_sales, read_validated_sales
from estimator.market.sales_source import SalesSource
from tests.conftest import ROOT

AMES = ROOT / "data" / "ames"
SALES_SHA256 = "923995ed66b951bb88674d50766ff2592f0e028a17880cc4d953cda47f854ccc"
README = (AMES / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return pd.read_csv(AMES / "sales.csv.gz", keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def market() -> Market:
    return Market.read(AMES)


@pytest.fixture(scope="module")
def sales(market: Market) -> Sales:
    """All rows of the file, also those that a training sets aside."""
    return parse_sales(market, SalesSource.of_market(market, AMES)).sales


@pytest.fixture(scope="module")
def maker() -> dict[str, Any]:
    return runpy.run_path(str(AMES / "make_sales.py"))


def test_the_sales_file_is_the_one_used_in_the_benchmarks() -> None:
    content = gzip.decompress((AMES / "sales.csv.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SALES_SHA256


def test_all_sales_are_read(table: pd.DataFrame, sales: Sales) -> None:
    assert len(sales) == len(table) == 2_930
    # As in other publications of the same sales.
    assert sales.price.mean() == pytest.approx(180_796, abs=0.5)
    assert sales.price.std(ddof=1) == pytest.approx(79_887, abs=0.5)
    np.testing.assert_array_equal(sales.price, table["Sale_Price"])
    assert sales.date is not None
    assert (str(sales.date.min()), str(sales.date.max())) == ("2006-01-01", "2010-07-01")
    assert all(str(day).endswith("-01") for day in np.unique(sales.date))


def test_a_training_sets_aside_two_foreclosures_and_a_renovation_before_the_home_was_built(market: Market) -> None:
    validated = read_validated_sales(market, SalesSource.of_market(market, AMES))
    assert [(entry.row, entry.column, entry.value) for entry in validated.set_aside] == [
        (183, "Sale_Price", "12789"),
        (852, "Year_Remod_Add", "2001"),
        (1555, "Sale_Price", "13100"),
    ]


def test_facts_equal_the_columns_of_the_file(table: pd.DataFrame, sales: Sales, market: Market) -> None:
    for feature in market.features:
        column = table[feature.column]
        if feature.is_label:
            # "None" is one of the words for a value that is not known.
            np.testing.assert_array_equal(
                sales.facts[feature.name], column.fillna("").replace("None", "").astype(str)
            )
        elif feature.kind == "boolean":
            np.testing.assert_array_equal(sales.facts[feature.name], column == "Y")
        else:
            np.testing.assert_array_equal(sales.facts[feature.name], column.astype(float))


def test_the_known_problems_are_as_documented(table: pd.DataFrame) -> None:
    year = table["date"].str[:4].astype(int)
    assert table["Lot_Frontage"].isna().sum() == 490
    assert table["Electrical"].isna().sum() == 1
    assert table.drop(columns=["Lot_Frontage", "Electrical"]).notna().all(axis=None)
    bare = table["Mas_Vnr_Type"] == "None"
    assert ((table["Mas_Vnr_Area"] > 0) & bare).sum() == 7
    assert ((table["Mas_Vnr_Area"] == 0) & ~bare).sum() == 3
    assert (table["Year_Built"] > year).sum() == 1
    assert (table["Year_Remod_Add"] > year).sum() == 3
    assert (table["Year_Remod_Add"] < table["Year_Built"]).sum() == 1
    assert (table["Gr_Liv_Area"] > 4000).sum() == 5
    assert table.duplicated(["Latitude", "Longitude"]).sum() == 6
    assert table["BsmtFin_SF_1"].max() <= 7, "codes, not areas"
    assert len(table[["BsmtFin_Type_1", "BsmtFin_SF_1"]].drop_duplicates()) == 8, (
        "one code per label, except for one home"
    )


def test_ratings_are_0_where_there_is_nothing_to_rate(table: pd.DataFrame) -> None:
    for rating, area in (("Bsmt_Cond", "Total_Bsmt_SF"), ("Pool_QC", "Pool_Area")):
        np.testing.assert_array_equal(table[rating] == 0, table[area] == 0)


def test_all_columns_are_declared_and_those_that_reveal_the_price_are_not_facts(
    table: pd.DataFrame, market: Market
) -> None:
    assert set(table.columns) == {market.price, market.sale_date, *market.ignore} | {
        feature.column for feature in market.features
    }
    assert {"Sale_Type", "Sale_Condition"} <= set(market.ignore)
    for column in market.ignore:
        assert f"`{column}`" in README


def test_facts_have_descriptions(market: Market) -> None:
    for feature in market.features:
        assert feature.description.endswith(".")
        if feature.kind == "number":
            assert feature.unit, feature.name
    required = [feature.name for feature in market.features if feature.required]
    assert required == ["latitude", "longitude", "square_footage"]


def test_the_sales_can_be_split_at_random_and_by_month(sales: Sales) -> None:
    for split in ("random", "time"):
        parts = split_sales(sales, split, np.random.default_rng(0))
        assert len(parts.train) + len(parts.validation) + len(parts.test) == 2_930


def test_writing_the_sales_is_reproducible(tmp_path: Path, maker: dict[str, Any]) -> None:
    committed = (AMES / "sales.csv.gz").read_bytes()
    table = pd.read_csv(AMES / "sales.csv.gz", dtype=str, keep_default_na=False)
    maker["write"](table, tmp_path / "sales.csv.gz")
    made = (tmp_path / "sales.csv.gz").read_bytes()
    assert gzip.decompress(made) == gzip.decompress(committed)
    assert made[4:8] == committed[4:8] == bytes(4), "no time stamp in the header"


def test_cleaning_removes_unknown_values_and_converts_ratings(maker: dict[str, Any]) -> None:
    source = pd.DataFrame(
        {
            "Lot_Frontage": [0.0, 80.0],
            "Electrical": pd.Categorical(["Unknown", "SBrkr"]),
            "Overall_Cond": pd.Categorical(["Very_Poor", "Very_Excellent"]),
            **{name: pd.Categorical(["Poor", "Excellent"]) for name in ("Exter_Cond", "Heating_QC", "Pool_QC")},
            **{name: pd.Categorical(["No_Basement", "Typical"]) for name in ("Bsmt_Cond", "Garage_Cond")},
            "Mo_Sold": [5, 12],
            "Year_Sold": [2010, 2006],
            "Sale_Type": pd.Categorical(["WD ", "New"]),
        }
    )
    cleaned = maker["clean"](source)
    assert cleaned["Lot_Frontage"].tolist() == [pd.NA, 80]
    assert cleaned["Electrical"].isna().tolist() == [True, False]
    assert cleaned["Overall_Cond"].tolist() == [1, 10]
    assert cleaned["Exter_Cond"].tolist() == [1, 5]
    assert cleaned["Bsmt_Cond"].tolist() == [0, 3]
    assert cleaned["date"].tolist() == ["2010-05-01", "2006-12-01"]
    assert cleaned["Sale_Type"].tolist() == ["WD", "New"]
    assert source["Lot_Frontage"].tolist() == [0, 80], "the argument is not changed"
