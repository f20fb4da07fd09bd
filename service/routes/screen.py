"""`POST /screen`: listings → deals, best first; what cannot be screened is told apart, nothing is dropped."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    cost_features,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.deals.screen_file import check_listings_header, screen_table, value_and_screen
from estimator.deals.screening import (
    COSTS,
    DEFAULT_PROBABILITY,
    MAX_PROBABILITY,
    MIN_PROBABILITY,
    Screening,
    best_first,
    list_price_warnings,
)
from estimator.market.checks import check_table, check_value, valuation_dates
from estimator.market.columns import Problem
from estimator.market.market import Feature, Market
from estimator.market.tables import FIRST_CSV_ROW
from estimator.uncertainty.applicability import Refusal
from service.http.body import read_body
from service.http.json_body import json_answer, parse_json
from service.http.problems import (
    INVALID_SCREENING,
    MALFORMED_TABLE,
    UNKNOWN_PARAMETER,
    ProblemError,
)
from service.http.tables import TableKind, check_rows, csv_answer, read_csv, table_kind
from service.live_model import LiveModel, Snapshot
from service.openapi.screen import PATH
from service.routes.predict import CONFIDENCE, check_include_limit, read_number, read_options
from service.settings import Settings
from service.valuation import includes as reasons
from service.valuation.responses import ErrorBudget, count_homes
from service.valuation.subject_columns import CheckedSubjects, check_subjects
from service.valuation.valuation import ValuationOptions

_COST_NAMES = tuple(cost.name for cost in COSTS)
_PROBABILITY = "probability"
PARAMETERS = (reasons.INCLUDE, CONFIDENCE, _PROBABILITY, *_COST_NAMES)
"""What the address may ask for."""
_MEMBERS = ("listings", "costs", _PROBABILITY)
"""What a body that is an object may have."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What holds for all listings of a request: costs by name, and the probability of a deal."""

    costs: Mapping[str, float]
    probability: float


