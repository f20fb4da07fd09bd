"""Every error is a problem and keeps its HTTP headers."""

import json

import pytest
from flask import Flask, abort
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.test import TestResponse

from estimator.errors import DataError
from service.http import problems
from service.http.problems import PROBLEM_TYPES, ProblemError, ProblemType


def answer_to(error: Exception) -> TestResponse:
    """Return the answer of an application whose only route fails."""
    app = Flask(__name__)
    problems.install(app)

    @app.get("/")
    def fail() -> str:
        raise error

    return app.test_client().get("/")


@pytest.mark.parametrize("kind", default_exceptions.values(), ids=lambda kind: kind.__name__)
def test_every_http_error_is_a_problem(kind: type[HTTPException]) -> None:
    answer = answer_to(kind())
    assert answer.status_code == kind.code
    assert answer.content_type == "application/problem+json"
    problem = json.loads(answer.data)
    assert problem["status"] == kind.code
    assert problem["type"] == "about:blank"
    assert problem["title"] == kind().name
    assert problem["detail"]


def test_a_503_has_retry_after() -> None:
    assert answer_to(default_exceptions[503]()).headers["Retry-After"] == "1"


def test_retry_after_is_not_overwritten() -> None:
    assert answer_to(default_exceptions[503](retry_after=30)).headers["Retry-After"] == "30"  # type: ignore[call-arg]


def test_an_unexpected_error_is_logged_and_its_trace_not_sent(caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_to(ZeroDivisionError("the secret"))
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert b"secret" not in answer.data
    assert "the secret" in caplog.text


def test_an_error_of_the_estimator_is_a_422() -> None:
    answer = answer_to(DataError("row 3 has no price"))
    assert answer.status_code == 422
    assert json.loads(answer.data)["detail"] == "row 3 has no price"


def test_a_response_passed_to_abort_is_unchanged() -> None:
    app = Flask(__name__)
    problems.install(app)

    @app.get("/")
    def fail() -> str:
        abort(app.make_response(("as it is", 418)))

    answer = app.test_client().get("/")
    assert (answer.status_code, answer.data) == (418, b"as it is")


@pytest.mark.parametrize("kind", PROBLEM_TYPES, ids=lambda kind: kind.name)
def test_the_uri_of_a_problem_type_is_its_explanation(kind: ProblemType) -> None:
    answer = answer_to(ProblemError(kind, "in detail", {"errors": []}))
    problem = json.loads(answer.data)
    assert answer.status_code == problem["status"] == kind.status
    assert (problem["title"], problem["detail"], problem["errors"]) == (kind.title, "in detail", [])
    app = Flask(__name__)
    problems.install(app)
    page = app.test_client().get(problem["type"])
    assert page.status_code == 200
    assert kind.meaning in page.text


def test_an_unknown_problem_type_is_not_found() -> None:
    app = Flask(__name__)
    problems.install(app)
    assert app.test_client().get("/problems/no-such").status_code == 404
