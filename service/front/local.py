"""What the front answers itself: health, metrics and refusals, which must not wait for a worker or a body."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import unquote

from flask import Flask
from werkzeug.exceptions import HTTPException

from service.front.head import RequestHead, environ_of
from service.front.messages import Answer
from service.front.worker import call
from service.http.guard import REFUSAL, check_key, is_public
from service.http.problems import BODY_TOO_LARGE, LENGTH_REQUIRED, ProblemError
from service.jobs.acceptance import ENDPOINT
from service.settings import Settings

HEALTH_ENDPOINTS = frozenset({"health.livez", "health.readyz", "v2.live", "v2.ready"})
"""Endpoints that the front answers on its event loop."""
METRICS_ENDPOINT = "metrics.metrics"
"""Endpoint that the front answers on a thread: it reads files, which takes longer."""

_NOBODY = ("", 0)


class LocalAnswers:
    """Answers requests with an application in this process.

    Parameters
    ----------
    app
        The same application as that of the workers, so that these answers have the same form, headers, log lines
        and metrics.
    """

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._app = app
        self._settings = settings
        self._urls = app.url_map.bind("")
        self._threads = ThreadPoolExecutor(1, "metrics")

    def endpoint(self, head: RequestHead) -> str | None:
        """Return the name of the endpoint that a request is for, or None if there is none."""
        try:
            endpoint, _ = self._urls.match(unquote(head.path), head.method)
        except HTTPException:
            return None
        return str(endpoint)

    def refusal(self, head: RequestHead, endpoint: str | None) -> ProblemError | None:
        """Return why a request is refused before its body is read, or None."""
        try:
            if self._settings.api_keys and not is_public(endpoint, head.method):
                check_key(head.header, self._settings.api_keys)
            self._check_length(head, endpoint)
        except ProblemError as problem:
            return problem
        return None

    def _check_length(self, head: RequestHead, endpoint: str | None) -> None:
        if head.header("transfer-encoding") is not None:
            raise ProblemError(LENGTH_REQUIRED, "the request has no Content-Length")
        maximum = self._settings.job_max_body if endpoint == ENDPOINT else self._settings.max_body
        if head.length > maximum:
            raise ProblemError(BODY_TOO_LARGE, f"the body has {head.length} bytes; the maximum is {maximum}")

    def answer(self, head: RequestHead) -> Answer:
        """Answer a request now."""
        return call(self._app, environ_of(head), b"")

    def answer_later(self, head: RequestHead, done: Callable[[Answer], None]) -> None:
        """Answer a request on a thread; `done` is called there."""
        self._threads.submit(lambda: done(self.answer(head)))

    def refuse(self, head: RequestHead, problem: ProblemError) -> Answer:
        """Answer a request with a problem."""
        return call(self._app, environ_of(head) | {REFUSAL: problem}, b"")

    def refuse_unread(self, problem: ProblemError) -> Answer:
        """Answer what is not an HTTP request."""
        return self.refuse(RequestHead("INVALID", "*", "", "1.1", {}, _NOBODY, _NOBODY), problem)
