"""The answer of `GET /index`, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any

from service.openapi.json_schema import array_schema, nullable, object_schema, ref
from service.openapi.model import MONTH


def _factors(description: str) -> dict[str, Any]:
    return array_schema({"type": "number", "exclusiveMinimum": 0}, description=description)


SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Index": object_schema(
        {
            "model_version": {"type": "string", "description": "The version that uses this index."},
            "detail": nullable({"type": "string"}, description="Why the market has no index; null if it has one."),
            "count": {"type": "integer", "description": "Number of months, and length of every column."},
            "confidence": {"type": "number", "description": "Probability that a month's index is in its band."},
            "newest_month": nullable(
                {"type": "string", "pattern": MONTH}, description="The newest month with sales: its index is 1."
            ),
            "month": array_schema({"type": "string", "pattern": MONTH}, description="Months without a gap."),
            "index": _factors(
                "Factor from prices of the newest month with sales to those of each month, in its middle."
            ),
            "low": _factors("Lower end of the band of `index`."),
            "high": _factors("Upper end of the band of `index`."),
            "is_forecast": array_schema({"type": "boolean"}, description="Whether it is after the newest month."),
            "groupings": array_schema(
                ref("IndexGrouping"),
                description="Areas and segments whose prices move apart from the market's. Empty if none do.",
            ),
        },
        description="How the market's prices have moved, by column, and their forecast. Empty if the sales have no"
        " dates.",
    ),
    "IndexGrouping": object_schema(
        {
            "name": {"type": "string", "description": "The fact that homes are grouped by, or `area`."},
            "groups": array_schema(ref("IndexGroup"), description="The largest group first."),
        }
    ),
    "IndexGroup": object_schema(
        {
            "name": {
                "type": "string",
                "description": "Label of the group; the number at its centre, with its unit; or the centre of an"
                " area as latitude, longitude. A home between two numbers belongs to both in proportion.",
            },
            "sales": {"type": "integer", "description": "Number of sales in the group."},
            "latitude": nullable({"type": "number"}, description="Of the centre of an area; else null."),
            "longitude": nullable({"type": "number"}, description="Of the centre of an area; else null."),
            "index": _factors("As the market's `index`, relative to the group's own newest month."),
        }
    ),
}
"""Name of a component → its schema."""
