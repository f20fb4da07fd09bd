"""Geometries of rows: as GeoJSON text or as WKB, and the point that stands for each.

GeoJSON: RFC 7946. WKB: OGC 06-103r4, section 8, as GeoParquet 1.1 stores it. Longitude comes first in both. Knows
nothing of files or homes.
"""

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from estimator.market.arrays import FloatArray

GEOMETRY = "geometry"
"""Name of the column, where a file does not name its own."""
WKB, GEOJSON = "WKB", "GeoJSON"
"""How a column stores geometries: bytes, and text."""
_METADATA = b"geo"
_TYPES = ("Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon", "GeometryCollection")
_POINT_BYTES = 21
_COORDINATES = {"latitude", "lat", "longitude", "long", "lon", "lng"}
"""Names of columns, in lower case, beside which geometries are not asked where a row is."""
_DEGREES = ("CRS84", "4326")
"""In the names of the system of coordinates that is read: longitude and latitude in degrees."""


def geometry_of(schema: pa.Schema) -> tuple[str, str] | None:
    """Return the name of a table's column of geometries, and how it stores them; None if it has none.

    Raises
    ------
    ValueError
        The coordinates are not longitude and latitude, or the encoding is none of the two.
    """
    text = (schema.metadata or {}).get(_METADATA)
    if text is None:
        return None
    described = json.loads(text)
    name = described["primary_column"]
    column = described["columns"][name]
    if column["encoding"] not in (WKB, GEOJSON):
        raise ValueError(f"column '{name}' has geometries as {column['encoding']}; only WKB is read")
    check_degrees(json.dumps(column.get("crs") or _DEGREES[0]))
    return name, column["encoding"]


def check_degrees(system: str) -> None:
    """Refuse the description of a system of coordinates that is not longitude and latitude in degrees.

    Raises
    ------
    ValueError
        It is another one.
    """
    if not any(name in system for name in _DEGREES):
        raise ValueError(
            "the coordinates are not longitude and latitude; save the file in EPSG:4326, in QGIS by “Export > Save"
            " Features As”"
        )


def described_as(table: pa.Table, name: str, encoding: str) -> pa.Table:
    """Return a table whose schema says which column has its geometries, as GeoParquet 1.1 says it."""
    described = {
        "version": "1.1.0",
        "primary_column": name,
        "columns": {name: {"encoding": encoding, "geometry_types": []}},
    }
    return table.replace_schema_metadata({_METADATA: json.dumps(described)})


def with_encoding(table: pa.Table, wanted: str) -> pa.Table:
    """Return a table whose geometries are stored in one of the two ways; one without geometries as it is."""
    found = geometry_of(table.schema)
    if found is None or found[1] == wanted:
        return table
    name, _ = found
    convert: Callable[[Any], Any] = _to_wkb if wanted == WKB else _to_geojson
    cells = [None if cell is None else convert(cell) for cell in table.column(name).to_pylist()]
    column = pa.array(cells, pa.binary() if wanted == WKB else pa.string())
    return described_as(table.set_column(table.column_names.index(name), name, column), name, wanted)


def with_points(table: pa.Table, longitude: FloatArray, latitude: FloatArray) -> pa.Table:
    """Append points as geometries, in WKB; none where a coordinate is NaN."""
    points = [
        None if x != x or y != y else struct.pack("<BIdd", 1, 1, x, y)  # noqa: PLR0124  # NaN
        for x, y in zip(longitude.tolist(), latitude.tolist(), strict=True)
    ]
    return described_as(table.append_column(GEOMETRY, pa.array(points, pa.binary())), GEOMETRY, WKB)


def with_coordinates(table: pa.Table) -> pa.Table:
    """Append the columns `longitude` and `latitude` of the geometries, unless the table has such columns.

    Raises
    ------
    ValueError
        As `geometry_of` and `points_of`.
    """
    if geometry_of(table.schema) is None or _COORDINATES & {name.lower() for name in table.column_names}:
        return table
    for name, values in zip(("longitude", "latitude"), points_of(table), strict=True):
        table = table.append_column(name, pa.array(values, from_pandas=True))
    return table


def points_of(table: pa.Table) -> tuple[FloatArray, FloatArray]:
    """Return longitude and latitude of the n rows' geometries, shape (n,); NaN where there is none.

    A polygon is represented by the centroid of its largest ring, a line by the mean of its points.

    Raises
    ------
    ValueError
        A geometry cannot be read; the message has its row, from 0.
    """
    found = geometry_of(table.schema)
    assert found is not None  # noqa: S101  # asked only about tables with geometries
    name, encoding = found
    points = np.full((table.num_rows, 2), np.nan)
    for row, cell in enumerate(table.column(name).to_pylist()):
        if not cell:
            continue
        try:
            if encoding == WKB and len(cell) == _POINT_BYTES:
                points[row] = struct.unpack("<dd" if cell[0] else ">dd", cell[5:])
            else:
                points[row] = _point(_from_wkb(cell) if encoding == WKB else orjson.loads(cell))
        except (KeyError, TypeError, IndexError, ValueError, struct.error) as error:
            raise ValueError(f"row {row}: the geometry cannot be read ({error})") from error
    return points[:, 0], points[:, 1]


