"""`GET /index`: how prices have moved from month to month, in the market and in its areas and segments."""

import json
from typing import Any

from flask import Blueprint, Response, request

from estimator.appraiser import Appraiser
from estimator.model.price_index.table import CONFIDENCE, grouping_tables, index_table
from service.http.cached_body import CachedBody
from service.live_model import LiveModel
from service.valuation.snapshot import Snapshot, SnapshotCache

NO_DATES = "the sales of this market have no dates, so it has no price index"


def index_routes(live: LiveModel) -> Blueprint:
    """Return the route."""
    routes = Blueprint("index", __name__)
    bodies = SnapshotCache(_index_body)

    @routes.get("/index")
    def index() -> Response:
        return bodies.get(live.snapshot()).answer(request)

    return routes


def _index_body(snapshot: Snapshot) -> CachedBody:
    columns = index_columns(snapshot.appraiser, snapshot.version)
    return CachedBody(json.dumps(columns, separators=(",", ":"), allow_nan=False).encode(), "application/json")


def index_columns(appraiser: Appraiser, version: str) -> dict[str, Any]:
    """Return the index by column; empty columns and the reason if the market has no sale dates."""
    model = appraiser.model
    table = index_table(model.index)
    groupings = grouping_tables(appraiser.market, model.index, model.sales.facts)
    return {
        "model_version": version,
        "detail": NO_DATES if table.newest_month is None else None,
        "count": len(table.month),
        "confidence": CONFIDENCE,
        **table.as_dict(),
        "groupings": [grouping.as_dict() for grouping in groupings],
    }
