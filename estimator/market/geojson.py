"""Read and write GeoJSON of any size (RFC 7946), feature by feature; the geometries are a column of text.

Properties keep their types: numbers, true and false, text. Whole numbers that a float would round become text of
digits, and what else there is becomes text of JSON.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import IO, Any

import orjson
import pyarrow as pa

from estimator.errors import DataError
from estimator.market.cells import python_values
from estimator.market.geometry import GEOJSON, GEOMETRY, check_degrees, described_as, geometry_of

FEATURES_AT_A_TIME = 8192
"""As many rows as are valued at a time."""
_TYPED_FEATURES = 10_000
"""The first features, whose properties decide which columns there are and of what types."""
_IDENTIFIER = 2**31
"""Whole numbers from here on count or measure nothing of a home: as those of parcels, they stay whole."""
_EXACT = 2**53
"""Up to here, a float of 64 bits has every whole number."""
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
        _check(feature, number)
        yield feature
        number += 1


def _check(feature: object, number: int) -> None:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        raise DataError(f"feature {number} is no Feature of GeoJSON")
    if not isinstance(feature.get("properties") or {}, dict):
        raise DataError(f"feature {number}: its properties are no object of JSON")


def _schema(features: list[dict[str, Any]]) -> pa.Schema:
    types: dict[str, pa.DataType] = {}
    for feature in features:
        for name, value in (feature.get("properties") or {}).items():
            types[name] = _common_type(types.get(name, pa.null()), _type(value))
    if GEOMETRY in types:
        raise DataError(f"a property has the name '{GEOMETRY}'; rename it")
    final = {pa.null(): pa.string(), pa.int32(): pa.float64()}  # later numbers may have fractions
    return pa.schema([*((name, final.get(each, each)) for name, each in types.items()), (GEOMETRY, pa.string())])


def _type(value: object) -> pa.DataType:
    """Return a value's type; `int32` is for whole numbers that are no identifiers."""
    if value is None:
        return pa.null()
    if isinstance(value, bool):
        return pa.bool_()
    if isinstance(value, int) and abs(value) <= _EXACT:
        return pa.int32() if abs(value) < _IDENTIFIER else pa.int64()
    return pa.float64() if isinstance(value, float) else pa.string()


@cache
def _common_type(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """Return the type of a column that has values of both types."""
    for kinds, common in (
        ({one}, one),
        ({pa.null(), other}, other),
        ({pa.null(), one}, one),
        ({pa.int32(), pa.int64()}, pa.int64()),
        ({pa.int32(), pa.int64(), pa.float64()}, pa.float64()),
    ):
        if {one, other} <= kinds:
            return common
    return pa.string()


def _table(features: list[dict[str, Any]], schema: pa.Schema, done: int) -> pa.Table:
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    kinds = {field.name: field.type for field in schema if field.name != GEOMETRY}
    for number, feature in enumerate(features, start=done + 1):
        properties = feature.get("properties") or {}
        unknown = properties.keys() - columns.keys()
        if unknown:
            raise DataError(f"feature {number}: none of the first features has the property '{min(unknown)}'")
        for name, kind in kinds.items():
            columns[name].append(_cell(properties.get(name), kind, name, number))
        geometry = feature.get("geometry")
        columns[GEOMETRY].append(None if geometry is None else _json_text(geometry, "geometry", number))
    return described_as(pa.table(columns, schema=schema), GEOMETRY, GEOJSON)


def _cell(value: Any, kind: pa.DataType, name: str, number: int) -> Any:
    if value is None or (kind == pa.string() and isinstance(value, str)):
        return value
    if kind == pa.string():
        return str(value) if type(value) is int else _json_text(value, f"property '{name}'", number)
    if _common_type(_type(value), kind) == kind:
        return value
    raise DataError(
        f"feature {number}: property '{name}' is {value!r}; the first features have another type there"
    )


def _json_text(value: Any, what: str, number: int) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:  # nested too deeply, a number of too many digits, or no Unicode
        raise DataError(f"feature {number}: {what} cannot be read: {error}") from error


def geojson_rows(table: pa.Table) -> bytes:
    """Return rows as features, separated by commas; their geometries are text. Threads may call it at once."""
    found = geometry_of(table.schema)
    assert found is not None  # noqa: S101  # whoever writes GeoJSON adds them
    name, _ = found
    geometries = table.column(name).to_pylist()
    others = table.drop_columns([name])
    rows = zip(*map(python_values, others.columns), strict=True)
    return b",\n".join(
        b'{"type":"Feature","geometry":%b,"properties":%b}'
        % (
            (geometry or "null").encode(),
            orjson.dumps(dict(zip(others.column_names, row, strict=True)), default=str),
        )
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
