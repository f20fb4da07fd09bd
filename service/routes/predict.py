"""`POST /predict`: one home → its valuation; a list of homes → a list of valuations and errors in its order."""

from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from estimator.market.facts import Facts
from service import metrics
from service.http.body_budget import BodyBudget
from service.http.json_body import check_nested, json_answer, parse_json, read_json_bytes
from service.http.problems import INVALID_FACTS, TOO_MANY_ROWS, ProblemError
from service.live_model import LiveModel
from service.openapi.predict import PATH
from service.settings import Settings
from service.valuation.includes import INCLUDE
from service.valuation.parameters import CONFIDENCE, PRICE_ABOVE, check_include_limit, read_options
from service.valuation.responses import ErrorBudget, answer_rows, count_homes
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import check_subjects
from service.valuation.subject_schema import Subject
from service.valuation.valuation import ValuationOptions, check_subject, value_facts


def predict_routes(live: LiveModel, settings: Settings, budget: BodyBudget) -> Blueprint:
    """Return the route."""
    routes = Blueprint("predict", __name__)

    @routes.post(PATH)
    def predict() -> Response:
        snapshot = live.snapshot()
        options = read_options(request, snapshot.appraiser.market, PATH, (INCLUDE, CONFIDENCE, PRICE_ABOVE))
        body = read_json_bytes(request, settings.max_body)
        with budget.hold(body, options.check):
            check_nested(body, settings.max_rows)
            return _answer(snapshot, parse_json(body), options, settings)

    return routes


def _answer(snapshot: Snapshot, value: object, options: ValuationOptions, settings: Settings) -> Response:
    market = snapshot.appraiser.market
    if not isinstance(value, list):
        check_include_limit(1, options.includes, market, settings.max_reasons)
        return json_answer(_value_one(snapshot, value, options))
    if len(value) > settings.max_rows:
        raise ProblemError(TOO_MANY_ROWS, f"the list has {len(value)} homes; the maximum is {settings.max_rows}")
    check_include_limit(len(value), options.includes, market, settings.max_reasons)
    subjects = check_subjects(market, value, has_dates=snapshot.has_dates)
    return json_answer(answer_rows(snapshot, subjects, options))


def _value_one(snapshot: Snapshot, value: object, options: ValuationOptions) -> dict[str, Any]:
    """Return the valuation of one subject, or raise its problem."""
    subject = check_subject(snapshot.schema, value)
    if not isinstance(subject, Subject):
        metrics.count_refused(INVALID_FACTS.name)
        raise ErrorBudget().invalid_facts(subject)
    facts = Facts.of(snapshot.appraiser.market, [subject.facts])
    dates = np.array([subject.date], "datetime64[D]")
    (valuation,) = value_facts(snapshot.appraiser, snapshot.version, facts, dates, options)
    count_homes(snapshot, facts, np.array([True]), np.array([isinstance(valuation, dict)]))
    if not isinstance(valuation, dict):
        raise ErrorBudget().outside_domain(valuation)
    return valuation
