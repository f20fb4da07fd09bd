"""Problems: every error as RFC 9457 `application/problem+json`. Knows HTTP, nothing of homes.

The problems of this service's own have a `type` under `/problems/`, where their meaning is served. Any other
HTTP error has the type `about:blank`: it means what its status means (RFC 9457, section 4.2.1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from estimator.deals.screening import GREATEST_PROBABILITY, LEAST_PROBABILITY
from estimator.errors import EstimatorError
from estimator.uncertainty.conformal import GREATEST_CONFIDENCE, LEAST_CONFIDENCE

_V2 = "/v2"
MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = "1"
"""Seconds until a client that was told 503 may ask again: what loading a model takes."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of problem: the name in its `type`, its status, its title, and what its reader should know."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The problem's `type`, a reference relative to this server."""
        return f"/problems/{self.name}"


MALFORMED_JSON = Kind(
    "malformed-json",
    400,
    "Malformed JSON",
    "The body is not JSON of the strict kind (RFC 8259, UTF-8) taken here: every key once, no NaN, no Infinity, no"
    " number outside of double precision, no deep nesting. The detail says where it fails.",
)
MALFORMED_BODY = Kind(
    "malformed-body",
    400,
    "Malformed body",
    "The body is shorter than its Content-Length, or not the gzip it says.",
)
MALFORMED_TABLE = Kind(
    "malformed-table",
    400,
    "Malformed table",
    "The body is no table: CSV (RFC 4180, UTF-8) with a header, and a cell for every column in every row; or an"
    " object of JSON whose members are lists, all as long. The detail says where it fails.",
)
UNKNOWN_PARAMETER = Kind(
    "unknown-parameter",
    400,
    "Unknown parameter",
    "The address has a query parameter that this route does not know, or a word in one that it does not know.",
)
NO_KEY = Kind(
    "no-key",
    401,
    "No key",
    "This server asks for an API key, in `Authorization: Bearer …` or in `X-API-Key`; the request has none, or one"
    " that is not known.",
)
NO_LENGTH = Kind(
    "no-length",
    411,
    "Length required",
    "The request has no Content-Length. Without it, a body that was cut off cannot be told from a whole one.",
)
BODY_TOO_LARGE = Kind(
    "body-too-large", 413, "Body too large", "The body is larger than this server takes: send it in parts."
)
TOO_MANY_ROWS = Kind(
    "too-many-rows",
    413,
    "Too many rows",
    "The list is longer than this server takes at once, or too long for the reasons asked for: send it in parts.",
)
NOT_JSON = Kind("not-json", 415, "Not JSON", "The Content-Type is not application/json.")
NOT_A_TABLE = Kind(
    "not-a-table",
    415,
    "Not a table",
    "The Content-Type is none of text/csv, application/x-ndjson and application/json, in UTF-8.",
)
UNKNOWN_ENCODING = Kind(
    "unknown-encoding", 415, "Unknown encoding", "The body is packed in another way than the one taken: gzip."
)
INVALID_FACTS = Kind(
    "invalid-facts",
    422,
    "Invalid facts",
    "Facts about a home cannot be used. `errors` names each field and what is wrong with its value; where there"
    " are very many, `errors_left_out` counts the rest. GET /model lists the facts with their units and bounds.",
)
OUT_OF_REACH = Kind(
    "out-of-reach",
    422,
    "Out of reach",
    "The home is like none that was sold: far from them all, or with facts, alone or together, that none has. A"
    " price would be a guess. `errors` names each fact, its value and the range that was learned.",
)
BAD_CONFIDENCE = Kind(
    "bad-confidence",
    400,
    "Bad confidence",
    f"`confidence` is the share of prices that a range is to hold: a number from {LEAST_CONFIDENCE} to"
    f" {GREATEST_CONFIDENCE}, once.",
)
BAD_SCREENING = Kind(
    "bad-screening",
    400,
    "Bad screening",
    f"`probability` is a number from {LEAST_PROBABILITY} to {GREATEST_PROBABILITY}; costs are numbers within their"
    " bounds: shares as 0.08, amounts in the market's currency. Each is said once, in the address or in the body.",
)
TOO_MANY_REQUESTS = Kind(
    "too-many-requests",
    429,
    "Too many requests",
    "More was asked for than one client may: ask again after Retry-After seconds.",
)
NOT_READY = Kind(
    "not-ready",
    503,
    "Not ready",
    "This server has no model loaded yet, or is about to stop: ask again after Retry-After seconds.",
)
BUSY = Kind(
    "busy",
    503,
    "Busy",
    "This server has as many requests in hand as it takes: ask again after Retry-After seconds.",
)
KINDS = (
    MALFORMED_JSON,
    MALFORMED_BODY,
    MALFORMED_TABLE,
    UNKNOWN_PARAMETER,
    NO_KEY,
    NO_LENGTH,
    BODY_TOO_LARGE,
    TOO_MANY_ROWS,
    NOT_JSON,
    NOT_A_TABLE,
    UNKNOWN_ENCODING,
    INVALID_FACTS,
    OUT_OF_REACH,
    BAD_CONFIDENCE,
    BAD_SCREENING,
    TOO_MANY_REQUESTS,
    NOT_READY,
    BUSY,
)


class ProblemError(HTTPException):
    """A request ends with a problem of this service's own.

    Parameters
    ----------
    kind
        What kind of problem.
    detail
        What is wrong with this very request.
    members
        Further members of the problem.
    headers
        Headers of the answer, where it is one of its own.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = kind.status
        self.kind = kind
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        return [*super().get_headers(environ, scope), *self.headers.items()]

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as its JSON object."""
        return {
            "type": self.kind.uri,
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.description,
            **self.members,
        }


def install(app: Flask) -> None:
    """Make every error of an application a problem, and serve what the kinds of problem mean."""
    app.register_error_handler(HTTPException, _from_http)
    app.register_error_handler(EstimatorError, _from_estimator)
    app.register_blueprint(_pages)


def _from_http(error: HTTPException) -> Response | HTTPException:
    if error.code is None:
        return error  # a response that was raised whole
    if isinstance(error, ProblemError):
        problem = error.as_dict()
    else:
        problem = {
            "type": "about:blank",
            "title": error.name,
            "status": error.code,
            "detail": error.description,
        }
    if request.path == _V2 or request.path.startswith(f"{_V2}/"):
        # The Open Inference Protocol has a form of its own.
        answer = Response(json.dumps({"error": problem["detail"]}), error.code, content_type="application/json")
    else:
        answer = Response(json.dumps(problem), error.code, content_type=MEDIA_TYPE)
    for name, value in error.get_headers():  # Allow of a 405, Retry-After of a 429, …
        if name.lower() != "content-type":
            answer.headers[name] = value
    if error.code == 503:
        answer.headers.setdefault("Retry-After", RETRY_AFTER)
    return answer


def _from_estimator(error: EstimatorError) -> Response | HTTPException:
    return _from_http(ProblemError(INVALID_FACTS, str(error)))


_pages = Blueprint("problems", __name__, url_prefix="/problems")


@_pages.get("/<name>")
def _page(name: str) -> Response:
    """Serve what a kind of problem means, as text."""
    kind = next((kind for kind in KINDS if kind.name == name), None)
    if kind is None:
        abort(404)
    return Response(f"{kind.title} ({kind.status})\n\n{kind.meaning}\n", content_type="text/plain; charset=utf-8")
