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
    Listings,
    Seen,
    cost_features,
    listing_table,
    repeated,
    without_listing,
    wrong_currencies,
)
from estimator.deals.screen_file import check_listings_header, screen_table, value_and_screen
from estimator.deals.screening import (
    COSTS,
    GREATEST_PROBABILITY,
    LEAST_PROBABILITY,
    PROBABILITY,
    Screening,
    ask_warnings,
    best_first,
)
from estimator.market.columns import Problem, check_table, valuation_dates
from estimator.market.facts import check_value
from estimator.market.market import Feature, Market
from estimator.market.tables import FIRST_CSV_ROW
from estimator.uncertainty.applicability import Refusal
from service.http.body import read_body
from service.http.json_body import json_answer, parse_json
from service.http.problems import (
    BAD_SCREENING,
    MALFORMED_TABLE,
    UNKNOWN_PARAMETER,
    ProblemError,
)
from service.http.tables import TableKind, check_rows, csv_answer, read_csv, table_kind
from service.live_model import LiveModel, Snapshot
from service.openapi.screen import PATH
from service.routes.predict import CONFIDENCE, check_reasons, read_asked, read_number
from service.settings import Settings
from service.valuation import includes as reasons
from service.valuation.responses import ErrorRoom, count_homes
from service.valuation.subject_columns import Checked, check_subjects
from service.valuation.valuation import Asked

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
        asked = read_asked(request.args, snapshot, PATH, PARAMETERS)
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
            checked, first_row = check_subjects(table_of, listings, dated=snapshot.dated), 0
        check_reasons(len(checked.dates), asked.included, settings.max_reasons)
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
        raise ProblemError(BAD_SCREENING, f"{_PROBABILITY} is no cost; it stands beside costs")
    more = {_PROBABILITY: value[_PROBABILITY]} if _PROBABILITY in value else {}
    return value["listings"], {**costs, **more}


def _from_address(args: MultiDict[str, str]) -> dict[str, float]:
    """Return the numbers that the address gives for all listings."""
    said = {name: read_number(args, name, BAD_SCREENING) for name in (_PROBABILITY, *_COST_NAMES)}
    return {name: number for name, number in said.items() if number is not None}


def _terms(market: Market, address: Mapping[str, float], body: Mapping[str, Any]) -> Terms:
    """Return what holds for all listings, by the address and the body."""
    both = sorted(set(address) & set(body))
    if both:
        raise ProblemError(BAD_SCREENING, f"{both[0]} stands in the address and in the body")
    said = {**address, **body}
    bounds = Feature(_PROBABILITY, "number", "", minimum=LEAST_PROBABILITY, maximum=GREATEST_PROBABILITY)
    features = {feature.name: feature for feature in (bounds, *cost_features(market.currency))}
    checked: dict[str, float] = {}
    for name, value in said.items():
        if name not in features:
            raise ProblemError(BAD_SCREENING, f"{name[:60]!a} is no cost; known: {', '.join(_COST_NAMES)}")
        try:
            checked[name] = float(check_value(features[name], value))
        except ValueError as error:
            raise ProblemError(BAD_SCREENING, f"{name}: {error}") from error
    probability = checked.pop(_PROBABILITY, PROBABILITY)
    return Terms({cost.name: checked.get(cost.name, cost.default) for cost in COSTS}, probability)


def _csv(snapshot: Snapshot, table: pa.Table, terms: Terms, asked: Asked) -> Response:
    if asked.included:
        raise ProblemError(
            UNKNOWN_PARAMETER, f"{reasons.INCLUDE} needs an answer of JSON: send Accept: application/json"
        )
    answered = screen_table(
        snapshot.appraiser, snapshot.asks, table, terms.costs, terms.probability, asked.confidence
    )
    count_homes(
        snapshot, answered.facts, answered.priced, (~answered.good).sum(), (answered.good & ~answered.priced).sum()
    )
    return csv_answer(answered.table, snapshot.version)


