"""`GET /sales`: the sold homes behind the values, by column, for maps and charts."""

import json
from math import isnan
from typing import Any

import numpy as np
from flask import Blueprint, Response, request

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.places import area_labels
from service.http.cached_body import CachedBody
from service.live_model import LiveModel
from service.valuation.snapshot import Snapshot, SnapshotCache


def sales_routes(live: LiveModel) -> Blueprint:
    """Return the route."""
    routes = Blueprint("sales", __name__)
    bodies = SnapshotCache(_sales_body)

    @routes.get("/sales")
    def sales() -> Response:
        return bodies.get(live.snapshot()).answer(request)

    return routes


def _sales_body(snapshot: Snapshot) -> CachedBody:
    columns = sales_columns(snapshot.appraiser, snapshot.version)
    return CachedBody(json.dumps(columns, separators=(",", ":"), allow_nan=False).encode(), "application/json")


def sales_columns(appraiser: Appraiser, version: str) -> dict[str, Any]:
    """Return the sold homes with known coordinates by column; empty columns if the market has no coordinates."""
    market, sold = appraiser.market, appraiser.sold
    size = market.size
    answer: dict[str, Any] = {
        "model_version": version,
        "currency": market.currency,
        "size_name": None if size is None else size.name,
        "size_unit": None if size is None else size.unit or None,
        "count": 0,
        **{name: [] for name in ("latitude", "longitude", "price", "size", "date")},
        "areas": area_labels(appraiser).as_dict(),
    }
    if sold is None or market.coordinates is None:
        return answer
    latitude, longitude = (sold.facts[name] for name in market.coordinates)
    sizes = np.full(len(sold), np.nan) if size is None else sold.facts[size.name]
    return answer | {
        "count": len(sold),
        "latitude": _numbers(latitude),
        "longitude": _numbers(longitude),
        "price": _numbers(sold.price),
        "size": _numbers(sizes),
        "date": [None] * len(sold) if sold.date is None else np.datetime_as_string(sold.date).tolist(),
    }


def _numbers(column: FloatArray) -> list[float | int | None]:
    """Return a column as JSON values: null where unknown, whole numbers without `.0`."""
    values = column.tolist()
    return [None if isnan(value) else int(value) if value.is_integer() else value for value in values]
