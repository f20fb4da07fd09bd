"""The answer of `GET /sales`, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any

from service.openapi.json_schema import array_schema, nullable, object_schema


def _nullable_column(description: str, json_type: str, **keywords: Any) -> dict[str, Any]:
    return array_schema({"type": [json_type, "null"], **keywords}, description=description)


SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Sales": object_schema(
        {
            "model_version": {"type": "string", "description": "The version that uses these sales."},
            "currency": {"type": "string", "description": "ISO 4217 code, of the prices."},
            "size_name": nullable({"type": "string"}, description="Name of the fact in `size`."),
            "size_unit": nullable({"type": "string"}, description="Unit of `size`."),
            "count": {"type": "integer", "description": "Number of sales, and length of every column."},
            "latitude": array_schema({"type": "number"}, description="WGS 84, in degrees."),
            "longitude": array_schema({"type": "number"}, description="WGS 84, in degrees."),
            "price": array_schema({"type": "number"}, description="Sale prices."),
            "size": _nullable_column("Sizes; null where unknown.", "number"),
            "date": _nullable_column("Sale dates; null if the market has none.", "string", format="date"),
            "areas": object_schema(
                {
                    "postal_code": array_schema({"type": "string"}),
                    "name": array_schema({"type": "string"}, description="City or the like; empty where unknown."),
                    "latitude": array_schema({"type": "number"}, description="Median of the homes sold there."),
                    "longitude": array_schema({"type": "number"}, description="Median of the homes sold there."),
                    "count": array_schema({"type": "integer"}, description="Sales there."),
                },
                description="The postal codes with sold homes, by column.",
            ),
        },
        description="The sold homes with known coordinates by column, oldest first. Empty if the market has no"
        " coordinates.",
    )
}
"""Name of a component → its schema."""
