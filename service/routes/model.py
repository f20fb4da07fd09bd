"""What `GET /model` tells: the version that is served, the facts it takes, how well it values, an example.

`SCHEMAS` describes the answer.
"""

from collections.abc import Mapping
from typing import Any

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.assessment.ratio_study import ACCEPTABLE, ENOUGH_SALES
from estimator.market.market import Feature
from estimator.registry import SavedVersion
from estimator.report import PAGE
from service.http.json_schema import an_object, or_null, ref

REPORT_PATH = "/report"
"""Where the training report of the served version is."""


def about_model(saved: SavedVersion, example: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a version.

    Parameters
    ----------
    example
        `request`, a subject, and `answer`, its valuation by this version.
    """
    market, dates = saved.appraiser.market, saved.appraiser.sale_dates
    return {
        "model_version": saved.name,
        "created": saved.manifest["created"],
        "market": market.name,
        "currency": market.currency,
        "sale_dates": None if dates is None else [str(date) for date in dates],
        "features": [_about_feature(feature) for feature in market.features],
        "error_figures": saved.manifest["error_figures"],
        "report": REPORT_PATH if PAGE in saved.manifest["files"] else None,
        "ratio_study": saved.manifest.get("ratio_study"),  # a version may be older than the study
        "example": example,
    }


def _about_feature(feature: Feature) -> dict[str, Any]:
    """Describe one fact; what does not apply to it is null."""
    return {
        "name": feature.name,
        "aliases": list(feature.names[1:]),
        "kind": feature.kind,
        "unit": feature.unit or None,
        "required": feature.required,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "price_effect": feature.price_effect,
        "description": feature.description,
    }


_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}

_RATIO_FIGURES = {
    "median_ratio": "Median of value/price: below 1, homes are under-valued as a whole.",
    "median_ratio_low": "Lower end of the median's interval.",
    "median_ratio_high": "Upper end of the median's interval.",
    "mean_ratio": "Mean of value/price.",
    "weighted_mean_ratio": "Sum of values / sum of prices.",
    "cod": "Coefficient of dispersion: the mean distance of a ratio from the median, in percent of the median.",
    "prd": "Price-related differential: mean ratio / weighted mean ratio. Above 1, dear homes are under-valued.",
    "prb": "Price-related bias: by which share ratios change where worth doubles. Below 0, dear homes are"
    " under-valued.",
    "prb_low": "Lower end of the PRB's interval.",
    "prb_high": "Upper end of the PRB's interval.",
    "mki": "Modified Kakwani index: inequality of values / inequality of prices. Below 1, dear homes are"
    " under-valued.",
    "vei": "Vertical equity indicator: the median ratio of the highest price band less that of the lowest, in"
    " percent of the median. Below 0, dear homes are under-valued.",
    "vei_significance": "By how much of the median, in percent, the intervals of the bands with the highest and"
    " the lowest median ratio lie apart.",
}
"""Figure of a ratio study → what it is."""

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "Model": an_object(
        {
            "model_version": {"type": "string"},
            "created": {"type": "string", "format": "date-time"},
            "market": {"type": "string"},
            "currency": {"type": "string", "description": "ISO 4217."},
            "sale_dates": {
                "type": ["array", "null"],
                "items": {"type": "string", "format": "date"},
                "description": "Days of the oldest and the newest sale; null in a market without dates.",
            },
            "features": {"type": "array", "items": {"type": "object"}, "description": "The facts it takes."},
            "error_figures": {
                "type": "object",
                "additionalProperties": {"type": "object", "additionalProperties": {"type": "number"}},
                "description": "What was known of the test homes → how far their values were from their prices.",
            },
            "report": {
                "type": ["string", "null"],
                "format": "uri-reference",
                "description": "The training report, for people; null for a version that was saved without.",
            },
            "ratio_study": or_null(ref("RatioStudies")),
            "example": {"type": "object", "description": "A request and its answer."},
        }
    ),
    "RatioStudies": an_object(
        {
            "standard": {"type": "string", "description": "Where measures and ranges come from."},
            "confidence": {"type": "number", "description": "Of every interval."},
            "acceptable": an_object(
                {
                    name: {"type": "array", "items": {"type": ["number", "null"]}, "minItems": 2, "maxItems": 2}
                    for name in ACCEPTABLE
                },
                description="Measure → the lowest and the highest value that the standard accepts, null where"
                " there is no bound.",
            ),
            ALL_FACTS: ref("RatioStudy"),
            REQUIRED_FACTS: ref("RatioStudy"),
        },
        description="The assessor's ratio study of the test sales: valued with all facts, and with the required"
        " ones alone.",
    ),
    "RatioStudy": an_object(
        {
            "overall": ref("RatioFigures"),
            "price_bands": {
                "type": ["array", "null"],
                "description": "By worth, half from the price and half from the value: bands of the price alone"
                " would make any values look regressive.",
                "items": {
                    "allOf": [
                        ref("RatioFigures"),
                        an_object({"low": {"type": "number"}, "high": {"type": "number"}}),
                    ]
                },
            },
            "areas": {
                "type": ["array", "null"],
                "items": {"allOf": [ref("RatioFigures"), an_object({"postal_code": {"type": "string"}})]},
            },
            "reasons": {**_TEXTS, "description": "Why bands or areas are null."},
        }
    ),
    "RatioFigures": an_object(
        {
            "n": {"type": "integer", "description": "Sales compared."},
            "trimmed": {"type": "integer", "description": "Sales left out as outliers."},
            **{name: {"type": ["number", "null"], "description": text} for name, text in _RATIO_FIGURES.items()},
            "met": an_object(
                {name: {"type": ["boolean", "null"]} for name in ACCEPTABLE},
                description="Measure → whether it is in its acceptable range; null where that cannot be told, as"
                f" with fewer than {ENOUGH_SALES} sales.",
            ),
            "reasons": {**_TEXTS, "description": "What is null, or met for all the verdicts → why."},
        }
    ),
}
"""The answer's schema and its parts, by the names they have in the interface's document."""
