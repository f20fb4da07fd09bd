"""What `GET /model` tells: the version that is served, the facts it takes, how well it values, an example."""

from collections.abc import Mapping
from typing import Any

from estimator.market import Feature
from estimator.registry import SavedVersion


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
