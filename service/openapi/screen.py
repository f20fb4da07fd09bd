"""What `POST /screen` takes and gives, as the interface's document tells it."""

from collections.abc import Mapping
from typing import Any

from estimator.deals.listings import listing_table
from estimator.deals.screening import COSTS, GREATEST_PROBABILITY, HIGH, LEAST_PROBABILITY, LOW, PROBABILITY
from estimator.market.market import Market
from service.http.json_schema import an_array, an_object, or_null, ref
from service.http.tables import TableKind

PATH = "/screen"

_AMOUNT, _PERCENT = {"type": "number"}, {"type": "number", "description": "Percent of the outlay."}
_COSTS: dict[str, dict[str, Any]] = {
    cost.name: {
        "type": "number",
        "minimum": 0,
        "maximum": cost.greatest,
        "default": cost.default,
        "description": cost.text,
    }
    for cost in COSTS
}
_PROBABILITY: dict[str, Any] = {
    "type": "number",
    "minimum": LEAST_PROBABILITY,
    "maximum": GREATEST_PROBABILITY,
    "default": PROBABILITY,
    "description": "Of a resale that pays, for a deal.",
}
_DEAL = an_object(
    {
        "row": {
            "type": "integer",
            "description": "Place in the request, from 0; messages number CSV as spreadsheets do, from 2.",
        },
        "rank": {"type": "integer", "description": "From 1, the best: by the expected margin in percent."},
        "listing_id": {"type": ["string", "null"]},
        "list_price": _AMOUNT,
        "break_even": {**_AMOUNT, "description": "Resale price that brings back the outlay."},
        "resale_price": {**_AMOUNT, "description": "Expected, given the value and the list price."},
        "resale_low": {**_AMOUNT, "description": f"{LOW:.0%} of resales bring less."},
        "resale_high": {**_AMOUNT, "description": f"{HIGH:.0%} of resales bring less."},
        "probability": {"type": "number", "description": "Of a resale above the break-even."},
        "margin": {**_AMOUNT, "description": "Expected."},
        "margin_low": {**_AMOUNT, "description": f"{LOW:.0%} of resales leave less."},
        "margin_high": {**_AMOUNT, "description": f"{HIGH:.0%} of resales leave less."},
        **dict.fromkeys(("margin_percent", "margin_low_percent", "margin_high_percent"), _PERCENT),
        "highest_offer": {**_AMOUNT, "description": "At which the probability is the one asked for (MAO)."},
        "seventy_percent_offer": {**_AMOUNT, "description": "By the 70% rule, for comparison."},
        "naive_percent": {"type": "number", "description": "(value − list price)/list price, for comparison."},
        "deal": {"type": "boolean", "description": "Whether the probability is at least the one asked for."},
        "costs": ref("Costs"),
        "warnings": an_array({"type": "string"}, description="Of the list price; the valuation has its own."),
        "valuation": ref("Valuation"),
    }
)
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Costs": an_object(_COSTS),
    "Deal": _DEAL,
    "Deals": an_object(
        {
            "deals": an_array(ref("Deal"), description="Every listing that could be valued, best first."),
            "refused": an_array(
                an_object(
                    {
                        "row": {"type": "integer"},
                        "listing_id": or_null({"type": "string"}),
                        "error": ref("Problem"),
                    }
                ),
                description="Every other listing, in order.",
            ),
            "costs": ref("Costs"),
            "probability": {"type": "number", "description": "Of a deal."},
            "asks": an_object(
                {
                    "fitted": {"type": "boolean", "description": "Whether learned from closed listings."},
                    "listings": {"type": "integer", "description": "From how many."},
                    "premium": {"type": "number", "description": "Median of log(list price/resale)."},
                    "noise": {"type": "number", "description": "Standard deviation of it."},
                }
            ),
            "currency": {"type": "string"},
            "model_version": {"type": "string"},
        }
    ),
}
"""The answer's schema and its parts, by the names they have in the interface's document."""


def describe_screen(market: Market, example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the route's summary, description, parameters, body and good answers, as the document has them."""
    home = example["request"] | {"list_price": round(example["answer"]["price"])}
    own = [feature for feature in listing_table(market).features if feature.name not in market.by_name]
    listing = {"type": "object", "required": [feature.name for feature in own if feature.required]}
    row = {"anyOf": [listing, {"description": "What is no good listing is told in `refused`."}]}
    listings = an_array(row, description="A home's facts, as POST /predict takes them, and what is asked.")
    terms = {
        "type": "object",
        "required": ["listings"],
        "properties": {
            "listings": listings,
            "costs": {"type": "object", "properties": _COSTS, "additionalProperties": False},
            "probability": _PROBABILITY,
        },
        "additionalProperties": False,
    }
    return {
        "summary": "Screen listings: which resell for more than they cost",
        "description": "Homes are valued by their facts alone, then judged by what is asked: best first, by"
        " the margin to be expected. A listing has the facts of a home and "
        + ", ".join(f"`{feature.name}`" + (" (required)" if feature.required else "") for feature in own)
        + ". CSV comes back as CSV, or as JSON with Accept: application/json.",
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "description": schema["description"],
                "schema": schema,
            }
            for name, schema in {"probability": _PROBABILITY, **_COSTS}.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                TableKind.COLUMNS.value: {"schema": {"anyOf": [listings, terms]}, "example": [home]},
                TableKind.CSV.value: {
                    "schema": {"type": "string"},
                    "example": f"{','.join(home)}\n{','.join(map(str, home.values()))}\n",
                },
            },
        },
        "responses": {
            "200": {
                "description": "The deals",
                "content": {
                    TableKind.COLUMNS.value: {"schema": ref("Deals")},
                    TableKind.CSV.value: {"schema": {"type": "string"}},
                },
            }
        },
    }
