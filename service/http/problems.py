"""Errors as problems (RFC 9457, `application/problem+json`). Knows HTTP, nothing of homes.

The problem types of this service have URIs under `/problems/`, where their explanations are served. Every other
HTTP error has the type `about:blank`: its status says all (RFC 9457, section 4.2.1).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from estimator.deals.screening import MAX_PROBABILITY, MIN_PROBABILITY
from estimator.errors import EstimatorError
from estimator.uncertainty.conformal import MAX_CONFIDENCE, MIN_CONFIDENCE

_V2 = "/v2"
MEDIA_TYPE = "application/problem+json"

RETRY_AFTER = "1"
"""Retry-After of a 503 in seconds: about the time it takes to load a model."""


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One type of problem: the name in its URI, its HTTP status, a title, and an explanation for the reader."""

    name: str
    status: int
    title: str
    meaning: str

    @property
    def uri(self) -> str:
        """The problem's `type`, a reference relative to this server."""
        return f"/problems/{self.name}"


MALFORMED_JSON = ProblemType(
    "malformed-json",
    400,
    "Malformed JSON",
    "The body is not strict JSON (RFC 8259, in UTF-8). Duplicate keys, NaN, Infinity, numbers outside the range of"
    " double precision and deep nesting are not accepted. The detail says where the error is.",
)
MALFORMED_BODY = ProblemType(
    "malformed-body",
    400,
    "Malformed body",
    "The body is shorter than its Content-Length, or it is not valid gzip although Content-Encoding says so.",
)
MALFORMED_TABLE = ProblemType(
    "malformed-table",
    400,
    "We couldn't read this table",
    "CSV and Excel need a header, and a cell for every column in every row; CSV is in UTF-8. JSON by column is an"
    " object whose members are lists of equal length. The detail says what is wrong, and where.",
)
UNKNOWN_PARAMETER = ProblemType(
    "unknown-parameter",
    400,
    "Unknown parameter",
    "The URL has an unknown query parameter, or a query parameter has an unknown value.",
)
UNAUTHORIZED = ProblemType(
    "no-key",
    401,
    "API key required",
    "This server requires an API key, as `Authorization: Bearer <key>` or `X-API-Key: <key>`. The request has no"
    " key, or an unknown one.",
)
LENGTH_REQUIRED = ProblemType(
    "no-length",
    411,
    "Length required",
    "The request has no Content-Length. Without it, a truncated body cannot be distinguished from a complete one.",
)
BODY_TOO_LARGE = ProblemType(
    "body-too-large",
    413,
    "Body too large",
    "The body is larger than this server accepts. Split it into several requests, or send a table to POST /jobs.",
)
TOO_MANY_ROWS = ProblemType(
    "too-many-rows",
    413,
    "Too many rows",
    "The request has more homes than this server accepts at once, or too many for the reasons that `include` asks"
    " for. Split it into several requests, or send a table to POST /jobs.",
)
NOT_JSON = ProblemType("not-json", 415, "Not JSON", "The Content-Type must be application/json.")
NOT_A_TABLE = ProblemType(
    "not-a-table",
    415,
    "Not a table",
    "The Content-Type is not one of a table, or its charset is not UTF-8. The detail says what to send.",
)
UNKNOWN_ENCODING = ProblemType(
    "unknown-encoding",
    415,
    "Unknown encoding",
    "The Content-Encoding is not supported. Send the body uncompressed or with gzip.",
)
INVALID_FACTS = ProblemType(
    "invalid-facts",
    422,
    "Invalid facts",
    "Some facts of a home are invalid. `errors` names each field and what is wrong with its value;"
    " `errors_left_out` counts errors that are not listed. GET /model lists the facts with their units and"
    " bounds.",
)
OUTSIDE_DOMAIN = ProblemType(
    "out-of-reach",
    422,
    "We can't value this home",
    "Nothing similar has sold: the home is far from all sold homes, or no sold home has such facts, alone or in"
    " combination. A price would be a guess. `errors` names each fact, its value and the range among sold homes.",
)
INVALID_CONFIDENCE = ProblemType(
    "bad-confidence",
    400,
    "Invalid confidence level",
    f"`confidence` is the share of sale prices that a range contains. It must be a number from {MIN_CONFIDENCE} to"
    f" {MAX_CONFIDENCE}, given once.",
)
INVALID_SCREENING = ProblemType(
    "bad-screening",
    400,
    "Check your screening settings",
    f"`probability` must be a number from {MIN_PROBABILITY} to {MAX_PROBABILITY}. Costs must be numbers within"
    " their bounds: shares such as 0.08, amounts in the market's currency. Each may be given once, in the URL or"
    " in the body.",
)
INVALID_PRICE = ProblemType(
    "bad-price",
    400,
    "Invalid price",
    "`price_above` is a price in the market's currency: a positive number, given once.",
)
NO_RANGES = ProblemType(
    "no-ranges",
    409,
    "We can't screen listings in this market",
    "The model was checked on too few sales to say how sure its values are. Without that, nobody can say how"
    " likely a profit is. Train it with more sales.",
)
INVALID_WEBHOOK = ProblemType(
    "bad-webhook",
    400,
    "Invalid webhook",
    "`webhook` must be a URL of a host that the server's settings name, given once.",
)
NO_JOB = ProblemType(
    "no-job",
    404,
    "No such job",
    "There is no job with this id, it was deleted or has expired, or it was made with another API key.",
)
JOB_NOT_DONE = ProblemType(
    "job-not-done",
    409,
    "No result yet",
    "The job waits, is being worked on, or has failed. GET /jobs/{id} says which.",
)
TOO_MANY_JOBS = ProblemType(
    "too-many-jobs",
    429,
    "Too many jobs",
    "This client has as many jobs as it may have. Delete one whose result you have fetched, or wait until one"
    " expires.",
)
NO_ROOM = ProblemType(
    "no-room",
    507,
    "No room for another job",
    "The tables and results of jobs occupy the room that this server has for them. Delete jobs whose results you"
    " have fetched, or repeat the request later.",
)
TOO_MANY_REQUESTS = ProblemType(
    "too-many-requests",
    429,
    "Too many requests",
    "This client has exceeded its rate limit. Repeat the request after Retry-After seconds.",
)
NOT_READY = ProblemType(
    "not-ready",
    503,
    "Not ready",
    "This server has not loaded a model yet, or it is about to stop. Repeat the request after Retry-After"
    " seconds.",
)
BUSY = ProblemType(
    "busy",
    503,
    "Busy",
    "This server is handling as many requests as it can. Repeat the request after Retry-After seconds.",
)
DEADLINE_EXCEEDED = ProblemType(
    "deadline-exceeded",
    503,
    "Took too long",
    "The request took longer than this server allows, so it was stopped. Send fewer homes, or ask for fewer"
    " reasons.",
)
CLIENT_GONE = ProblemType(
    "client-gone",
    499,
    "Client gone",
    "The client closed its connection before the answer was ready. This status is in logs and metrics only.",
)
MALFORMED_REQUEST = ProblemType(
    "malformed-request",
    400,
    "Malformed request",
    "The request is not HTTP/1.1 as RFC 9112 defines it, or it does not name its host exactly once. The detail"
    " says what is wrong.",
)
HEADERS_TOO_LARGE = ProblemType(
    "headers-too-large",
    431,
    "Headers too large",
    "The request line and the headers together are larger than this server accepts.",
)
BODY_TOO_SLOW = ProblemType(
    "body-too-slow",
    408,
    "Body too slow",
    "The body did not arrive in time. The settings of the server bound how long a body may take, and how slow it"
    " may be.",
)
GEOCODER_FAILED = ProblemType(
    "geocoder-failed",
    502,
    "The geocoder did not answer",
    "The address search of another server, which this server's operator chose, could not be reached or gave no"
    " answer that can be read. Search by coordinates or postal code instead, or try again.",
)
PROBLEM_TYPES = tuple(value for value in tuple(globals().values()) if isinstance(value, ProblemType))
"""All of the above."""


