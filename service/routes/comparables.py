"""`POST /comparables`: one home and a choice of sold homes → what these homes suggest that it is worth."""

import numpy as np
from flask import Blueprint, Response, request

from estimator.explanation.chosen_sales import Choice, ChosenSales
from estimator.market.facts import Facts
from estimator.similar_sales import chosen_sales
from service.http.body_budget import BodyBudget
from service.http.json_body import check_nested, json_answer, parse_json, read_json_bytes
from service.live_model import LiveModel
from service.settings import Settings
from service.valuation.choice import PATH, read_choice
from service.valuation.responses import ErrorBudget
from service.valuation.snapshot import Snapshot
from service.valuation.subject_schema import Subject
from service.valuation.valuation import check_subject


def comparables_routes(live: LiveModel, settings: Settings, budget: BodyBudget) -> Blueprint:
    """Return the route."""
    routes = Blueprint("comparables", __name__)

    @routes.post(PATH)
    def comparables() -> Response:
        snapshot = live.snapshot()
        sold = snapshot.appraiser.sold
        choice = read_choice(request, 0 if sold is None else len(sold))
        body = read_json_bytes(request, settings.max_body)
        with budget.hold(body, lambda: None):
            check_nested(body, 1)
            return json_answer(_answer(snapshot, parse_json(body), choice))

    return routes


def _answer(snapshot: Snapshot, value: object, choice: Choice) -> dict[str, object]:
    subject = check_subject(snapshot.schema, value)
    if not isinstance(subject, Subject):
        raise ErrorBudget().invalid_facts(subject)
    facts = Facts.of(snapshot.appraiser.market, [subject.facts])
    chosen = chosen_sales(snapshot.appraiser, facts, np.array([subject.date], "datetime64[D]"), choice)
    answer = ChosenSales((), 0, None, 0.0) if chosen is None else chosen
    return answer.as_dict() | {"currency": snapshot.appraiser.market.currency, "model_version": snapshot.version}
