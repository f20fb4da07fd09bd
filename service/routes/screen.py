"""`POST /screen`: listings → deals, best first. Listings that cannot be screened are reported, not dropped."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from estimator.deals.costs import COSTS
from estimator.deals.listings import cost_features, listing_table
from estimator.deals.screen_file import ScreeningTerms, check_listings_header, screen_table
from estimator.deals.screening import DEFAULT_PROBABILITY, MAX_PROBABILITY, MIN_PROBABILITY, check_ranges
from estimator.errors import DataError
from estimator.market.checks import check_value
from estimator.market.feature import Feature
from estimator.market.homes_file import HomesTable
from estimator.market.tables import FIRST_CSV_ROW
from service.http.body import read_body
from service.http.body_budget import BodyBudget
from service.http.json_body import check_nested, json_answer, parse_json
from service.http.problems import (
    INVALID_SCREENING,
    MALFORMED_TABLE,
    NO_RANGES,
    UNKNOWN_PARAMETER,
    ProblemError,
)
from service.http.tables import TableKind, check_rows, csv_answer, read_homes_table, table_kind
from service.live_model import LiveModel
from service.openapi.screen import PATH
from service.settings import Settings
from service.valuation.chunks import value_in_chunks
from service.valuation.deals import errors_by_row, screen_listings
from service.valuation.includes import INCLUDE
from service.valuation.parameters import CONFIDENCE, check_include_limit, read_number, read_options
from service.valuation.responses import count_homes
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import CheckedSubjects, check_subjects
from service.valuation.valuation import ValuationOptions

_PROBABILITY = "probability"
_COST_NAMES = tuple(cost.name for cost in COSTS)
PARAMETERS = (INCLUDE, CONFIDENCE, _PROBABILITY, *_COST_NAMES)
"""Names of the query parameters."""
_MEMBERS = ("listings", "costs", _PROBABILITY)
"""Members of a body that is an object."""


def screen_routes(live: LiveModel, settings: Settings, budget: BodyBudget) -> Blueprint:
    """Return the route."""
    routes = Blueprint("screen", __name__)

    @routes.post(PATH)
    def screen() -> Response:
        snapshot = live.snapshot()
        market = snapshot.appraiser.market
        options = read_options(request, market, PATH, PARAMETERS)
        _check_ranges(snapshot)
        query = _read_query(request.args)
        kind = table_kind(request, (TableKind.CSV, TableKind.EXCEL, TableKind.COLUMNS))
        body = read_body(request, settings.max_body)
        with budget.hold(body, options.check):
            if kind is TableKind.COLUMNS:
                return _screen_json(snapshot, body, query, options, settings)
            return _screen_table(kind, snapshot, body, query, options, settings)

    return routes


def _check_ranges(snapshot: Snapshot) -> None:
    try:
        check_ranges(snapshot.appraiser.ranges)
    except DataError as error:
        raise ProblemError(NO_RANGES, str(error)) from error


def _screen_table(
    kind: TableKind,
    snapshot: Snapshot,
    body: bytes,
    query: Mapping[str, float],
    options: ValuationOptions,
    settings: Settings,
) -> Response:
    market = snapshot.appraiser.market
    features = listing_table(market).features
    homes = read_homes_table(kind, body, market, features, settings.max_rows, settings.max_body)
    terms = _read_terms(snapshot, query, {}, options)
    check_listings_header(market, homes.column_names)
    media_types = [TableKind.CSV.value, TableKind.COLUMNS.value]
    if request.accept_mimetypes.best_match(media_types, default=TableKind.CSV.value) == TableKind.CSV.value:
        return _answer_csv(snapshot, homes, terms, options)
    check_include_limit(homes.table.num_rows, options.includes, market, settings.max_reasons)
    subjects, cells = _check_listing_table(homes), homes.table.to_pylist()
    return json_answer(screen_listings(snapshot, subjects, FIRST_CSV_ROW, terms, options, cells))


def _screen_json(
    snapshot: Snapshot, body: bytes, query: Mapping[str, float], options: ValuationOptions, settings: Settings
) -> Response:
    market = snapshot.appraiser.market
    check_nested(body, settings.max_rows)
    listings, in_body = _read_json_body(body)
    check_rows(len(listings), settings.max_rows)
    terms = _read_terms(snapshot, query, in_body, options)
    check_include_limit(len(listings), options.includes, market, settings.max_reasons)
    subjects = check_subjects(listing_table(market), listings, has_dates=snapshot.has_dates)
    return json_answer(screen_listings(snapshot, subjects, 0, terms, options))


def _read_json_body(body: bytes) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the listings of a body, and the costs and the probability that apply to all of them."""
    value = parse_json(body)
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, dict) or not isinstance(value.get("listings"), list):
        raise ProblemError(MALFORMED_TABLE, 'send a list of listings, or {"listings": […], "costs": {…}}')
    for name in value:
        if name not in _MEMBERS:
            raise ProblemError(
                MALFORMED_TABLE, f"unknown member {name[:60]!a}; expected one of {', '.join(_MEMBERS)}"
            )
    costs = value.get("costs", {})
    if not isinstance(costs, dict):
        raise ProblemError(MALFORMED_TABLE, "`costs` must be an object")
    if _PROBABILITY in costs:
        raise ProblemError(
            INVALID_SCREENING, f"{_PROBABILITY} is not a cost; send it as a member of the body, next to `costs`"
        )
    return value["listings"], costs | ({_PROBABILITY: value[_PROBABILITY]} if _PROBABILITY in value else {})


