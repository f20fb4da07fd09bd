"""`POST /screen`, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any

from estimator.deals.costs import COSTS
from estimator.deals.listings import listing_table
from estimator.deals.past_resales import MAX_YEARS
from estimator.deals.readings import HIGH_QUANTILE, LABELS, LOW_QUANTILE, READING_FIELDS, READINGS
from estimator.deals.repairs import AFTER
from estimator.deals.screening import DEFAULT_PROBABILITY, MAX_PROBABILITY, MIN_PROBABILITY, RANKINGS
from estimator.market.market import Market
from service.http.tables import TableKind
from service.openapi.includes import include_parameter
from service.openapi.json_schema import array_schema, nullable, object_schema, ref
from service.openapi.predict import CONFIDENCE_PARAMETER
from service.openapi.problem import problem_responses

PATH = "/screen"

_AMOUNT, _PERCENT = (
    {"type": "number"},
    {"type": "number", "description": "In percent of the outlay, which is everything paid before the resale."},
)
_COSTS: dict[str, dict[str, Any]] = {
    cost.name: {
        "type": "number",
        "minimum": 0,
        "maximum": cost.maximum,
        "default": cost.default,
        "description": cost.description,
    }
    for cost in COSTS
}
_PROBABILITY: dict[str, Any] = {
    "type": "number",
    "minimum": MIN_PROBABILITY,
    "maximum": MAX_PROBABILITY,
    "default": DEFAULT_PROBABILITY,
    "description": "Probability of a profit that a listing must reach to count as a deal.",
}
_LISTING = {
    "type": "object",
    "additionalProperties": {"type": ["number", "boolean", "string"]},
    "description": "The listing as it was read: facts, list price, own costs and facts after a repair, under their"
    " names. Sent as a listing in JSON, it gives the same answer. Values with an error are left out.",
}
_CELLS = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "The row of the table as it was sent, if the listings came in one: column → text.",
}


def _answered_listing(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of what is said about a listing, with the listing itself."""
    schema = object_schema({**properties, "listing": _LISTING})
    return {**schema, "properties": {**schema["properties"], "cells": _CELLS}}


_DEAL = _answered_listing(
    {
        "row": {
            "type": "integer",
            "description": "Index of the listing in the request, starting at 0. Messages about CSV count rows"
            " like a spreadsheet: the first listing is row 2.",
        },
        "rank": {
            "type": "integer",
            "description": "Rank by what `ranking` of the answer says. 1 is the best listing.",
        },
        "listing_id": {"type": ["string", "null"]},
        "list_price": _AMOUNT,
        "break_even": {**_AMOUNT, "description": "Resale price at which the profit is zero."},
        "resale_price": {**_AMOUNT, "description": "Expected resale price, given the value and the list price."},
        "resale_low": {**_AMOUNT, "description": f"{LOW_QUANTILE:.0%} quantile of the resale price."},
        "resale_high": {**_AMOUNT, "description": f"{HIGH_QUANTILE:.0%} quantile of the resale price."},
        "probability": {"type": "number", "description": "Probability of a resale above the break-even price."},
        "margin": {**_AMOUNT, "description": "Expected margin."},
        "margin_low": {**_AMOUNT, "description": f"{LOW_QUANTILE:.0%} quantile of the margin."},
        "margin_high": {**_AMOUNT, "description": f"{HIGH_QUANTILE:.0%} quantile of the margin."},
        **dict.fromkeys(("margin_percent", "margin_low_percent", "margin_high_percent"), _PERCENT),
        "highest_offer": {
            **_AMOUNT,
            "description": "Highest purchase price that still has the required probability of a profit.",
        },
        "seventy_percent_offer": {
            **_AMOUNT,
            "description": "Offer by the 70% rule: 70% of the value, or of the ARV, less the repair.",
        },
        "naive_percent": {
            "type": "number",
            "description": "(value − list price)/list price in percent, for comparison.",
        },
        "cash_on_cash_percent": nullable(
            {"type": "number"},
            description="Expected profit a year in percent of the buyer's own money; null without holding_months"
            " or for less than a day.",
        ),
        "cap_rate_percent": nullable(
            {"type": "number"},
            description="A year's rent after its costs in percent of list price and repair; null without rent.",
        ),
        **{
            name: nullable({"type": "number"}, description=f"{text}; null without a planned repair.")
            for name, text in (
                ("arv", "Value after the repair (ARV)"),
                ("arv_low", f"{LOW_QUANTILE:.0%} quantile of what the home is worth then"),
                ("arv_high", f"{HIGH_QUANTILE:.0%} quantile of what the home is worth then"),
                ("uplift", "What the repair adds to the value"),
                ("uplift_low", f"{LOW_QUANTILE:.0%} quantile of that"),
                ("uplift_high", f"{HIGH_QUANTILE:.0%} quantile of that"),
            )
        },
        "deal": {"type": "boolean", "description": "Whether the probability reaches the required one."},
        "pays": {
            "enum": list(LABELS),
            "description": "What the listing pays under. Without closed listings, deals pay under both readings or"
            " only if our value is right; `deal` is true for the first alone.",
        },
        "readings": {
            "type": "object",
            "properties": dict.fromkeys(READINGS, ref("Reading")),
            "additionalProperties": False,
            "description": "The outcome "
            + ", ".join(f"{text} (`{name}`)" for name, text in READINGS.items())
            + ". The last is missing where too few homes were sold twice. The figures beside it are those of the"
            " first. Empty where closed listings decide.",
        },
        "costs": ref("Costs"),
        "warnings": array_schema(
            {"type": "string"},
            description="Warnings about the list price and the repair. The valuation has its own.",
        ),
        "valuation": ref("Valuation"),
    }
)
_REFUSED_LISTING = _answered_listing(
    {"row": {"type": "integer"}, "listing_id": nullable({"type": "string"}), "error": ref("Problem")}
)
SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Costs": object_schema(_COSTS),
    "Deal": _DEAL,
    "Reading": object_schema(
        {**{name: _DEAL["properties"][name] for name in READING_FIELDS}, "pays": {"type": "boolean"}},
        description="The outcome of buying and reselling under one reading of the list price.",
    ),
    "Deals": object_schema(
        {
            "deals": array_schema(ref("Deal"), description="The listings that could be valued, best first."),
            "counts": object_schema(
                {
                    name: {"type": "integer", "description": text}
                    for name, text in (
                        ("deals", "Deals of both kinds."),
                        ("pay", "Those that pay under both readings or, with closed listings, by these."),
                        ("pay_only_if_value_right", "Those that pay only if our value is right."),
                        ("others", "Other listings with a value."),
                        ("refused", "Listings in `refused`."),
                    )
                }
            ),
            "warnings": array_schema(
                {"type": "string"}, description="What the list prices of all listings together show."
            ),
            "ranking": {
                "enum": list(RANKINGS),
                "description": "What the listings are ranked by: the expected margin where closed listings say how"
                " much a list price means, otherwise value ÷ list price.",
            },
            "refused": array_schema(_REFUSED_LISTING, description="All other listings, in their order."),
            "costs": ref("Costs"),
            "probability": {"type": "number", "description": "Probability of a profit that a deal requires."},
            "asks": object_schema(
                {
                    "fitted": {
                        "type": "boolean",
                        "description": "Whether the model of list prices was fitted to closed listings.",
                    },
                    "listings": {"type": "integer", "description": "Number of those listings."},
                    "premium": {"type": "number", "description": "Median of log(list price/resale price)."},
                    "noise": {
                        "type": "number",
                        "description": "Standard deviation of log(list price/resale price).",
                    },
                }
            ),
            "past_resales": object_schema(
                {
                    "pairs": {
                        "type": "integer",
                        "description": f"Homes that were sold again within {MAX_YEARS} years.",
                    },
                    "pairs_needed": {"type": "integer", "description": "As many are needed to learn from them."},
                    "share": nullable(
                        {"type": "number"}, description="Share of their discounts that came back on resale."
                    ),
                    "base": nullable(
                        {"type": "number"}, description="log(resale price/price) of those without a discount."
                    ),
                }
            ),
            "currency": {"type": "string"},
            "model_version": {"type": "string"},
        }
    ),
}
"""Name of a component → its schema."""


