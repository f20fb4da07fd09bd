"""Request IDs, request metrics and the JSON log. No body, query, key or client address is logged."""

import datetime as dt
import json
import logging
import re
import time
import uuid
from typing import Any

from flask import Flask, Response, g, has_request_context, request

from service import metrics

REQUEST_ID = "X-Request-ID"
TRACEPARENT = "traceparent"

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}", re.ASCII)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_KNOWN_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
_UNMATCHED = "unmatched"
_LINE = json.JSONEncoder(ensure_ascii=False)

_log = logging.getLogger("service.requests")


def install(app: Flask) -> None:
    """Count and log every request, and return `X-Request-ID` and `traceparent` (W3C Trace Context)."""

    @app.before_request
    def begin() -> None:
        g.start = time.perf_counter()
        sent = request.headers.get(REQUEST_ID, "")
        g.request_id = sent if _REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex
        trace = _TRACEPARENT.fullmatch(request.headers.get(TRACEPARENT, ""))
        g.traceparent, g.trace_id = (trace[0], trace[1]) if trace else (None, None)

    @app.after_request
    def end(answer: Response) -> Response:
        answer.headers[REQUEST_ID] = g.request_id
        if g.traceparent is not None:
            answer.headers[TRACEPARENT] = g.traceparent
        seconds = time.perf_counter() - g.start
        # The route's pattern, not the path: paths may contain anything, and there is no limit to their number.
        route = str(request.url_rule) if request.url_rule is not None else _UNMATCHED
        method = request.method if request.method in _KNOWN_METHODS else "other"
        metrics.count_request(method, route, answer.status_code, seconds)
        _log.info(
            "%s %s %d",
            method,
            route,
            answer.status_code,
            extra={
                "request_fields": {
                    "method": method,
                    "route": route,
                    "status": answer.status_code,
                    "seconds": round(seconds, 6),
                }
            },
        )
        return answer


class JsonLines(logging.Formatter):
    """Formats a log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        when = dt.datetime.fromtimestamp(record.created, dt.UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname, "process": record.process, "message": record.getMessage()}
        line |= getattr(record, "request_fields", {})
        if has_request_context() and "request_id" in g:
            line["request_id"] = g.request_id
            if g.trace_id is not None:
                line["trace_id"] = g.trace_id
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return _LINE.encode(line)


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
}
"""JSON lines on stderr, of this process and of the workers: starts, stops, errors, and each request."""
