"""Reads tables from bodies and answers with tables: CSV, NDJSON and JSON by column. Excel is only read."""

import json
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

import pyarrow as pa
from flask import Request, Response

from estimator.errors import DataError
from estimator.market.feature import Feature
from estimator.market.homes_file import HomesTable, parse_homes, parse_workbook
from estimator.market.market import Market
from estimator.market.tables import csv_bytes
from service.http.json_body import check_nested, count_nested, is_json, parse_json
from service.http.problems import MALFORMED_JSON, MALFORMED_TABLE, NOT_A_TABLE, TOO_MANY_ROWS, ProblemError

MAX_COLUMNS = 1000
"""Maximum number of columns: even an empty column takes memory, and real tables have far fewer."""
MAX_LINE_NESTED = 16
"""Objects and lists in a line of NDJSON: a home is one object. Empty ones take fifty times their bytes."""

WORKBOOK_BODIES = 5
"""How many times the largest body a workbook may unpack to: its parts take about five times the bytes of CSV."""

MODEL_VERSION = "Model-Version"
"""Header with the version of the model."""


class TableKind(Enum):
    """Format of a table; the value is its media type."""

    CSV = "text/csv"
    EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    LINES = "application/x-ndjson"
    COLUMNS = "application/json"


_CSV_TYPES = ("text/csv", "text/tab-separated-values")
"""What separates the cells is read from the first line."""
_NDJSON_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")


def table_kind(request: Request, accepted: Sequence[TableKind] = tuple(TableKind)) -> TableKind:
    """Return the format of a request's body by its Content-Type.

    Parameters
    ----------
    accepted
        Formats that the route accepts.

    Raises
    ------
    ProblemError
        The format is not accepted, or the charset is not UTF-8 (415).
    """
    media_type = request.mimetype
    charset = request.mimetype_params.get("charset", "utf-8")
    if charset.lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise ProblemError(NOT_A_TABLE, f"the charset is {charset[:60]!a}; send UTF-8")
    kind = _kind(media_type)
    if kind is not None and kind in accepted:
        return kind
    media_types = ", ".join(kind.value for kind in accepted)
    raise ProblemError(
        NOT_A_TABLE, f"the Content-Type is {media_type[:60] or 'missing'}; send one of {media_types}"
    )


def _kind(media_type: str) -> TableKind | None:
    if media_type in _CSV_TYPES:
        return TableKind.CSV
    if media_type == TableKind.EXCEL.value:
        return TableKind.EXCEL
    if media_type in _NDJSON_TYPES:
        return TableKind.LINES
    return TableKind.COLUMNS if is_json(media_type) else None


def read_homes_table(
    kind: TableKind, body: bytes, market: Market, features: Sequence[Feature], max_rows: int, max_body: int
) -> HomesTable:
    """Read CSV or an Excel workbook.

    Parameters
    ----------
    features
        What the columns are read as: the market's facts, or those of a listing.
    max_body
        Maximum size of a body; a workbook may unpack to `WORKBOOK_BODIES` times as much.

    Raises
    ------
    ProblemError
        It is not a complete table (400), or has too many rows (413).
    """
    try:
        homes = (
            parse_workbook(market, features, body, MAX_COLUMNS, max_rows, WORKBOOK_BODIES * max_body)
            if kind is TableKind.EXCEL
            else parse_homes(market, features, body, MAX_COLUMNS)
        )
    except DataError as error:
        raise ProblemError(MALFORMED_TABLE, str(error)) from error
    check_rows(homes.table.num_rows, max_rows)
    return homes


def csv_answer(table: pa.Table, version: str) -> Response:
    """Answer with a table as CSV. The model's version is in a header, because the rows do not contain it."""
    content_type = "text/csv; charset=utf-8; header=present"
    return Response(csv_bytes(table), content_type=content_type, headers={MODEL_VERSION: version})


def read_lines(body: bytes, max_rows: int) -> list[Any]:
    """Read NDJSON: a value per line, or the problem of a line that is not strict JSON.

    Raises
    ------
    ProblemError
        There are too many lines (413).
    """
    if not body:
        return []
    body = body.removesuffix(b"\n")
    check_rows(body.count(b"\n") + 1, max_rows)
    return [_line(line) for line in body.split(b"\n")]


def _line(line: bytes) -> Any:
    n = count_nested(line, MAX_LINE_NESTED)
    if n > MAX_LINE_NESTED:
        return ProblemError(MALFORMED_JSON, f"the line has {n} objects and lists; a home is one object")
    try:
        return parse_json(line)
    except ProblemError as problem:
        return problem


def lines_answer(values: Iterable[Any]) -> Response:
    """Answer with NDJSON: a line per value."""
    lines = (json.dumps(value, separators=(",", ":"), allow_nan=False) + "\n" for value in values)
    return Response("".join(lines), content_type=TableKind.LINES.value)


def read_columns(body: bytes, max_rows: int) -> Mapping[str, list[Any]]:
    """Read JSON by column: name → values, one per row.

    Raises
    ------
    ProblemError
        It is not strict JSON, not an object of equally long lists, or has too many columns (400), or it has too
        many rows (413).
    """
    check_nested(body, max_rows)
    columns = parse_json(body)
    if not isinstance(columns, dict) or not columns:
        raise ProblemError(
            MALFORMED_TABLE, 'the body must be an object of lists, such as {"latitude": [47.6, …], …}'
        )
    if len(columns) > MAX_COLUMNS:
        raise ProblemError(MALFORMED_TABLE, f"the table has {len(columns)} columns; the maximum is {MAX_COLUMNS}")
    for name, values in columns.items():
        if not isinstance(values, list):
            raise ProblemError(MALFORMED_TABLE, f"{name[:60]!a} must be a list")
    first, n = next((name, len(values)) for name, values in columns.items())
    for name, values in columns.items():
        if len(values) != n:
            raise ProblemError(
                MALFORMED_TABLE,
                f"{first[:60]!a} has {n} values and {name[:60]!a} has {len(values)}; all lists must be equally"
                " long",
            )
    check_rows(n, max_rows)
    return columns


def check_rows(rows: int, max_rows: int) -> None:
    """Check the number of rows.

    Raises
    ------
    ProblemError
        There are too many rows (413).
    """
    if rows > max_rows:
        raise ProblemError(TOO_MANY_ROWS, f"the table has {rows} rows; the maximum is {max_rows}")