class ProblemError(HTTPException):
    """Ends a request with one of the problem types above.

    Parameters
    ----------
    problem_type
        The type of problem.
    detail
        What is wrong with this request.
    members
        Additional members of the problem.
    headers
        Additional headers of the answer.
    """

    def __init__(
        self,
        problem_type: ProblemType,
        detail: str,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = problem_type.status
        self.problem_type = problem_type
        self.members = dict(members or {})
        self.headers = dict(headers or {})

    def get_headers(self, environ: Any = None, scope: Any = None) -> list[tuple[str, str]]:
        """Return the headers of the answer."""
        return [*super().get_headers(environ, scope), *self.headers.items()]

    def as_dict(self) -> dict[str, Any]:
        """Return the problem as a JSON object."""
        return {
            "type": self.problem_type.uri,
            "title": self.problem_type.title,
            "status": self.problem_type.status,
            "detail": self.description,
            **self.members,
        }


def install(app: Flask) -> None:
    """Answer every error of an application as a problem, and serve the explanations of the problem types."""
    app.register_error_handler(HTTPException, _answer_http_error)
    app.register_error_handler(EstimatorError, _answer_estimator_error)
    app.register_blueprint(_routes)


def _answer_http_error(error: HTTPException) -> Response | HTTPException:
    if error.code is None:
        return error  # abort(response) was called: the response is used as it is
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
        # The Open Inference Protocol has its own format of errors.
        answer = Response(json.dumps({"error": problem["detail"]}), error.code, content_type="application/json")
    else:
        answer = Response(json.dumps(problem), error.code, content_type=MEDIA_TYPE)
    for name, value in error.get_headers():  # for example Allow of a 405, Retry-After of a 429
        if name.lower() != "content-type":
            answer.headers[name] = value
    if error.code == 503:
        answer.headers.setdefault("Retry-After", RETRY_AFTER)
    return answer


def _answer_estimator_error(error: EstimatorError) -> Response | HTTPException:
    return _answer_http_error(ProblemError(INVALID_FACTS, str(error)))


_routes = Blueprint("problems", __name__, url_prefix="/problems")


@_routes.get("/<name>")
def explanation(name: str) -> Response:
    """Serve the explanation of a problem type as plain text."""
    problem_type = next((problem_type for problem_type in PROBLEM_TYPES if problem_type.name == name), None)
    if problem_type is None:
        abort(404)
    text = f"{problem_type.title} ({problem_type.status})\n\n{problem_type.meaning}\n"
    return Response(text, content_type="text/plain; charset=utf-8")
