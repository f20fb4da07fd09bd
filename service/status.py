"""Whether the server runs, whether it can value homes, and what it serves."""

from flask import Blueprint, Response

from service.live_model import LiveModel


def status_routes(live: LiveModel) -> Blueprint:
    """Make the routes of a server."""
    routes = Blueprint("status", __name__)

    @routes.get("/livez")
    def livez() -> Response:
        return Response("alive\n", content_type="text/plain; charset=utf-8")

    @routes.get("/readyz")
    def readyz() -> Response:
        live.take()
        return Response("ready\n", content_type="text/plain; charset=utf-8")

    @routes.get("/model")
    def model() -> Response:
        return Response(live.take().about, content_type="application/json")

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(live.take().openapi, content_type="application/json")

    return routes
