"""Geometries as GeoJSON and as WKB, and files of GeoJSON."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from estimator.errors import DataError
from estimator.market.geojson import FEATURES_AT_A_TIME
from estimator.market.geometry import GEOJSON, GEOMETRY, WKB, described_as, points_of, with_encoding
from estimator.market.tables import read_pieces, read_table, write_atomically

SQUARE = [[-122.5, 47.0], [-122.3, 47.0], [-122.3, 47.4], [-122.5, 47.4], [-122.5, 47.0]]
HOLE = [[-122.45, 47.1], [-122.4, 47.1], [-122.4, 47.2], [-122.45, 47.1]]
SMALL = [[0.0, 0.0], [0.1, 0.0], [0.0, 0.1], [0.0, 0.0]]
GEOMETRIES: list[tuple[dict[str, Any] | None, tuple[float, float]]] = [
    ({"type": "Point", "coordinates": [-122.3, 47.6]}, (-122.3, 47.6)),
    ({"type": "Polygon", "coordinates": [SQUARE, HOLE]}, (-122.4, 47.2)),
    ({"type": "Polygon", "coordinates": [SQUARE[::-1]]}, (-122.4, 47.2)),
    ({"type": "MultiPolygon", "coordinates": [[SMALL], [SQUARE]]}, (-122.4, 47.2)),
    ({"type": "LineString", "coordinates": [[0.0, 1.0], [2.0, 5.0]]}, (1.0, 3.0)),
    ({"type": "MultiPoint", "coordinates": [[0.0, 1.0], [2.0, 5.0]]}, (1.0, 3.0)),
    ({"type": "GeometryCollection", "geometries": [{"type": "Point", "coordinates": [3.0, 4.0]}]}, (3.0, 4.0)),
    (None, (np.nan, np.nan)),
]


def table_of(cells: list[Any], encoding: str) -> pa.Table:
    kind = pa.binary() if encoding == WKB else pa.string()
    return described_as(pa.table({GEOMETRY: pa.array(cells, kind)}), GEOMETRY, encoding)


def collection(features: list[Any], **more: Any) -> str:
    return json.dumps({"type": "FeatureCollection", **more, "features": features}, indent=1)


def test_each_geometry_has_a_point_and_is_the_same_in_both_encodings() -> None:
    texts = [None if geometry is None else json.dumps(geometry) for geometry, _ in GEOMETRIES]
    as_text = table_of(texts, GEOJSON)
    as_bytes = with_encoding(as_text, WKB)
    expected = np.array([point for _, point in GEOMETRIES])
    for table in (as_text, as_bytes):
        np.testing.assert_allclose(np.column_stack(points_of(table)), expected, atol=1e-12)
    back = with_encoding(as_bytes, GEOJSON).column(GEOMETRY).to_pylist()
    assert [None if text is None else json.loads(text) for text in back] == [
        geometry for geometry, _ in GEOMETRIES
    ]


@pytest.mark.parametrize(
    ("content", "point"),
    [
        ("000000000140000000000000004010000000000000", (2.0, 4.0)),  # big-endian
        ("0101000020E6100000000000000000F03F0000000000000040", (1.0, 2.0)),  # of PostGIS, with its system
        ("01E9030000000000000000F03F00000000000000400000000000000840", (1.0, 2.0)),  # with a height
    ],
)
def test_points_of_other_programs_are_read(content: str, point: tuple[float, float]) -> None:
    found = points_of(table_of([bytes.fromhex(content)], WKB))
    assert (found[0][0], found[1][0]) == point


def test_a_collection_is_read_piece_by_piece_and_written_back(tmp_path: Path) -> None:
    n = FEATURES_AT_A_TIME + 3000
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [row / 1000, 47.0]} if row % 7 else None,
            "properties": {"id": f'"{row}"', "size": row, "pool": row % 2 == 0, "tags": ["a", row], "note": None},
        }
        for row in range(n)
    ]
    (tmp_path / "homes.geojson").write_text(collection(features, name="homes"), encoding="utf-8-sig")
    pieces = list(read_pieces(tmp_path / "homes.geojson"))
    assert [piece.num_rows for piece in pieces] == [FEATURES_AT_A_TIME, 10_000 - FEATURES_AT_A_TIME, n - 10_000]
    whole = pa.concat_tables(pieces)
    assert whole.column_names == ["id", "size", "pool", "tags", "note", GEOMETRY, "longitude", "latitude"]
    assert whole["longitude"].null_count == len(range(0, n, 7))
    assert whole["tags"][3].as_py() == '["a",3]'
    with write_atomically(tmp_path / "copy.geojson", pieces[0].schema) as writer:
        for piece in pieces:
            writer.write_table(piece)
    assert read_table(tmp_path / "copy.geojson").select(whole.column_names).equals(whole)
    written = json.loads((tmp_path / "copy.geojson").read_text())["features"]
    assert [feature["geometry"] for feature in written] == [feature["geometry"] for feature in features]


def test_geoparquet_says_where_its_rows_are(tmp_path: Path) -> None:
    table = with_encoding(table_of([json.dumps(geometry) for geometry, _ in GEOMETRIES[:2]], GEOJSON), WKB)
    pq.write_table(table, tmp_path / "homes.parquet")
    read = read_table(tmp_path / "homes.parquet")
    np.testing.assert_allclose(read["latitude"].to_numpy(), [47.6, 47.2])
    own = table.append_column("Lat", pa.array([1.0, 2.0]))
    pq.write_table(own, tmp_path / "own.parquet")
    assert read_table(tmp_path / "own.parquet").column_names == [GEOMETRY, "Lat"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"type": "Point", "coordinates": [1, 2]}', "no GeoJSON with a list of features"),
        (collection([{"type": "Point"}]), "feature 1 is no Feature"),
        (collection([])[:-3] + '{"type": "Feature", "prop', "feature 1: the file is incomplete"),
        (collection([], crs={"type": "name", "properties": {"name": "EPSG:2926"}}), "not longitude and latitude"),
        (collection([{"type": "Feature", "properties": {"geometry": 1}, "geometry": None}]), "rename it"),
        (
            collection(
                [
                    {"type": "Feature", "properties": {}, "geometry": None},
                    {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": ["x", 2]}},
                ]
            ),
            "row 1: the geometry cannot be read",
        ),
    ],
)
def test_what_cannot_be_read_is_said(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "homes.geojson").write_text(content)
    with pytest.raises(DataError, match=complaint):
        read_table(tmp_path / "homes.geojson")


def test_a_later_feature_of_another_shape_is_an_error(tmp_path: Path) -> None:
    good = {"type": "Feature", "properties": {"size": 1}, "geometry": None}
    for properties, complaint in (({"sise": 1}, "has the property 'sise'"), ({"size": "x"}, "'size' is 'x'")):
        features = [good] * 10_000 + [{**good, "properties": properties}]
        (tmp_path / "homes.geojson").write_text(collection(features))
        with pytest.raises(DataError, match=rf"feature 10001: .*{complaint}"):
            read_table(tmp_path / "homes.geojson")
