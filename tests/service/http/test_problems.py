"""Every error is a problem, and keeps what HTTP asks of it."""

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


def test_a_503_says_when_to_ask_again() -> None:
    assert answer_to(default_exceptions[503]()).headers["Retry-After"] == "1"


def test_a_retry_after_that_was_set_is_kept() -> None:
    assert answer_to(default_exceptions[503](retry_after=30)).headers["Retry-After"] == "30"  # type: ignore[call-arg]


def test_an_unexpected_error_is_logged_and_its_trace_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    answer = answer_to(ZeroDivisionError("the secret"))
    assert answer.status_code == 500
    assert answer.content_type == "application/problem+json"
    assert b"secret" not in answer.data
    assert "the secret" in caplog.text


def test_an_error_of_the_estimator_is_told_to_its_cause() -> None:
    answer = answer_to(DataError("row 3 has no price"))
    assert answer.status_code == 422
    assert json.loads(answer.data)["detail"] == "row 3 has no price"


def test_a_response_that_is_raised_whole_stays_as_it_is() -> None:
    app = Flask(__name__)
    problems.install(app)

    @app.get("/")
    def fail() -> str:
        abort(app.make_response(("as it is", 418)))

    answer = app.test_client().get("/")
    assert (answer.status_code, answer.data) == (418, b"as it is")


@pytest.mark.parametrize("kind", PROBLEM_TYPES, ids=lambda kind: kind.name)
def test_a_problems_type_is_a_page_that_says_what_it_means(kind: ProblemType) -> None:
    answer = answer_to(ProblemError(kind, "in detail", {"errors": []}))
    problem = json.loads(answer.data)
    assert answer.status_code == problem["status"] == kind.status
    assert (problem["title"], problem["detail"], problem["errors"]) == (kind.title, "in detail", [])
    app = Flask(__name__)
    problems.install(app)
    page = app.test_client().get(problem["type"])
    assert page.status_code == 200
    assert kind.meaning in page.text


def test_a_kind_of_problem_that_does_not_exist_has_no_page() -> None:
    app = Flask(__name__)
    problems.install(app)
    assert app.test_client().get("/problems/no-such").status_code == 404
