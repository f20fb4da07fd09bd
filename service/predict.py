"""`POST /predict`: one subject → its valuation; a list → a list, in order, with an error in a bad row's place.

With `?include=` each valuation comes with reasons; see `reasons`.
"""

from typing import Any

from flask import Blueprint, Response, request
from werkzeug.datastructures import MultiDict

from service.json_body import json_answer, read_json
from service.live_model import LiveModel, Snapshot
from service.problems import INVALID_FACTS, TOO_MANY_ROWS, UNKNOWN_PARAMETER, ProblemError
from service.reasons import INCLUDE, NOTHING, Included, how_many, read_include
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
        included = _included(request.args, snapshot)
        body = read_json(request, settings.max_body)
        if isinstance(body, list) and len(body) > settings.max_rows:
            raise ProblemError(
                TOO_MANY_ROWS, f"the list has {len(body)} homes; at most {settings.max_rows} are taken"
            )
        _check_reasons(len(body) if isinstance(body, list) else 1, included, settings.max_reasons)
        if isinstance(body, list):
            return json_answer(_many(snapshot, body, included))
        return json_answer(_one(snapshot, body, included))

    return routes


def _included(args: MultiDict[str, str], snapshot: Snapshot) -> Included:
    """Return the reasons asked for."""
    for name in args:
        if name != INCLUDE:
            raise ProblemError(
                UNKNOWN_PARAMETER, f"{name[:60]!a} is no parameter of /predict; the only one is {INCLUDE}"
            )
    asked = args.getlist(INCLUDE)
    if len(asked) > 1:
        raise ProblemError(UNKNOWN_PARAMETER, f"{INCLUDE} stands {len(asked)} times; put commas between its words")
    return read_include(asked[0], snapshot.appraiser.market) if asked else NOTHING


def _check_reasons(homes: int, included: Included, limit: int) -> None:
    """Refuse what would take long to answer."""
    each = how_many(included)
    if homes * each > limit:
        raise ProblemError(
            TOO_MANY_ROWS,
            f"{homes} homes with {each} reasons each are {homes * each} reasons; at most {limit} are given",
        )


def _one(snapshot: Snapshot, value: object, included: Included) -> dict[str, Any]:
    outcome = check_subject(snapshot.schema, value)
    if not isinstance(outcome, Subject):
        raise _invalid(outcome, MAX_ERRORS)
    return value_subjects(snapshot.appraiser, snapshot.version, [outcome], included)[0]


def _many(snapshot: Snapshot, values: list[object], included: Included) -> list[dict[str, Any]]:
    outcomes = [check_subject(snapshot.schema, value) for value in values]
    good = [outcome for outcome in outcomes if isinstance(outcome, Subject)]
    valuations = iter(value_subjects(snapshot.appraiser, snapshot.version, good, included))
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
