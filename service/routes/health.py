"""`GET /livez` and `GET /readyz`: whether the server runs, and whether it can value homes."""

from flask import Blueprint, Response

from service.live_model import LiveModel

_TEXT = "text/plain; charset=utf-8"


def health_routes(live: LiveModel) -> Blueprint:
    """Return the routes."""
    routes = Blueprint("health", __name__)

    @routes.get("/livez")
    def livez() -> Response:
        return Response("alive\n", content_type=_TEXT)

    @routes.get("/readyz")
    def readyz() -> Response:
        live.check_ready()
        last_check = f"last check for a new version: {live.seconds_since_check():.1f} s ago"
        return Response("\n".join(["ready", last_check, *live.notes(), ""]), content_type=_TEXT)

    return routes
