"""`GET /model`: the served version, its facts with units and bounds, its error figures and an example request."""

from flask import Blueprint, Response

from service.live_model import LiveModel


def model_routes(live: LiveModel) -> Blueprint:
    """Return the route."""
    routes = Blueprint("model", __name__)

    @routes.get("/model")
    def model() -> Response:
        return Response(live.snapshot().model_info, content_type="application/json")

    return routes
