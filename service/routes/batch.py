"""`POST /predict/batch`: a table of homes → a table in the same format with an answer in every row."""

from collections.abc import Callable, Mapping
from functools import partial

from flask import Blueprint, Response, request

from estimator.bulk import check_header, value_table
from estimator.market.market import ABOVE_COLUMN
from service.http.body import read_body
from service.http.body_budget import BodyBudget
from service.http.json_body import json_answer
from service.http.problems import ProblemError
from service.http.tables import (
    TableKind,
    csv_answer,
    lines_answer,
    read_columns,
    read_homes_table,
    read_lines,
    table_kind,
)
from service.live_model import LiveModel
from service.openapi.batch import PATH
from service.settings import Settings
from service.valuation.chunks import value_in_chunks
from service.valuation.parameters import CONFIDENCE, PRICE_ABOVE, read_options
from service.valuation.responses import answer_rows, count_homes
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import check_subject_columns, check_subjects
from service.valuation.valuation import ValuationOptions

_ROW_MEMBERS = (
    "price",
    "price_low",
    "price_high",
    "fsd",
    "probability_within_10",
    "valuation_date",
    "looked_up",
    "unknown",
    "warnings",
    "error",
)


def batch_routes(live: LiveModel, settings: Settings, budget: BodyBudget) -> Blueprint:
    """Return the route."""
    routes = Blueprint("batch", __name__)

    @routes.post(PATH)
    def batch() -> Response:
        snapshot = live.snapshot()
        options = read_options(request, snapshot.appraiser.market, PATH, (CONFIDENCE, PRICE_ABOVE))
        kind = table_kind(request)
        body = read_body(request, settings.max_body)
        with budget.hold(body, options.check):
            return _ANSWER_BY_KIND[kind](snapshot, body, options, settings)

    return routes


def _table(
    kind: TableKind, snapshot: Snapshot, body: bytes, options: ValuationOptions, settings: Settings
) -> Response:
    market = snapshot.appraiser.market
    homes = read_homes_table(kind, body, market, market.features, settings.max_rows, settings.max_body)
    requested = () if options.price_above is None else (ABOVE_COLUMN,)
    check_header(market, homes.column_names, requested=requested)
    value = partial(value_in_chunks, snapshot.appraiser, check=options.check, price_above=options.price_above)
    answered = value_table(snapshot.appraiser, homes, options.confidence, value)
    count_homes(snapshot, answered.facts, answered.valid, answered.priced)
    return csv_answer(answered.table, snapshot.version)


def _lines(snapshot: Snapshot, body: bytes, options: ValuationOptions, settings: Settings) -> Response:
    values = read_lines(body, settings.max_rows)
    unreadable = {row: value for row, value in enumerate(values) if isinstance(value, ProblemError)}
    subjects = check_subjects(snapshot.appraiser.market, values, has_dates=snapshot.has_dates)
    return lines_answer(answer_rows(snapshot, subjects, options, unreadable))


def _columns(snapshot: Snapshot, body: bytes, options: ValuationOptions, settings: Settings) -> Response:
    columns = read_columns(body, settings.max_rows)
    subjects = check_subject_columns(snapshot.appraiser.market, columns, has_dates=snapshot.has_dates)
    rows = answer_rows(snapshot, subjects, options)
    requested = () if options.price_above is None else ("probability_above",)
    return json_answer(
        {name: [row.get(name) for row in rows] for name in (*_ROW_MEMBERS, *requested)}
        | {
            "confidence": options.confidence,
            "currency": snapshot.appraiser.market.currency,
            "model_version": snapshot.version,
        }
    )


_ANSWER_BY_KIND: Mapping[TableKind, Callable[[Snapshot, bytes, ValuationOptions, Settings], Response]] = {
    TableKind.CSV: partial(_table, TableKind.CSV),
    TableKind.EXCEL: partial(_table, TableKind.EXCEL),
    TableKind.LINES: _lines,
    TableKind.COLUMNS: _columns,
}