_POLYGONS = ("Polygon", "MultiPolygon")


def _point(geometry: dict[str, Any] | None) -> tuple[float, float]:
    """Return the point that stands for a geometry of GeoJSON."""
    if geometry is None:
        return np.nan, np.nan
    kind = geometry["type"]
    if kind == "Point":
        return tuple(geometry["coordinates"][:2]) or (np.nan, np.nan)
    if kind in _POLYGONS:
        polygons = geometry["coordinates"] if kind == "MultiPolygon" else [geometry["coordinates"]]
        _area, centroid = max(_centroid(np.array(polygon[0], float)[:, :2]) for polygon in polygons)
        return centroid
    if kind == "GeometryCollection":
        return _point(geometry["geometries"][0])
    flat = np.array(_flatten(geometry["coordinates"]), float)
    return tuple(flat[:, :2].mean(axis=0).tolist())


def _centroid(ring: FloatArray) -> tuple[float, tuple[float, float]]:
    """Return the area of a ring and its centroid, by the shoelace formula; seen from its first point."""
    start = ring[0]
    x, y = (ring - start).T
    cross = x[:-1] * y[1:] - x[1:] * y[:-1]
    area = cross.sum() / 2
    if area == 0:
        return 0.0, tuple(ring.mean(axis=0).tolist())
    inside = np.array([((x[:-1] + x[1:]) * cross).sum(), ((y[:-1] + y[1:]) * cross).sum()]) / (6 * area)
    return abs(float(area)), tuple((start + inside).tolist())


def _flatten(coordinates: Sequence[Any]) -> list[Any]:
    """Return the positions in nested coordinates."""
    if not isinstance(coordinates[0], list):
        return [coordinates]
    return [position for each in coordinates for position in _flatten(each)]


def _to_geojson(content: bytes) -> str:
    return orjson.dumps(_from_wkb(content)).decode()


def _from_wkb(content: bytes) -> dict[str, Any]:
    """Return a geometry of GeoJSON."""
    return _read_geometry(content, 0)[0]


def _read_geometry(content: bytes, at: int) -> tuple[dict[str, Any], int]:
    """Return the geometry that begins at a byte, and where it ends."""
    order = "<" if content[at] else ">"
    (code,) = struct.unpack_from(f"{order}I", content, at + 1)
    at += 5
    extended, code = code >> 28, code & 0x0FFFFFFF
    if extended & 2:  # PostGIS writes the number of a system of coordinates
        at += 4
    dimensions = 2 + (code // 1000 in (1, 2, 3)) + (code // 1000 == 3)
    dimensions += bool(extended & 8) + bool(extended & 4)
    kind = _TYPES[code % 1000 - 1]
    if kind == "Point":
        return {"type": kind, "coordinates": _positions(content, at, order, 1, dimensions)[0]}, at + 8 * dimensions
    (count,) = struct.unpack_from(f"{order}I", content, at)
    at += 4
    if kind == "LineString":
        positions = _positions(content, at, order, count, dimensions)
        return {"type": kind, "coordinates": positions}, at + 8 * dimensions * count
    if kind == "Polygon":
        rings = []
        for _ in range(count):
            (n,) = struct.unpack_from(f"{order}I", content, at)
            rings.append(_positions(content, at + 4, order, n, dimensions))
            at += 4 + 8 * dimensions * n
        return {"type": kind, "coordinates": rings}, at
    parts = []
    for _ in range(count):
        part, at = _read_geometry(content, at)
        parts.append(part)
    if kind == "GeometryCollection":
        return {"type": kind, "geometries": parts}, at
    return {"type": kind, "coordinates": [part["coordinates"] for part in parts]}, at


def _positions(content: bytes, at: int, order: str, count: int, dimensions: int) -> list[list[float]]:
    numbers = struct.unpack_from(f"{order}{count * dimensions}d", content, at)
    return [list(numbers[start : start + 2]) for start in range(0, len(numbers), dimensions)]


def _to_wkb(text: str) -> bytes | None:
    geometry = orjson.loads(text)
    return None if geometry is None else _write_geometry(geometry)


def _write_geometry(geometry: dict[str, Any]) -> bytes:
    kind = geometry["type"]
    head = struct.pack("<BI", 1, _TYPES.index(kind) + 1)
    if kind == "GeometryCollection":
        parts = geometry["geometries"]
        return head + struct.pack("<I", len(parts)) + b"".join(map(_write_geometry, parts))
    coordinates = geometry["coordinates"]
    if kind == "Point":
        return head + struct.pack("<dd", *coordinates[:2])
    if kind == "LineString":
        return head + _write_positions(coordinates)
    if kind == "Polygon":
        return head + struct.pack("<I", len(coordinates)) + b"".join(map(_write_positions, coordinates))
    single = kind.removeprefix("Multi")
    parts = [{"type": single, "coordinates": each} for each in coordinates]
    return head + struct.pack("<I", len(parts)) + b"".join(map(_write_geometry, parts))


def _write_positions(positions: Sequence[Sequence[float]]) -> bytes:
    flat = [number for position in positions for number in position[:2]]
    return struct.pack(f"<I{len(flat)}d", len(positions), *flat)
