"""Maps of values: files with geometries in, and files with geometries out."""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.bulk.predict import Run
from estimator.errors import DataError
from estimator.market.tables import read_table
from tests.conftest import KING_COUNTY

N = 30


@pytest.fixture(scope="module")
def sold() -> pd.DataFrame:
    """Sold homes, the last without a place."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz").tail(N)[["id", "sqft_living", "grade", "lat", "long"]]
    table.loc[table.index[-1], ["lat", "long"]] = np.nan
    return table


@pytest.fixture
def homes(sold: pd.DataFrame, tmp_path: Path) -> Path:
    sold.to_csv(tmp_path / "homes.csv", index=False)
    return tmp_path / "homes.csv"


def test_homes_with_coordinates_become_a_map_and_the_map_is_valued_like_them(
    appraiser: Appraiser, homes: Path, sold: pd.DataFrame, tmp_path: Path
) -> None:
    predict_file(appraiser, homes, tmp_path / "valued.csv")
    plain = pd.read_csv(tmp_path / "valued.csv")
    for run in (Run(), Run(model="a")):
        assert predict_file(appraiser, homes, tmp_path / "map.geojson", run=run) == (N - 1, 1)
    features = json.loads((tmp_path / "map.geojson").read_text())["features"]
    for feature, row in zip(features, plain.to_dict("records"), strict=True):
        properties = feature["properties"]
        if properties["error"]:
            assert feature["geometry"] is None
            assert properties["valuation_price"] is None
        else:
            assert feature["geometry"] == {"type": "Point", "coordinates": [row["long"], row["lat"]]}
            assert properties["valuation_price"] == row["valuation_price"]
    # The same homes as a map, without columns of coordinates: the same values again.
    for feature in features:
        own = {name: float(feature["properties"][name]) for name in ("id", "sqft_living", "grade")}
        feature["properties"] = own
    (tmp_path / "homes.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    for name in ("again.geojson", "again.parquet", "again.geoparquet", "again.csv"):
        assert predict_file(appraiser, tmp_path / "homes.geojson", tmp_path / name) == (N - 1, 1)
    again = pd.read_parquet(tmp_path / "again.parquet")
    np.testing.assert_array_equal(again["valuation_price"], plain["valuation_price"])
    described = json.loads(pq.read_schema(tmp_path / "again.parquet").metadata[b"geo"])
    assert described["columns"]["geometry"]["encoding"] == "WKB"
    assert json.loads(pd.read_csv(tmp_path / "again.csv")["geometry"][0]) == features[0]["geometry"]
    # And from GeoParquet, with its geometries kept.
    source = pq.read_table(tmp_path / "again.geoparquet").select(["id", "sqft_living", "grade", "geometry"])
    pq.write_table(source, tmp_path / "homes.parquet")
    predict_file(appraiser, tmp_path / "homes.parquet", tmp_path / "last.geojson")
    last = json.loads((tmp_path / "last.geojson").read_text())["features"]
    assert [feature["geometry"] for feature in last] == [feature["geometry"] for feature in features]
    prices = [feature["properties"]["valuation_price"] for feature in last]
    np.testing.assert_array_equal(np.array(prices, float), plain["valuation_price"])


def test_a_column_with_the_name_of_the_geometries_is_refused(
    appraiser: Appraiser, sold: pd.DataFrame, tmp_path: Path
) -> None:
    sold.assign(geometry="x").to_csv(tmp_path / "homes.csv", index=False)
    with pytest.raises(DataError, match="column 'geometry' has the name of a column of the map"):
        predict_file(appraiser, tmp_path / "homes.csv", tmp_path / "map.geojson")


def _with_properties(path: Path, *properties: object) -> Path:
    features = [{"type": "Feature", "geometry": None, "properties": each} for each in properties]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_numbers_of_parcels_keep_their_digits_and_measures_may_have_fractions_later(tmp_path: Path) -> None:
    homes = _with_properties(
        tmp_path / "homes.geojson",
        {"pin": 7129300520, "apn": 2**53 + 1, "long": 10**30, "grade": 7, "cost": 3_000_000_000},
        {"pin": 12, "apn": 3, "long": None, "grade": 7.5, "cost": 2.5},
    )
    rows = read_table(homes).drop_columns(["geometry"]).to_pylist()
    first = {"pin": 7129300520, "apn": "9007199254740993", "long": "1" + 30 * "0", "grade": 7.0, "cost": 3e9}
    assert rows == [first, {"pin": 12, "apn": "3", "long": None, "grade": 7.5, "cost": 2.5}]
    assert [type(value).__name__ for value in rows[0].values()] == ["int", "str", "str", "float", "float"]


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ([1], "feature 2: its properties are no object"),
        ({"a": [10**30]}, "feature 2: property 'a' cannot be read: Integer exceeds 64-bit range"),
        ({"a": json.loads(300 * "[" + 300 * "]")}, "feature 2: property 'a' cannot be read: Recursion limit"),
    ],
)
def test_properties_that_cannot_be_read_are_named(tmp_path: Path, properties: object, message: str) -> None:
    with pytest.raises(DataError, match=re.escape(message)):
        read_table(_with_properties(tmp_path / "homes.geojson", {}, properties))
