"""`GET /report`: the training report of the version that is served, as it was saved with it."""

from flask import Blueprint, Response, abort

from estimator.errors import SavedVersionError
from estimator.registry import read_beside
from estimator.report import PAGE
from service.live_model import LiveModel
from service.routes.model import REPORT_PATH

POLICY = "; ".join(
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
"""A file that opens from disk has its styles and pictures in it. It has no script, asks nothing of any server, and
in the sandbox could not: nothing that a style could do there would reach the page or the interface."""


def report_routes(live: LiveModel, key: bytes | None = None) -> Blueprint:
    """Make the route of a server; with a key, only a report that it signed is shown."""
    routes = Blueprint("report", __name__)

    @routes.get(REPORT_PATH)
    def report() -> Response:
        snapshot = live.take()
        try:
            page = read_beside(snapshot.folder, PAGE, key)
        except SavedVersionError:
            abort(404, f"the version {snapshot.version} has no report")
        return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": POLICY})

    return routes
