"""`POST /comparables` and its answer, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any

from estimator.features.comparables import N_COMPARABLES
from service.openapi.json_schema import array_schema, json_content, nullable, object_schema, ref
from service.openapi.problem import problem_responses
from service.valuation.choice import LIMITS, MAX_ROWS, ROWS

_DESCRIPTIONS = {
    "radius_km": "Largest distance from the home, in km.",
    "months": "Longest time between the sale and the valuation date, in months.",
    "size_percent": "Largest difference in size, in percent of the home's.",
    "pinned": "Rows of `GET /sales` to take whatever the limits say.",
    "dropped": "Rows of `GET /sales` not to take.",
}

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ChosenSales": object_schema(
        {
            "price": nullable(
                {"type": "number"},
                description="What the chosen homes suggest: the mean of their adjusted prices by weight, of"
                " logarithms. Null without any.",
            ),
            "count": {"type": "integer", "description": "Number of homes in `sales`."},
            "found": {"type": "integer", "description": "Number of sold homes within the limits."},
            "weight_share": {
                "type": "number",
                "description": "Share of the weight of the model's own comparables that these homes have.",
            },
            "sales": array_schema(
                ref("UsedSale"),
                description=f"The chosen homes, largest weight first; the {N_COMPARABLES} nearest if there are"
                " more. Their weights sum to 1.",
            ),
            "currency": {"type": "string", "description": "ISO 4217 code."},
            "model_version": {"type": "string"},
        }
    )
}
"""Name of a component → its schema."""


def describe_comparables(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation; `example` has a `request`."""
    limits = [_parameter(name, {"type": "number", "minimum": 0}) for name in LIMITS]
    rows = [
        _parameter(name, array_schema({"type": "integer", "minimum": 0}, maxItems=MAX_ROWS), explode=False)
        for name in ROWS
    ]
    return {
        "summary": "What sold homes of your choice suggest that a home is worth",
        "description": "Each sold home is adjusted for how the home differs from it, as the model does it. Without"
        " a limit the model's own comparables are taken.",
        "parameters": limits + rows,
        "requestBody": {"required": True, "content": json_content(ref("Subject"), example=example["request"])},
        "responses": {"200": {"description": "The chosen homes", "content": json_content(ref("ChosenSales"))}}
        | problem_responses(),
    }


def _parameter(name: str, schema: Mapping[str, Any], **keywords: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": _DESCRIPTIONS[name],
        "schema": schema,
        **keywords,
    }