def screen_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Make the route of a server."""
    routes = Blueprint("screen", __name__)

    @routes.post(PATH)
    def screen() -> Response:
        snapshot = live.take()
        asked = read_options(request.args, snapshot, PATH, PARAMETERS)
        said = _from_address(request.args)
        kind = table_kind(request, (TableKind.CSV, TableKind.COLUMNS))
        body = read_body(request, settings.max_body)
        if kind is TableKind.CSV:
            table, terms = read_csv(body, settings.max_rows), _terms(snapshot.appraiser.market, said, {})
            check_listings_header(snapshot.appraiser.market, table.column_names)
            kinds = [kind.value, TableKind.COLUMNS.value]
            if request.accept_mimetypes.best_match(kinds, default=kind.value) == kind.value:
                return _csv(snapshot, table, terms, asked)
            checked, first_row = _check_table(snapshot.appraiser.market, table), FIRST_CSV_ROW
        else:
            listings, more = _read_json(body)
            check_rows(len(listings), settings.max_rows)
            terms = _terms(snapshot.appraiser.market, said, more)
            table_of = listing_table(snapshot.appraiser.market)
            checked, first_row = check_subjects(table_of, listings, has_dates=snapshot.has_dates), 0
        check_include_limit(len(checked.dates), asked.included, settings.max_reasons)
        return json_answer(_deals(snapshot, checked, first_row, terms, asked))

    return routes


def _read_json(body: bytes) -> tuple[list[Any], Mapping[str, Any]]:
    """Return the listings of a body, and what it says for all of them."""
    value = parse_json(body)
    if isinstance(value, list):
        return value, {}
    if not isinstance(value, dict) or not isinstance(value.get("listings"), list):
        raise ProblemError(MALFORMED_TABLE, 'send a list of listings, or {"listings": […], "costs": {…}}')
    for name in value:
        if name not in _MEMBERS:
            raise ProblemError(MALFORMED_TABLE, f"{name[:60]!a} is no member; known: {', '.join(_MEMBERS)}")
    costs = value.get("costs", {})
    if not isinstance(costs, dict):
        raise ProblemError(MALFORMED_TABLE, "costs is no object")
    if _PROBABILITY in costs:
        raise ProblemError(INVALID_SCREENING, f"{_PROBABILITY} is no cost; it stands beside costs")
    more = {_PROBABILITY: value[_PROBABILITY]} if _PROBABILITY in value else {}
    return value["listings"], {**costs, **more}


def _from_address(args: MultiDict[str, str]) -> dict[str, float]:
    """Return the numbers that the address gives for all listings."""
    said = {name: read_number(args, name, INVALID_SCREENING) for name in (_PROBABILITY, *_COST_NAMES)}
    return {name: number for name, number in said.items() if number is not None}


def _terms(market: Market, address: Mapping[str, float], body: Mapping[str, Any]) -> Terms:
    """Return what holds for all listings, by the address and the body."""
    both = sorted(set(address) & set(body))
    if both:
        raise ProblemError(INVALID_SCREENING, f"{both[0]} stands in the address and in the body")
    said = {**address, **body}
    bounds = Feature(_PROBABILITY, "number", "", minimum=MIN_PROBABILITY, maximum=MAX_PROBABILITY)
    features = {feature.name: feature for feature in (bounds, *cost_features(market.currency))}
    checked: dict[str, float] = {}
    for name, value in said.items():
        if name not in features:
            raise ProblemError(INVALID_SCREENING, f"{name[:60]!a} is no cost; known: {', '.join(_COST_NAMES)}")
        try:
            checked[name] = float(check_value(features[name], value))
        except ValueError as error:
            raise ProblemError(INVALID_SCREENING, f"{name}: {error}") from error
    probability = checked.pop(_PROBABILITY, DEFAULT_PROBABILITY)
    return Terms({cost.name: checked.get(cost.name, cost.default) for cost in COSTS}, probability)


def _csv(snapshot: Snapshot, table: pa.Table, terms: Terms, asked: ValuationOptions) -> Response:
    if asked.included:
        raise ProblemError(
            UNKNOWN_PARAMETER, f"{reasons.INCLUDE} needs an answer of JSON: send Accept: application/json"
        )
    answered = screen_table(
        snapshot.appraiser, snapshot.list_price_model, table, terms.costs, terms.probability, asked.confidence
    )
    count_homes(
        snapshot, answered.facts, answered.priced, (~answered.valid).sum(), (answered.valid & ~answered.priced).sum()
    )
    return csv_answer(answered.table, snapshot.version)


def _check_table(market: Market, table: pa.Table) -> CheckedSubjects:
    said, problems = check_table(listing_table(market).features, table)
    dates, faults = valuation_dates(market, table)
    return CheckedSubjects(said, dates, _by_row([*problems, *faults]))


def _by_row(problems: Sequence[Problem]) -> dict[int, list[dict[str, str]]]:
    faults: dict[int, list[dict[str, str]]] = {}
    for problem in problems:
        faults.setdefault(problem.row, []).append({"field": problem.field, "message": problem.message})
    return faults


def _with_listings_faults(market: Market, checked: CheckedSubjects, listings: Listings, first_row: int) -> CheckedSubjects:
    """Add what is wrong with listings beyond their facts: another currency, a listing that stands twice."""
    strange = currency_problems(market, checked.facts)
    good = checked.good
    good[[problem.row for problem in strange]] = False
    repeats = DuplicateListings().find(checked.facts, checked.dates, listings, good)
    more = _by_row([*strange, *duplicate_problems(listings, repeats, first_row)])
    faults = {row: [*checked.faults.get(row, []), *more.get(row, [])] for row in {*checked.faults, *more}}
    return replace(checked, faults=faults)


def _deals(snapshot: Snapshot, checked: CheckedSubjects, first_row: int, terms: Terms, asked: ValuationOptions) -> dict[str, Any]:
    """Return the answer: deals, best first, and what cannot be screened, in order.

    `first_row`: the number of the first row in messages, a file's 2, since its header is row 1.
    """
    market = snapshot.appraiser.market
    listings = Listings.of(market, checked.facts, terms.costs)
    checked = _with_listings_faults(market, checked, listings, first_row)
    budget = ErrorBudget()
    refused = {
        row: budget.invalid([{"row": row, **fault} for fault in faults])
        for row, faults in sorted(checked.faults.items())
    }
    deals, out_of_reach = (
        _best_first(snapshot, checked, listings, terms, asked) if checked.good.any() else ([], {})
    )
    refused |= {row: budget.out_of_reach(refusals, row=row) for row, refusals in out_of_reach.items()}
    good = home_facts(market, checked.facts).take(checked.good)
    priced = np.isin(np.flatnonzero(checked.good), list(out_of_reach), invert=True)
    count_homes(snapshot, good, priced, len(checked.faults), len(out_of_reach))
    return {
        "deals": deals,
        "refused": [
            {"row": row, "listing_id": str(listings.listing_id[row]) or None, "error": refused[row].as_dict()}
            for row in sorted(refused)
        ],
        "costs": dict(terms.costs),
        "probability": terms.probability,
        "asks": list_price_summary(snapshot.list_price_model),
        "currency": market.currency,
        "model_version": snapshot.version,
    }


def _best_first(
    snapshot: Snapshot, checked: CheckedSubjects, listings: Listings, terms: Terms, asked: ValuationOptions
) -> tuple[list[dict[str, Any]], dict[int, Sequence[Refusal]]]:
    """Value and screen the good listings, one at least; return the deals, and row → why a home has no value."""
    appraiser, good = snapshot.appraiser, checked.good
    facts, dates = home_facts(appraiser.market, checked.facts).take(good), checked.dates[good]
    rows, kept = np.flatnonzero(good).tolist(), listings.take(good)
    values, promise = value_and_screen(
        appraiser, snapshot.list_price_model, facts, dates, kept, terms.probability, asked.confidence
    )
    ranked = best_first(promise.margin_percent)[: int(values.priced.sum())].tolist()
    given = reasons.compute_includes(
        appraiser, facts.take(np.array(ranked, int)), dates[ranked], asked.included, asked.confidence
    )
    told, strange = _told(promise, kept), list_price_warnings(values.price, kept.list_price)
    deals = [
        {"row": rows[place], "rank": rank, "listing_id": str(kept.listing_id[place]) or None}
        | told[place]
        | {"warnings": [text for text, where in strange.items() if where[place]]}
        | {"valuation": values.as_dict(place) | {"model_version": snapshot.version} | reason}
        for rank, (place, reason) in enumerate(zip(ranked, given, strict=True), start=1)
    ]
    return deals, {rows[place]: refusals for place, refusals in values.refusals.items()}


def _told(promise: Screening, listings: Listings) -> list[dict[str, Any]]:
    """Return what each of n listings asks, promises and costs."""
    promised = {name: column.tolist() for name, column in promise.rounded().items()}
    costs = {name: column.tolist() for name, column in vars(listings.costs).items()}
    return [
        {
            "list_price": ask,
            **{name: column[place] for name, column in promised.items()},
            "costs": {name: column[place] for name, column in costs.items()},
        }
        for place, ask in enumerate(listings.list_price.tolist())
    ]


def list_price_summary(list_price_model: ListPriceModel) -> dict[str, Any]:
    """Return what was learned of asks, and from how many listings: 0 means the documented prior."""
    return {
        "fitted": list_price_model.listings is not None,
        "listings": list_price_model.listings or 0,
        "premium": round(list_price_model.premium, 4),
        "noise": round(list_price_model.noise, 4),
    }
