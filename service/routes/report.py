"""`GET /report`: the training report that was saved with the served version."""

from functools import lru_cache

from flask import Blueprint, Response, abort, request

from estimator.errors import SavedVersionError
from estimator.registry import read_version_file
from estimator.report import PAGE
from service.http.cached_body import CachedBody
from service.live_model import LiveModel
from service.model_info import REPORT_PATH

REPORT_CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    )
)
"""The report also opens from disk, so its styles and images are inline. It has no scripts, and the sandbox keeps
it from running any or calling the server."""


def report_routes(live: LiveModel, key: bytes | None = None) -> Blueprint:
    """Return the route; with a key, only reports that are signed with it are served."""
    routes = Blueprint("report", __name__)
    # The file is read and checked for each request, but compressed only once.
    cached = lru_cache(maxsize=1)(CachedBody)

    @routes.get(REPORT_PATH)
    def report() -> Response:
        snapshot = live.snapshot()
        try:
            page = read_version_file(snapshot.folder, PAGE, key)
        except SavedVersionError:
            abort(404, f"version {snapshot.version} has no report")
        answer = cached(page, "text/html; charset=utf-8").answer(request)
        answer.headers["Content-Security-Policy"] = REPORT_CONTENT_SECURITY_POLICY
        return answer

    return routes