def _read_query(args: MultiDict[str, str]) -> dict[str, float]:
    """Return the costs and the probability in the query."""
    numbers = {name: read_number(args, name, INVALID_SCREENING) for name in (_PROBABILITY, *_COST_NAMES)}
    return {name: number for name, number in numbers.items() if number is not None}


def _read_terms(
    snapshot: Snapshot, query: Mapping[str, float], body: Mapping[str, Any], options: ValuationOptions
) -> ScreeningTerms:
    """Return what applies to all listings, from the query and the body."""
    in_both = sorted(set(query) & set(body))
    if in_both:
        raise ProblemError(INVALID_SCREENING, f"{in_both[0]} is given in the URL and in the body; send it once")
    probability = Feature(_PROBABILITY, "number", "", minimum=MIN_PROBABILITY, maximum=MAX_PROBABILITY)
    features = {
        feature.name: feature for feature in (probability, *cost_features(snapshot.appraiser.market.currency))
    }
    checked: dict[str, float] = {}
    for name, value in {**query, **body}.items():
        if name not in features:
            raise ProblemError(
                INVALID_SCREENING, f"unknown cost {name[:60]!a}; expected one of {', '.join(_COST_NAMES)}"
            )
        try:
            checked[name] = float(check_value(features[name], value))
        except ValueError as error:
            raise ProblemError(INVALID_SCREENING, f"{name}: {error}") from error
    return ScreeningTerms(
        {cost.name: checked.get(cost.name, cost.default) for cost in COSTS},
        checked.get(_PROBABILITY, DEFAULT_PROBABILITY),
        options.confidence,
        snapshot.past_resales,
        snapshot.uplift_errors,
    )


def _answer_csv(
    snapshot: Snapshot, homes: HomesTable, terms: ScreeningTerms, options: ValuationOptions
) -> Response:
    if options.includes:
        raise ProblemError(
            UNKNOWN_PARAMETER, f"{INCLUDE} is not available in CSV; send Accept: application/json to get JSON"
        )
    answer = screen_table(
        snapshot.appraiser,
        snapshot.list_price_model,
        homes,
        terms,
        partial(value_in_chunks, snapshot.appraiser, check=options.check),
    )
    count_homes(snapshot, answer.facts, answer.valid, answer.priced)
    return csv_answer(answer.table, snapshot.version)


def _check_listing_table(homes: HomesTable) -> CheckedSubjects:
    """Check listings from a table."""
    facts, dates, problems = homes.check()
    return CheckedSubjects(facts, dates, errors_by_row(problems), notes=homes.notes)
