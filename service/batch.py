"""`POST /predict/batch`: a table of homes → the same kind of table, with every row answered in its place."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, Response, request

from estimator.bulk import check_header, value_table
from estimator.market import ANSWER_COLUMNS
from service.body import read_body
from service.json_body import json_answer
from service.json_schema import an_array, an_object, or_null, ref
from service.live_model import LiveModel, Snapshot
from service.predict import CONFIDENCE, read_asked
from service.problems import ProblemError
from service.settings import Settings
from service.subjects import check_subject_columns, check_subjects
from service.tables import (
    TableKind,
    csv_answer,
    lines_answer,
    read_columns,
    read_csv,
    read_lines,
    table_kind,
)
from service.told import answer_rows, count_homes
from service.valuing import Asked

PATH = "/predict/batch"
MODEL_VERSION = "Model-Version"
"""Header of an answer whose rows do not name the version."""

_PER_ROW = (
    "price",
    "price_low",
    "price_high",
    "fsd",
    "valuation_date",
    "looked_up",
    "unknown",
    "warnings",
    "error",
)


def batch_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Make the route of a server."""
    routes = Blueprint("batch", __name__)

    @routes.post(PATH)
    def batch() -> Response:
        snapshot = live.take()
        asked = read_asked(request.args, snapshot, PATH, (CONFIDENCE,))
        kind = table_kind(request)
        return _ANSWERS[kind](snapshot, read_body(request, settings.max_body), asked, settings.max_rows)

    return routes


def _csv(snapshot: Snapshot, body: bytes, asked: Asked, max_rows: int) -> Response:
    table = read_csv(body, max_rows)
    check_header(snapshot.appraiser.market, table.column_names)
    answered = value_table(snapshot.appraiser, table, asked.confidence)
    count_homes(
        snapshot, answered.facts, answered.priced, (~answered.good).sum(), (answered.good & ~answered.priced).sum()
    )
    answer = csv_answer(answered.table)
    answer.headers[MODEL_VERSION] = snapshot.version
    return answer


def _lines(snapshot: Snapshot, body: bytes, asked: Asked, max_rows: int) -> Response:
    values = read_lines(body, max_rows)
    problems = {row: value for row, value in enumerate(values) if isinstance(value, ProblemError)}
    checked = check_subjects(snapshot.appraiser.market, values, dated=snapshot.dated)
    return lines_answer(answer_rows(snapshot, checked, asked, problems))


def _columns(snapshot: Snapshot, body: bytes, asked: Asked, max_rows: int) -> Response:
    columns = read_columns(body, max_rows)
    checked = check_subject_columns(snapshot.appraiser.market, columns, dated=snapshot.dated)
    rows = answer_rows(snapshot, checked, asked)
    return json_answer(
        {name: [row.get(name) for row in rows] for name in _PER_ROW}
        | {
            "confidence": asked.confidence,
            "currency": snapshot.appraiser.market.currency,
            "model_version": snapshot.version,
        }
    )


_ANSWERS: Mapping[TableKind, Callable[[Snapshot, bytes, Asked, int], Response]] = {
    TableKind.CSV: _csv,
    TableKind.LINES: _lines,
    TableKind.COLUMNS: _columns,
}

_NUMBERS = an_array({"type": ["number", "null"]})
_TEXTS = an_array(or_null(an_array({"type": "string"})))
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ValuationColumns": an_object(
        {
            **dict.fromkeys(("price", "price_low", "price_high", "fsd"), _NUMBERS),
            "valuation_date": an_array({"type": ["string", "null"], "format": "date"}),
            **dict.fromkeys(("looked_up", "unknown", "warnings"), _TEXTS),
            "error": an_array(or_null(ref("Problem"))),
            "confidence": {"type": "number"},
            "currency": {"type": "string"},
            "model_version": {"type": "string"},
        },
        description="Valuations by column, as POST /predict gives them: null where a home has none, and then a"
        " problem in `error`.",
    ),
}
"""The answer's schema, by its name in the interface's document."""


def describe_batch(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the route's summary, description, body and good answers, as the interface's document has them."""
    subject = example["request"]
    names = ",".join(subject)
    cells = ",".join("" if value is None else str(value) for value in subject.values())
    csv = {"schema": {"type": "string"}, "example": f"{names}\n{cells}\n"}
    lines = {"schema": {"type": "string", "description": "A home a line."}}
    columns = an_object({}, additionalProperties=an_array({}), minProperties=1)
    return {
        "summary": "Value a table of homes",
        "description": "CSV, lines of JSON, or JSON by column; gzip is taken. The same kind comes back, with every"
        f" row in its place: CSV with its own columns and then {', '.join(ANSWER_COLUMNS)}; lines with a valuation"
        " or an error each; columns with those of valuations. The header Model-Version names the version.",
        "requestBody": {
            "required": True,
            "content": {
                TableKind.CSV.value: csv,
                TableKind.LINES.value: lines,
                TableKind.COLUMNS.value: {
                    "schema": columns,
                    "example": {name: [value] for name, value in subject.items()},
                },
            },
        },
        "responses": {
            "200": {
                "description": "The table's valuations",
                "content": {
                    TableKind.CSV.value: {"schema": {"type": "string"}},
                    TableKind.LINES.value: {"schema": {"type": "string"}},
                    TableKind.COLUMNS.value: {"schema": ref("ValuationColumns")},
                },
            }
        },
    }
