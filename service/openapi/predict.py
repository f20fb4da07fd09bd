"""`POST /predict` and its answer, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any

from estimator.appraiser import CONFIDENCE
from estimator.uncertainty.conformal import MAX_CONFIDENCE, MIN_CONFIDENCE
from service.openapi.includes import VALUATION_MEMBERS, include_parameter
from service.openapi.json_schema import array_schema, json_content, ref
from service.openapi.problem import problem_responses
from service.valuation.includes import INCLUDES
from service.valuation.parameters import PRICE_ABOVE

PATH = "/predict"

CONFIDENCE_PARAMETER: Mapping[str, Any] = {
    "name": "confidence",
    "in": "query",
    "required": False,
    "description": "Confidence level: the share of sale prices that such ranges contain.",
    "schema": {"type": "number", "minimum": MIN_CONFIDENCE, "maximum": MAX_CONFIDENCE, "default": CONFIDENCE},
}


PRICE_ABOVE_PARAMETER: Mapping[str, Any] = {
    "name": PRICE_ABOVE,
    "in": "query",
    "required": False,
    "description": "A price in the market's currency: the answer then has `probability_above`.",
    "schema": {"type": "number", "exclusiveMinimum": 0},
}
_NUMBER_OR_NONE = ["number", "null"]
ON_REQUEST = "probability_above"
"""Member of a valuation that only answers with the parameter `price_above` have."""


def _strings(description: str) -> dict[str, Any]:
    return array_schema({"type": "string"}, description=description)


_VALUATION: dict[str, Any] = {
    "price": {"type": "number", "description": "Estimated market value."},
    "price_low": {
        "type": _NUMBER_OR_NONE,
        "description": "Lower end of the range; null, as all below, if the market has too few sales for ranges.",
    },
    "price_high": {"type": _NUMBER_OR_NONE, "description": "Upper end of the range."},
    "confidence": {"type": "number", "description": "Share of sale prices that such ranges contain."},
    "fsd": {
        "type": _NUMBER_OR_NONE,
        "description": "Forecast standard deviation: standard deviation of (price − sale price)/sale price.",
    },
    "probability_within_10": {
        "type": _NUMBER_OR_NONE,
        "description": "Probability that the price is within ±10% of the sale price.",
    },
    ON_REQUEST: {
        "type": _NUMBER_OR_NONE,
        "description": f"With `{PRICE_ABOVE}`: the probability that the home sells for more.",
    },
    "currency": {"type": "string", "description": "ISO 4217 code."},
    "valuation_date": {
        "type": ["string", "null"],
        "format": "date",
        "description": "The day the value is for; null if the market has no sale dates.",
    },
    "looked_up": _strings("Facts missing from the request that were looked up."),
    "unknown": _strings("Facts missing from the request that stay unknown. They widen the range."),
    "warnings": _strings("What to know before using the value."),
    "model_version": {"type": "string", "description": "Version of the model that valued the home."},
}

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Valuation": {
        "type": "object",
        "required": [name for name in _VALUATION if name != ON_REQUEST],
        "properties": _VALUATION | {name: VALUATION_MEMBERS[name] for name in INCLUDES},
    }
}
"""Name of a component → its schema."""


def describe_predict(example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation; `example` has a `request` and its `answer`."""
    subject, valuation = ref("Subject"), ref("Valuation")
    item = {"anyOf": [subject, {"description": "Anything else gets an error in its place."}]}
    row = {"anyOf": [valuation, ref("RefusedRow")]}
    return {
        "summary": "Value one home, or a list of homes",
        "description": "A list is answered in its order. A home that cannot be valued gets an error in its"
        " place. A fact that is missing or null is looked up or stays unknown; the answer lists both.",
        "parameters": [include_parameter(), CONFIDENCE_PARAMETER, PRICE_ABOVE_PARAMETER],
        "requestBody": {
            "required": True,
            "content": json_content({"anyOf": [subject, array_schema(item)]}, example=example["request"]),
        },
        "responses": {
            "200": {
                "description": "The valuation, or the list of valuations",
                "content": json_content({"anyOf": [valuation, array_schema(row)]}, example=example["answer"]),
            }
        }
        | problem_responses(),
    }
