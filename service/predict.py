"""`POST /predict`: one subject → its valuation; a list → a list, in order, with an error in a bad row's place."""

from typing import Any

from flask import Blueprint, Response, request

from service.json_body import json_answer, read_json
from service.live_model import LiveModel, Snapshot
from service.problems import INVALID_FACTS, TOO_MANY_ROWS, UNKNOWN_PARAMETER, ProblemError
from service.schemas import Subject
from service.settings import Settings
from service.valuing import check_subject, value_subjects

MAX_ERRORS = 100
"""Errors told in one answer, besides the first of each row: a small body must not make a huge answer."""


def predict_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Make the route of a server."""
    routes = Blueprint("predict", __name__)

    @routes.post("/predict")
    def predict() -> Response:
        snapshot = live.take()
        if request.args:
            raise ProblemError(UNKNOWN_PARAMETER, f"{next(iter(request.args))[:60]!a} is no parameter of /predict")
        body = read_json(request, settings.max_body)
        if not isinstance(body, list):
            return json_answer(_one(snapshot, body))
        if len(body) > settings.max_rows:
            raise ProblemError(
                TOO_MANY_ROWS, f"the list has {len(body)} homes; at most {settings.max_rows} are taken"
            )
        return json_answer(_many(snapshot, body))

    return routes


def _one(snapshot: Snapshot, value: object) -> dict[str, Any]:
    outcome = check_subject(snapshot.schema, value)
    if not isinstance(outcome, Subject):
        raise _invalid(outcome, MAX_ERRORS)
    return value_subjects(snapshot.appraiser, snapshot.version, [outcome])[0]


def _many(snapshot: Snapshot, values: list[object]) -> list[dict[str, Any]]:
    outcomes = [check_subject(snapshot.schema, value) for value in values]
    good = [outcome for outcome in outcomes if isinstance(outcome, Subject)]
    valuations = iter(value_subjects(snapshot.appraiser, snapshot.version, good))
    room = MAX_ERRORS
    answers = []
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome, Subject):
            answers.append(next(valuations))
            continue
        limit = max(room, 1)
        room -= min(limit, len(outcome))
        answers.append({"error": _invalid([{"row": row, **fault} for fault in outcome], limit).as_dict()})
    return answers


def _invalid(faults: list[Any], limit: int) -> ProblemError:
    """Return the problem of one subject, telling at most `limit` of its faults."""
    count = len(faults)
    members: dict[str, Any] = {"errors": faults[:limit]}
    if count > limit:
        members["errors_left_out"] = count - limit
    return ProblemError(INVALID_FACTS, f"{count} {'fact' if count == 1 else 'facts'} cannot be used", members)
