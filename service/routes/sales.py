"""What `GET /sales` tells: the sold homes behind the values, column by column, for a map or a chart.

`SCHEMA` describes the answer.
"""

import json
from math import isnan
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from service.http.cached_body import CachedBody
from service.openapi.json_schema import array_schema, nullable, object_schema


def cached_sales(appraiser: Appraiser, version: str) -> CachedBody:
    """Make the answer for a version that is served."""
    return CachedBody(
        json.dumps(sales_columns(appraiser, version), separators=(",", ":"), allow_nan=False).encode(),
        "application/json",
    )


def sales_columns(appraiser: Appraiser, version: str) -> dict[str, Any]:
    """Return the sold homes of known place as columns; all are empty in a market without places."""
    market, sold = appraiser.market, appraiser.sold
    size = market.size
    told: dict[str, Any] = {
        "model_version": version,
        "currency": market.currency,
        "size_name": None if size is None else size.name,
        "size_unit": None if size is None else size.unit or None,
        "count": 0,
        **{name: [] for name in ("latitude", "longitude", "price", "size", "date")},
    }
    if sold is None or market.coordinates is None:
        return told
    latitude, longitude = (sold.facts[name] for name in market.coordinates)
    nothing = np.full(len(sold), np.nan)
    return told | {
        "count": len(sold),
        "latitude": _numbers(latitude),
        "longitude": _numbers(longitude),
        "price": _numbers(sold.price),
        "size": _numbers(nothing if size is None else sold.facts[size.name]),
        "date": [None] * len(sold) if sold.date is None else np.datetime_as_string(sold.date).tolist(),
    }


def _numbers(column: FloatArray) -> list[float | int | None]:
    """Return a column as JSON gives it: what is unknown is null, whole numbers have no `.0`."""
    values = column.tolist()
    return [None if isnan(value) else int(value) if value.is_integer() else value for value in values]
