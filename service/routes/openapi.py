"""`GET /openapi.json`: the OpenAPI document, for the facts of the served market."""

import json

from flask import Blueprint, Response

from service.live_model import LiveModel
from service.openapi.document import openapi_document
from service.valuation.snapshot import Snapshot, SnapshotCache


def openapi_routes(live: LiveModel) -> Blueprint:
    """Return the route."""
    routes = Blueprint("openapi", __name__)
    documents = SnapshotCache(_document)

    @routes.get("/openapi.json")
    def openapi() -> Response:
        return Response(documents.get(live.snapshot()), content_type="application/json")

    return routes


def _document(snapshot: Snapshot) -> bytes:
    document = openapi_document(snapshot.schema, snapshot.version, snapshot.example)
    return json.dumps(document, allow_nan=False).encode()
