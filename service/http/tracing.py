"""Which request an answer, a figure and a line of the log belong to. No body, key or address is logged."""

import datetime as dt
import json
import logging
import re
import time
import uuid

from flask import Flask, Response, g, has_request_context, request

from service import metrics

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_UNMATCHED = "unmatched"

_log = logging.getLogger("service.requests")


def install(app: Flask) -> None:
    """Name every request, count it and log it; `X-Request-ID` and `traceparent` come back (W3C Trace Context)."""

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()
        asked = request.headers.get(REQUEST_ID, "")
        g.request_id = asked if _REQUEST_ID.fullmatch(asked) else uuid.uuid4().hex
        trace = _TRACEPARENT.fullmatch(request.headers.get(TRACEPARENT, ""))
        g.traceparent, g.trace_id = (trace[0], trace[1]) if trace else (None, None)

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers[REQUEST_ID] = g.request_id
        if g.traceparent is not None:
            answer.headers[TRACEPARENT] = g.traceparent
        seconds = time.perf_counter() - g.began
        # The rule, not the path as it was sent: a path may hold anything, and any number of them may be sent.
        route = str(request.url_rule) if request.url_rule is not None else _UNMATCHED
        method = request.method if request.method in _METHODS else "other"
        metrics.answered(method, route, answer.status_code, seconds)
        _log.info(
            "%s %s %d",
            method,
            route,
            answer.status_code,
            extra={
                "told": {
                    "method": method,
                    "route": route,
                    "status": answer.status_code,
                    "seconds": round(seconds, 6),
                }
            },
        )
        return answer


class JsonLines(logging.Formatter):
    """A line of the log as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname, "process": record.process, "message": record.getMessage()}
        line |= getattr(record, "told", {})
        if has_request_context() and "request_id" in g:
            line["request_id"] = g.request_id
            if g.trace_id is not None:
                line["trace_id"] = g.trace_id
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
