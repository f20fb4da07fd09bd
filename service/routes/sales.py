"""What `GET /sales` tells: the sold homes behind the values, column by column, for a map or a chart.

`SCHEMA` describes the answer.
"""

import json
from math import isnan
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.facts import FloatArray
from service.http.cached_body import Packed
from service.http.json_schema import an_array, an_object, or_null


def pack_sales(appraiser: Appraiser, version: str) -> Packed:
    """Make the answer for a version that is served."""
    return Packed(
        json.dumps(tell_sales(appraiser, version), separators=(",", ":"), allow_nan=False).encode(),
        "application/json",
    )


def tell_sales(appraiser: Appraiser, version: str) -> dict[str, Any]:
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


def _column(description: str, kind: str = "number", **more: Any) -> dict[str, Any]:
    return an_array({"type": [kind, "null"], **more}, description=description)


SCHEMA: dict[str, Any] = an_object(
    {
        "model_version": {"type": "string", "description": "The version that knows these sales."},
        "currency": {"type": "string", "description": "ISO 4217, of the prices."},
        "size_name": or_null({"type": "string"}, description="The fact that `size` holds."),
        "size_unit": or_null({"type": "string"}, description="Unit of `size`."),
        "count": {"type": "integer", "description": "Sold homes, and length of every column."},
        "latitude": an_array({"type": "number"}, description="WGS 84, degrees."),
        "longitude": an_array({"type": "number"}, description="WGS 84, degrees."),
        "price": an_array({"type": "number"}, description="What each sold for."),
        "size": _column("How large each is; null where that is not known."),
        "date": _column("Day of sale; null in a market without dates.", "string", format="date"),
    },
    description="The sold homes of known place, oldest first, a column a fact; none in a market without places.",
)
"""The answer's schema."""