def describe_screen(market: Market, example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the operation; `example` has a `request` and its `answer`."""
    home = example["request"] | {"list_price": round(example["answer"]["price"])}
    own = [feature for feature in listing_table(market).features if feature.name not in market.by_name]
    listing = {"type": "object", "required": [feature.name for feature in own if feature.required]}
    row = {"anyOf": [listing, {"description": "Anything else is reported in `refused`."}]}
    listings = array_schema(row, description="Listings: facts of a home, as for POST /predict, and a list price.")
    request = {
        "type": "object",
        "required": ["listings"],
        "properties": {
            "listings": listings,
            "costs": {"type": "object", "properties": _COSTS, "additionalProperties": False},
            "probability": _PROBABILITY,
        },
        "additionalProperties": False,
    }
    named = [feature for feature in own if not feature.name.startswith(AFTER)]
    names = ", ".join(f"`{feature.name}`" + (" (required)" if feature.required else "") for feature in named)
    return {
        "summary": "Screen listings: which can be resold at a profit",
        "description": "Values each home by its facts alone, compares the value with the list price, and ranks the"
        " listings by value ÷ list price or, with closed listings, by expected margin. A listing has the facts of"
        f" a home and {names}. A fact with the prefix `{AFTER}` says what the home will be like after"
        " a repair. CSV is answered as CSV, or as JSON with Accept: application/json; so is an Excel workbook.",
        "parameters": [
            include_parameter(),
            CONFIDENCE_PARAMETER,
            *(_query_parameter(name, schema) for name, schema in {"probability": _PROBABILITY, **_COSTS}.items()),
        ],
        "requestBody": {
            "required": True,
            "content": {
                TableKind.COLUMNS.value: {"schema": {"anyOf": [listings, request]}, "example": [home]},
                TableKind.CSV.value: {
                    "schema": {"type": "string"},
                    "example": f"{','.join(home)}\n{','.join(map(str, home.values()))}\n",
                },
                TableKind.EXCEL.value: {"schema": {"type": "string", "format": "binary"}},
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
        }
        | problem_responses(),
    }


def _query_parameter(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": schema["description"],
        "schema": schema,
    }
