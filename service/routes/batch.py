"""`POST /predict/batch`: a table of homes → the same kind of table, with every row answered in its place."""

from collections.abc import Callable, Mapping

from flask import Blueprint, Response, request

from estimator.bulk import check_header, value_table
from service.http.body import read_body
from service.http.json_body import json_answer
from service.http.problems import ProblemError
from service.http.tables import (
    TableKind,
    csv_answer,
    lines_answer,
    read_columns,
    read_csv,
    read_lines,
    table_kind,
)
from service.live_model import LiveModel, Snapshot
from service.openapi.batch import PATH
from service.routes.predict import CONFIDENCE, read_asked
from service.settings import Settings
from service.valuation.responses import answer_rows, count_homes
from service.valuation.subject_columns import check_subject_columns, check_subjects
from service.valuation.valuation import Asked

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
    return csv_answer(answered.table, snapshot.version)


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
