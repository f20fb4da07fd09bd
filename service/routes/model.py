"""`GET /model`: the served version, its facts with units and bounds, its error figures and an example request."""

from flask import Blueprint, Response, request

from service.http.cached_body import CachedBody
from service.live_model import LiveModel
from service.valuation.snapshot import SnapshotCache


def model_routes(live: LiveModel) -> Blueprint:
    """Return the route."""
    routes = Blueprint("model", __name__)
    # Figures of every area make the answer long; compressed it is a tenth.
    bodies = SnapshotCache(lambda snapshot: CachedBody(snapshot.model_info, "application/json"))

    @routes.get("/model")
    def model() -> Response:
        return bodies.get(live.snapshot()).answer(request)

    return routes
