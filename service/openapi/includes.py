"""The parameter `include` and the members it adds to a valuation, as the OpenAPI document describes them."""

from collections.abc import Mapping
from typing import Any

from estimator.explanation.comparable_sales import MAX_LEFT_OUT, MAX_USED, MIN_RELATIVE_WEIGHT
from service.openapi.json_schema import array_schema, nullable, object_schema, ref
from service.valuation.includes import INCLUDE, INCLUDES, include_forms

_FACT_VALUE = {"type": ["number", "boolean", "string"]}
_SALE_DATE = {
    "type": ["string", "null"],
    "format": "date",
    "description": "Sale date; null if the market has no sale dates.",
}
_SALE_PRICE = {"type": "number", "description": "Sale price."}
_DISTANCE = {"type": "number", "description": "Distance from the subject."}

VALUATION_MEMBERS: Mapping[str, dict[str, Any]] = {
    "comparables": nullable(
        ref("ComparableSales"),
        description="The sold homes behind the value, if requested; null if the market has no locations.",
    ),
    "comparables_median": nullable(
        {"type": "number"},
        description="Median of the adjusted prices of the comparables, if requested; null if there are none.",
    ),
    "contributions": ref("Contributions") | {"description": "What each fact adds to the price, if requested."},
    "own_sales": array_schema(
        ref("OwnSale"), description="The earlier sales of the home itself, newest first, if requested."
    ),
    "looked_up_values": {
        "type": "object",
        "additionalProperties": ref("LookedUpValue"),
        "description": "Fact that was looked up → its value and where it comes from, if requested.",
    },
    "what_if": {
        "type": "object",
        "additionalProperties": array_schema(ref("WhatIfPoint")),
        "description": "Requested fact → valuations for other values of it, with everything else unchanged.",
    },
}
"""Name of an include → schema of the member of a valuation."""

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "ComparableSales": object_schema(
        {
            "used": array_schema(
                ref("UsedSale"),
                description="The sold homes with the largest weights, in descending order, at most"
                f" {MAX_USED}. Sales after the valuation date are used, too. Empty if the location is unknown.",
            ),
            "left_out": array_schema(
                ref("LeftOutSale"),
                description=f"The nearest sold homes with less than {MIN_RELATIVE_WEIGHT:.0%} of the largest"
                f" weight, at most {MAX_LEFT_OUT}. Homes sold on or after the valuation date are not considered.",
            ),
        }
    ),
    "UsedSale": object_schema(
        {
            "row": {
                "type": "integer",
                "description": "Its position in the columns of `GET /sales`, from 0. Another version has others.",
            },
            "facts": {
                "type": "object",
                "additionalProperties": _FACT_VALUE,
                "description": "Its known facts, including the location.",
            },
            "date": _SALE_DATE,
            "price": _SALE_PRICE,
            "distance_km": _DISTANCE,
            "weight": {"type": "number", "description": "Share among all comparables. All weights sum to 1."},
            "adjustments": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "Fact → amount that adjusts the price for the difference in it. `valuation_date`"
                " adjusts for the time since the sale. Amounts of 0 are left out.",
            },
            "adjusted_price": {
                "type": "number",
                "description": "Price plus adjustments, exact to the cent: what the sale suggests for the"
                " subject.",
            },
        }
    ),
    "OwnSale": object_schema(
        {
            "date": _SALE_DATE,
            "price": _SALE_PRICE,
            "price_now": {
                "type": "number",
                "description": "This price moved by the price index to the valuation date.",
            },
        }
    ),
    "LookedUpValue": object_schema(
        {
            "value": _FACT_VALUE,
            "postal_code": {"type": "string", "description": "The area whose figure it is."},
            "by_place": {
                "type": "boolean",
                "description": "Whether the area is that of the nearest sold home; if not, the request named it.",
            },
        }
    ),
    "LeftOutSale": object_schema(
        {
            "distance_km": _DISTANCE,
            "date": _SALE_DATE,
            "price": _SALE_PRICE,
            "reason": {"type": "string", "description": "The difference that reduces its weight most."},
        }
    ),
    "Contributions": object_schema(
        {
            "reference_price": {
                "type": "number",
                "description": "Price of the market's reference home on the date of the newest sale.",
            },
            "parts": {
                "type": "object",
                "additionalProperties": {"type": "number"},
                "description": "Fact → amount it adds, largest first. `place` is the coordinates and the postal"
                " code together, `valuation_date` the date. The reference price and the parts sum to the price,"
                " to the cent. The effect of comparables is part of the facts that select them. Amounts of 0 are"
                " left out.",
            },
        }
    ),
    "WhatIfPoint": object_schema(
        {
            "value": _FACT_VALUE | {"description": "Value of the fact. Points are in ascending order of it."},
            "price": {"type": "number", "description": "Price of the home with this value of the fact."},
            "price_low": {"type": ["number", "null"], "description": "Lower end of the range."},
            "price_high": {"type": ["number", "null"], "description": "Upper end of the range."},
        }
    ),
}
"""Name of a component → its schema."""


def include_parameter() -> dict[str, Any]:
    """Return the description of the parameter."""
    forms = [
        f"`{form}`: {include.description}"
        for form, include in zip(include_forms(), INCLUDES.values(), strict=True)
    ]
    return {
        "name": INCLUDE,
        "in": "query",
        "required": False,
        "description": "Reasons to add to each valuation, separated by commas. " + " ".join(forms),
        "style": "form",
        "explode": False,
        "schema": array_schema({"type": "string"}, minItems=1, uniqueItems=True),
        "example": ["comparables"],
    }
