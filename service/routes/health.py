"""Whether the server runs, whether it can value homes, and what it serves."""

import json
from weakref import WeakKeyDictionary

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST

from service import metrics
from service.live_model import LiveModel, Snapshot
from service.openapi.document import openapi_document


def status_routes(live: LiveModel) -> Blueprint:
    """Make the routes of a server."""
    routes = Blueprint("status", __name__)
    documents: WeakKeyDictionary[Snapshot, bytes] = WeakKeyDictionary()  # made once for each version

    @routes.get("/livez")
    def livez() -> Response:
        return Response("alive\n", content_type="text/plain; charset=utf-8")

    @routes.get("/readyz")
    def readyz() -> Response:
        live.check_ready()
        return Response("ready\n", content_type="text/plain; charset=utf-8")

    @routes.get("/metrics")
    def counted() -> Response:
        return Response(metrics.exposition(), content_type=CONTENT_TYPE_LATEST)

    @routes.get("/model")
    def model() -> Response:
        return Response(live.take().about, content_type="application/json")

    @routes.get("/openapi.json")
    def openapi() -> Response:
        snapshot = live.take()
        if snapshot not in documents:
            document = openapi_document(snapshot.schema, snapshot.version, snapshot.example)
            documents[snapshot] = json.dumps(document, allow_nan=False).encode()
        return Response(documents[snapshot], content_type="application/json")

    return routes