def _check_table(market: Market, table: pa.Table) -> Checked:
    said, problems = check_table(listing_table(market).features, table)
    dates, faults = valuation_dates(market, table)
    return Checked(said, dates, _by_row([*problems, *faults]))


def _by_row(problems: Sequence[Problem]) -> dict[int, list[dict[str, str]]]:
    faults: dict[int, list[dict[str, str]]] = {}
    for problem in problems:
        faults.setdefault(problem.row, []).append({"field": problem.field, "message": problem.message})
    return faults


def _with_listings_faults(market: Market, checked: Checked, listings: Listings, first_row: int) -> Checked:
    """Add what is wrong with listings beyond their facts: another currency, a listing that stands twice."""
    strange = wrong_currencies(market, checked.facts)
    good = checked.good
    good[[problem.row for problem in strange]] = False
    repeats = Seen().repeats(checked.facts, checked.dates, listings, good)
    more = _by_row([*strange, *repeated(listings, repeats, first_row)])
    faults = {row: [*checked.faults.get(row, []), *more.get(row, [])] for row in {*checked.faults, *more}}
    return replace(checked, faults=faults)


def _deals(snapshot: Snapshot, checked: Checked, first_row: int, terms: Terms, asked: Asked) -> dict[str, Any]:
    """Return the answer: deals, best first, and what cannot be screened, in order.

    `first_row`: the number of the first row in messages, a file's 2, since its header is row 1.
    """
    market = snapshot.appraiser.market
    listings = Listings.of(market, checked.facts, terms.costs)
    checked = _with_listings_faults(market, checked, listings, first_row)
    room = ErrorRoom()
    refused = {
        row: room.invalid([{"row": row, **fault} for fault in faults])
        for row, faults in sorted(checked.faults.items())
    }
    deals, out_of_reach = (
        _best_first(snapshot, checked, listings, terms, asked) if checked.good.any() else ([], {})
    )
    refused |= {row: room.out_of_reach(refusals, row=row) for row, refusals in out_of_reach.items()}
    good = without_listing(market, checked.facts).take(checked.good)
    priced = np.isin(np.flatnonzero(checked.good), list(out_of_reach), invert=True)
    count_homes(snapshot, good, priced, len(checked.faults), len(out_of_reach))
    return {
        "deals": deals,
        "refused": [
            {"row": row, "listing_id": str(listings.name[row]) or None, "error": refused[row].as_dict()}
            for row in sorted(refused)
        ],
        "costs": dict(terms.costs),
        "probability": terms.probability,
        "asks": about_asks(snapshot.asks),
        "currency": market.currency,
        "model_version": snapshot.version,
    }


def _best_first(
    snapshot: Snapshot, checked: Checked, listings: Listings, terms: Terms, asked: Asked
) -> tuple[list[dict[str, Any]], dict[int, Sequence[Refusal]]]:
    """Value and screen the good listings, one at least; return the deals, and row → why a home has no value."""
    appraiser, good = snapshot.appraiser, checked.good
    facts, dates = without_listing(appraiser.market, checked.facts).take(good), checked.dates[good]
    rows, kept = np.flatnonzero(good).tolist(), listings.take(good)
    values, promise = value_and_screen(
        appraiser, snapshot.asks, facts, dates, kept, terms.probability, asked.confidence
    )
    ranked = best_first(promise.margin_percent)[: int(values.priced.sum())].tolist()
    given = reasons.give_reasons(
        appraiser, facts.take(np.array(ranked, int)), dates[ranked], asked.included, asked.confidence
    )
    told, strange = _told(promise, kept), ask_warnings(values.price, kept.ask)
    deals = [
        {"row": rows[place], "rank": rank, "listing_id": str(kept.name[place]) or None}
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
        for place, ask in enumerate(listings.ask.tolist())
    ]


def about_asks(asks: ListPriceModel) -> dict[str, Any]:
    """Return what was learned of asks, and from how many listings: 0 means the documented prior."""
    return {
        "fitted": asks.listings is not None,
        "listings": asks.listings or 0,
        "premium": round(asks.premium, 4),
        "noise": round(asks.noise, 4),
    }
