"""`POST /predict`: one subject → its valuation; a list → a list, in order, with an error in a bad row's place.

With `?include=` each valuation comes with reasons; see `reasons`. With `?confidence=` ranges are as sure as asked.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from estimator.appraiser import CONFIDENCE as DEFAULT
from estimator.market.facts import Facts
from estimator.market.values import format_value
from estimator.uncertainty.conformal import check_confidence
from service import metrics
from service.http.json_body import json_answer, read_json
from service.http.problems import (
    INVALID_CONFIDENCE,
    INVALID_FACTS,
    TOO_MANY_ROWS,
    UNKNOWN_PARAMETER,
    ProblemError,
    ProblemType,
)
from service.live_model import LiveModel, Snapshot
from service.settings import Settings
from service.valuation.includes import INCLUDE, NO_INCLUDES, RequestedIncludes, count_includes, read_include
from service.valuation.responses import ErrorBudget, answer_rows, count_homes
from service.valuation.subject_columns import check_subjects
from service.valuation.subject_schema import Subject
from service.valuation.valuation import ValuationOptions, check_subject, value_facts

CONFIDENCE = "confidence"
PARAMETERS = (INCLUDE, CONFIDENCE)
"""What the address may ask for."""


def predict_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Make the route of a server."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        snapshot = live.take()
        asked = read_options(request.args, snapshot, "/predict", PARAMETERS)
        body = read_json(request, settings.max_body)
        if isinstance(body, list) and len(body) > settings.max_rows:
            raise ProblemError(
                TOO_MANY_ROWS, f"the list has {len(body)} homes; at most {settings.max_rows} are taken"
            )
        check_include_limit(len(body) if isinstance(body, list) else 1, asked.included, settings.max_reasons)
        if isinstance(body, list):
            return json_answer(_many(snapshot, body, asked))
        return json_answer(_one(snapshot, body, asked))

    return routes


def read_options(args: MultiDict[str, str], snapshot: Snapshot, path: str, known: Sequence[str]) -> ValuationOptions:
    """Return what the address asks for besides prices.

    Parameters
    ----------
    path, known
        The route, and which of `PARAMETERS` it takes; one that the caller reads itself may be among them.

    Raises
    ------
    ProblemError
        A parameter is not known, or cannot be read (400).
    """
    for name in args:
        if name not in known:
            raise ProblemError(
                UNKNOWN_PARAMETER, f"{name[:60]!a} is no parameter of {path}; known: {', '.join(known)}"
            )
    asked, confidence = args.getlist(INCLUDE), read_number(args, CONFIDENCE, INVALID_CONFIDENCE)
    if len(asked) > 1:
        raise ProblemError(UNKNOWN_PARAMETER, f"{INCLUDE} stands {len(asked)} times; put commas between its words")
    return ValuationOptions(
        DEFAULT if confidence is None else _checked_confidence(confidence),
        read_include(asked[0], snapshot.appraiser.market) if asked else NO_INCLUDES,
    )


def read_number(args: MultiDict[str, str], name: str, wrong: ProblemType) -> float | None:
    """Return the number that the address gives for a parameter, None where it gives none.

    Raises
    ------
    ProblemError
        It is no number, or stands twice: a problem of the kind `wrong`.
    """
    texts = args.getlist(name)
    if len(texts) > 1:
        raise ProblemError(wrong, f"{name} stands {len(texts)} times")
    # float() also takes what nobody means by a number: 0_9, full-width digits, infinity.
    if texts and not re.fullmatch(r"[0-9]*\.?[0-9]+", texts[0], re.ASCII):
        raise ProblemError(wrong, f"{name}: {format_value(texts[0])} is not a number such as 0.8")
    return float(texts[0]) if texts else None


def _checked_confidence(confidence: float) -> float:
    try:
        return check_confidence(confidence)
    except ValueError as error:
        raise ProblemError(INVALID_CONFIDENCE, f"{CONFIDENCE}: {error}") from error


def check_include_limit(homes: int, included: RequestedIncludes, limit: int) -> None:
    """Refuse what would take long to answer.

    Raises
    ------
    ProblemError
        There are more homes × reasons than the limit (413).
    """
    each = count_includes(included)
    if homes * each > limit:
        raise ProblemError(
            TOO_MANY_ROWS,
            f"{homes} homes with {each} reasons each are {homes * each} reasons; at most {limit} are given",
        )


def _one(snapshot: Snapshot, value: object, asked: ValuationOptions) -> dict[str, Any]:
    outcome = check_subject(snapshot.schema, value)
    if not isinstance(outcome, Subject):
        metrics.count_refused(INVALID_FACTS.name)
        raise ErrorBudget().invalid(outcome)
    facts = Facts.of(snapshot.appraiser.market, [outcome.facts])
    dates = np.array([outcome.date], "datetime64[D]")
    (valuation,) = value_facts(snapshot.appraiser, snapshot.version, facts, dates, asked)
    priced = isinstance(valuation, dict)
    count_homes(snapshot, facts, np.array([priced]), 0, not priced)
    if not isinstance(valuation, dict):
        raise ErrorBudget().out_of_reach(valuation)
    return valuation


def _many(snapshot: Snapshot, values: list[object], asked: ValuationOptions) -> list[dict[str, Any]]:
    return answer_rows(snapshot, check_subjects(snapshot.appraiser.market, values, has_dates=snapshot.has_dates), asked)
