"""Read and write GeoJSON of any size (RFC 7946), feature by feature; the geometries are a column of text.

Properties keep their types: numbers, true and false, text. What else there is becomes text of JSON.
"""

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

from estimator.errors import DataError
from estimator.market.geometry import GEOJSON, GEOMETRY, check_degrees, described_as, geometry_of

FEATURES_AT_A_TIME = 8192
"""As many rows as are valued at a time."""
_TYPED_FEATURES = 10_000
"""The first features, whose properties decide which columns there are and of what types."""
_CHUNK_CHARACTERS = 1 << 20
_START = re.compile(r'"features"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_HEAD, _TAIL = b'{"type":"FeatureCollection","features":[\n', b"\n]}\n"


def read_geojson(path: Path) -> Iterator[pa.Table]:
    """Read a FeatureCollection piece by piece.

    Raises
    ------
    DataError
        It is none, or incomplete; its coordinates are not longitude and latitude; or a later feature has a
        property that none of the first ones has, or of another type.
    """
    with path.open(encoding="utf-8-sig") as file:
        features = _features(file)
        first = list(islice(features, _TYPED_FEATURES))
        schema = _schema(first)
        done = 0
        waiting = first
        while True:
            while waiting:
                yield _table(waiting[:FEATURES_AT_A_TIME], schema, done)
                done += len(waiting[:FEATURES_AT_A_TIME])
                waiting = waiting[FEATURES_AT_A_TIME:]
            waiting = list(islice(features, FEATURES_AT_A_TIME))
            if not waiting:
                break
        if not done:
            yield _table([], schema, 0)


def _features(file: IO[str]) -> Iterator[dict[str, Any]]:
    decoder = json.JSONDecoder()
    text = file.read(_CHUNK_CHARACTERS)
    start = _START.search(text)
    if start is None:
        raise DataError("this is no GeoJSON with a list of features (a FeatureCollection)")
    if '"crs"' in text[: start.start()]:
        try:
            check_degrees(text[: start.start()])
        except ValueError as error:
            raise DataError(str(error)) from error
    at = start.end()
    number = 1
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # matches nothing, too
        if text[at : at + 1] == "]":
            return
        try:
            feature, at = decoder.raw_decode(text, at)
        except RecursionError as error:
            raise DataError(f"feature {number}: it is nested too deeply") from error
        except ValueError as error:
            more = file.read(_CHUNK_CHARACTERS)
            if not more:
                raise DataError(f"feature {number}: the file is incomplete, or no JSON ({error})") from error
            text, at = text[at:] + more, 0
            continue
        if not isinstance(feature, dict) or feature.get("type") != "Feature":
            raise DataError(f"feature {number} is no Feature of GeoJSON")
        yield feature
        number += 1


def _schema(features: list[dict[str, Any]]) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for feature in features:
        for name, value in (feature.get("properties") or {}).items():
            found = _type(value)
            known = types.get(name, pa.null())
            types[name] = found if known in (found, pa.null()) else known if found == pa.null() else pa.string()
    if GEOMETRY in types:
        raise DataError(f"a property has the name '{GEOMETRY}'; rename it")
    fields = [(name, pa.string() if kind == pa.null() else kind) for name, kind in types.items()]
    return pa.schema([*fields, (GEOMETRY, pa.string())])


def _type(value: object) -> pa.DataType:
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    return pa.float64() if isinstance(value, int | float) else pa.string()


def _table(features: list[dict[str, Any]], schema: pa.Schema, done: int) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for number, feature in enumerate(features, start=done + 1):
        properties = feature.get("properties") or {}
        unknown = properties.keys() - columns.keys()
        if unknown:
            raise DataError(f"feature {number}: none of the first features has the property '{min(unknown)}'")
        for name in schema.names[:-1]:
            columns[name].append(_cell(properties.get(name), schema.field(name).type, name, number))
        geometry = feature.get("geometry")
        columns[GEOMETRY].append(None if geometry is None else orjson.dumps(geometry).decode())
    return described_as(pa.table(columns, schema=schema), GEOMETRY, GEOJSON)


def _cell(value: Any, kind: pa.DataType, name: str, number: int) -> Any:
    if value is None or _type(value) == kind:
        return value if not isinstance(value, list | dict) else orjson.dumps(value).decode()
    if kind == pa.string():
        return orjson.dumps(value).decode()
    raise DataError(
        f"feature {number}: property '{name}' is {value!r}; the first features have another type there"
    )


def geojson_rows(table: pa.Table) -> bytes:
    """Return rows as features, separated by commas; their geometries are text. Threads may call it at once."""
    found = geometry_of(table.schema)
    assert found is not None  # noqa: S101  # whoever writes GeoJSON adds them
    name, _ = found
    geometries = table.column(name).to_pylist()
    rows = table.drop_columns([name]).to_pylist()
    return b",\n".join(
        b'{"type":"Feature","geometry":%b,"properties":%b}'
        % ((geometry or "null").encode(), orjson.dumps(row, default=str))
        for geometry, row in zip(geometries, rows, strict=True)
    )


class GeoJsonWriter:
    """Writes a FeatureCollection piece by piece to an open file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._is_empty = True
        file.write(_HEAD)

    def write_table(self, table: pa.Table) -> None:
        """Append the rows of one piece."""
        self.write_rows(geojson_rows(table))

    def write_rows(self, rows: pa.Table | bytes) -> None:
        """Append the rows of one piece, as `geojson_rows` has made them."""
        if len(rows):
            self._file.write(rows if self._is_empty else b",\n" + rows)
            self._is_empty = False

    def close(self) -> None:
        """Write the end."""
        self._file.write(_TAIL)
