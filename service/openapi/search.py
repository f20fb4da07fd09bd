"""`GET /search` and its answer, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any, get_args

from estimator.places import MAX_FOUND, FoundBy
from service.openapi.json_schema import array_schema, json_content, object_schema, ref
from service.openapi.problem import problem_responses

PATH = "/search"
MAX_QUERY = 500
"""Characters of a query: the longest links of maps have fewer."""

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "FoundPlaces": object_schema(
        {
            "places": array_schema(
                ref("FoundPlace"),
                description=f"The likeliest first; at most {MAX_FOUND}, and what the geocoder found.",
            ),
            "geocoder": {"type": "boolean", "description": "Whether the server can ask a geocoder."},
        }
    ),
    "FoundPlace": object_schema(
        {
            "found_by": {"type": "string", "enum": [*get_args(FoundBy), "geocoder"]},
            "label": {"type": "string", "description": "What to call it."},
            "latitude": {"type": "number"},
            "longitude": {"type": "number"},
            "facts": {
                "type": "object",
                "description": "What the newest sale says of the home; empty for an area or a point.",
            },
        }
    ),
}
"""Name of a component → its schema."""


def describe_search() -> dict[str, Any]:
    """Return the operation."""
    text = {"type": "string", "minLength": 1, "maxLength": MAX_QUERY}
    return {
        "summary": "Find a place by coordinates, postal code, city, address, or the number of a sold home",
        "parameters": [
            {
                "name": "q",
                "in": "query",
                "required": True,
                "description": "The text: coordinates in any usual form, also a link of a map; the start of a"
                " postal code; a part of a city's name or of an address; the identifier of a sold home.",
                "schema": text,
                "example": "47.6205, -122.3145",
            },
            {
                "name": "geocode",
                "in": "query",
                "required": False,
                "description": "Whether to ask the geocoder too, if the server has one.",
                "schema": {"type": "boolean", "default": False},
            },
        ],
        "responses": {"200": {"description": "The places", "content": json_content(ref("FoundPlaces"))}}
        | problem_responses([400, 502, 503]),
    }
