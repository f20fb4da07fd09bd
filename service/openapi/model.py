"""The answer of `GET /model`, as the OpenAPI document describes it."""

from collections.abc import Mapping
from typing import Any, get_args

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.assessment.gate import CHECKS, Judged
from estimator.assessment.ratio_study import ACCEPTABLE, MIN_SALES_FOR_VERDICT
from estimator.assessment.standards import STANDARDS
from service.openapi.json_schema import array_schema, nullable, object_schema, ref

MONTH = "^[0-9]{4}-[0-9]{2}$"
"""Pattern of a month."""

_STRINGS = {"type": "object", "additionalProperties": {"type": "string"}}

_RATIO_FIGURES = {
    "median_ratio": "Median of value/price. Below 1: homes are undervalued overall.",
    "median_ratio_low": "Lower end of the confidence interval of the median.",
    "median_ratio_high": "Upper end of the confidence interval of the median.",
    "mean_ratio": "Mean of value/price.",
    "weighted_mean_ratio": "Sum of values / sum of prices.",
    "cod": "Coefficient of dispersion: mean absolute deviation of the ratios from the median, in percent of the"
    " median.",
    "cod_low": "Lower end of the confidence interval of the COD.",
    "cod_high": "Upper end of the confidence interval of the COD.",
    "prd": "Price-related differential: mean ratio / weighted mean ratio. Above 1: expensive homes are"
    " undervalued.",
    "prd_low": "Lower end of the confidence interval of the PRD.",
    "prd_high": "Upper end of the confidence interval of the PRD.",
    "prb": "Price-related bias: relative change of the ratio when the price level doubles. Below 0: expensive"
    " homes are undervalued.",
    "prb_low": "Lower end of the confidence interval of the PRB.",
    "prb_high": "Upper end of the confidence interval of the PRB.",
    "mki": "Modified Kakwani index: Gini index of values / Gini index of prices. Below 1: expensive homes are"
    " undervalued.",
    "mki_low": "Lower end of the confidence interval of the MKI.",
    "mki_high": "Upper end of the confidence interval of the MKI.",
    "vei": "Vertical equity indicator: median ratio of the highest price band minus that of the lowest, in"
    " percent of the overall median. Below 0: expensive homes are undervalued.",
    "vei_low": "Lower end of the confidence interval of the VEI.",
    "vei_high": "Upper end of the confidence interval of the VEI.",
    "vei_significance": "Distance between the confidence intervals of the bands with the highest and the lowest"
    " median ratio, in percent of the overall median.",
}
"""Figure of a ratio study → its description."""


def _change(when: str) -> dict[str, Any]:
    return {
        "type": ["number", "null"],
        "description": f"Relative change of prices {when}; null if the index does not cover that time.",
    }


SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Model": object_schema(
        {
            "model_version": {"type": "string"},
            "created": {"type": "string", "format": "date-time"},
            "sha256": {"type": "string", "description": "SHA-256 of the saved model."},
            "market": {"type": "string"},
            "currency": {"type": "string", "description": "ISO 4217 code."},
            "sale_dates": {
                "type": ["array", "null"],
                "items": {"type": "string", "format": "date"},
                "description": "Dates of the oldest and the newest sale; null if the market has no sale dates.",
            },
            "last_valuation_date": {
                "type": ["string", "null"],
                "format": "date",
                "description": "The last day with a forecast of prices: it replaces later valuation dates."
                " Null if the market has no sale dates.",
            },
            "price_index": nullable(
                ref("IndexSummary"),
                description="How prices have moved; GET /index has all months. Null if the sales have no dates.",
            ),
            "features": array_schema(
                {"type": "object"},
                description="The facts that a request may contain; `changeable`: whether an owner can change it,"
                " `looked_up`: whether its area says it where it is left out.",
            ),
            "coordinates": {
                "type": ["array", "null"],
                "items": {"type": "string"},
                "description": "Names of the latitude and the longitude; null in a market without them.",
            },
            "size": {
                "type": ["string", "null"],
                "description": "Name of the fact that measures how large a home is; null if there is none.",
            },
            "error_figures": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
                "description": "Facts given for the test sales → errors of their valuations.",
            },
            "gate": nullable(
                ref("Gate"),
                description="What the gate before publishing said; null if the version was saved without it.",
            ),
            "report": {
                "type": ["string", "null"],
                "format": "uri-reference",
                "description": "Path of the training report; null if the version was saved without one.",
            },
            "ratio_study": nullable(ref("RatioStudies")),
            "standards": nullable(
                object_schema(
                    {ALL_FACTS: array_schema(ref("Standard")), REQUIRED_FACTS: array_schema(ref("Standard"))}
                ),
                description="The verdict, which the report shows too: each standard with its value and whether it"
                " is met, for test sales valued with all facts and with the required facts only. Null for older"
                " versions.",
            ),
            "example": {"type": "object", "description": "A request and its answer."},
        }
    ),
    "Standard": object_schema(
        {
            "name": {"type": "string", "enum": list(STANDARDS)},
            "value": {"type": ["number", "null"]},
            "low": {"type": ["number", "null"], "description": "Lower end of its 90% interval; null for none."},
            "high": {"type": ["number", "null"], "description": "Upper end of its 90% interval; null for none."},
            "least": {"type": ["number", "null"], "description": "Least acceptable value; null for no bound."},
            "most": {"type": ["number", "null"], "description": "Largest acceptable value; null for no bound."},
            "met": {
                "type": ["boolean", "null"],
                "description": "Whether it is acceptable; null without a verdict.",
            },
            "certain": {
                "type": ["boolean", "null"],
                "description": "Whether the whole interval is on the same side; null without interval or verdict.",
            },
            "reason": {
                "type": ["string", "null"],
                "description": "Why there is no verdict; null if there is one.",
            },
        }
    ),
    "Gate": object_schema(
        {
            "passed": {"type": "boolean"},
            "publish_anyway": {
                "type": "boolean",
                "description": "Whether it was published whatever the gate said.",
            },
            "judged": {
                "type": "string",
                "enum": list(get_args(Judged)),
                "description": "By which sales: the test sales, month by month or all at once, or the new sales"
                " of a refresh.",
            },
            "sales": {"type": "integer", "description": "Number of these sales."},
            "checks": array_schema(ref("GateCheck")),
        }
    ),
    "GateCheck": object_schema(
        {
            "name": {"type": "string", "enum": list(CHECKS)},
            "value": {"type": ["number", "null"], "description": "The figure; null if the check has none."},
            "low": {
                "type": ["number", "null"],
                "description": "Lower end of its 95% interval; null for no bound.",
            },
            "high": {
                "type": ["number", "null"],
                "description": "Upper end of its 95% interval; null for no bound.",
            },
            "least": {"type": ["number", "null"], "description": "Its lower limit; null for none."},
            "most": {"type": ["number", "null"], "description": "Its upper limit; null for none."},
            "reason": {"type": ["string", "null"], "description": "Why it failed; null if it passed."},
        }
    ),
    "IndexSummary": object_schema(
        {
            "newest_month": {"type": "string", "pattern": MONTH, "description": "The newest month with sales."},
            "change_3_months": _change("in the three months up to the newest one"),
            "change_12_months": _change("in the twelve months up to the newest one"),
            "forecast_next_month": _change("forecast from the newest month to the next one"),
        }
    ),
    "RatioStudies": object_schema(
        {
            "standard": {"type": "string", "description": "Source of the measures and of the acceptable ranges."},
            "confidence": {"type": "number", "description": "Confidence level of every interval."},
            "acceptable": object_schema(
                {name: array_schema({"type": ["number", "null"]}, minItems=2, maxItems=2) for name in ACCEPTABLE},
                description="Measure → minimum and maximum that the standard accepts; null for no bound.",
            ),
            ALL_FACTS: ref("RatioStudy"),
            REQUIRED_FACTS: ref("RatioStudy"),
        },
        description="Ratio studies of the test sales: valued with all facts, and with the required facts only.",
    ),
    "RatioStudy": object_schema(
        {
            "overall": ref("RatioFigures"),
            "price_bands": {
                "type": ["array", "null"],
                "description": "Bands of a market value proxy: half sale price, half valuation. Bands of the"
                " sale price alone would make any valuations look regressive.",
                "items": {
                    "allOf": [
                        ref("RatioFigures"),
                        object_schema({"low": {"type": "number"}, "high": {"type": "number"}}),
                    ]
                },
            },
            "areas": {
                "type": ["array", "null"],
                "items": {"allOf": [ref("RatioFigures"), object_schema({"postal_code": {"type": "string"}})]},
            },
            "reasons": {**_STRINGS, "description": "Why `price_bands` or `areas` is null."},
        }
    ),
    "RatioFigures": object_schema(
        {
            "n": {"type": "integer", "description": "Number of sales."},
            "trimmed": {"type": "integer", "description": "Number of sales excluded as outliers."},
            **{name: {"type": ["number", "null"], "description": text} for name, text in _RATIO_FIGURES.items()},
            "met": object_schema(
                {name: {"type": ["boolean", "null"]} for name in ACCEPTABLE},
                description="Measure → whether it is in its acceptable range; null if there is no verdict, for"
                f" example with fewer than {MIN_SALES_FOR_VERDICT} sales.",
            ),
            "reasons": {**_STRINGS, "description": "Why figures are null; `met` explains all missing verdicts."},
        }
    ),
}
"""Name of a component → its schema."""
