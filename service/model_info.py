"""The description of a saved version that `GET /model` answers. Knows nothing of HTTP."""

from collections.abc import Mapping
from typing import Any

from estimator.market.feature import Feature
from estimator.model.price_index.table import index_table
from estimator.registry import APPRAISER, SavedVersion
from estimator.report import PAGE

REPORT_PATH = "/report"
"""Path of the training report of the served version."""


def model_info(saved: SavedVersion, example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a version.

    Parameters
    ----------
    example
        `request`, a subject, and `answer`, its valuation by this version.
    """
    appraiser = saved.appraiser
    market, dates, last_date = appraiser.market, appraiser.sale_dates, appraiser.last_valuation_date
    return {
        "model_version": saved.name,
        "created": saved.manifest["created"],
        "sha256": saved.manifest["files"][APPRAISER],
        "market": market.name,
        "currency": market.currency,
        "sale_dates": None if dates is None else [str(date) for date in dates],
        "last_valuation_date": None if last_date is None else str(last_date),
        "price_index": index_table(appraiser.model.index).summary(),
        "features": [_feature_info(feature, appraiser.areas.facts) for feature in market.features],
        "coordinates": None if market.coordinates is None else list(market.coordinates),
        "size": None if market.size is None else market.size.name,
        "error_figures": saved.manifest["error_figures"],
        "gate": saved.manifest.get("gate"),  # older versions have none
        "report": REPORT_PATH if PAGE in saved.manifest["files"] else None,
        "ratio_study": saved.manifest.get("ratio_study"),  # older versions have none
        "standards": saved.manifest.get("standards"),  # older versions have none
        "example": example,
    }


def _feature_info(feature: Feature, looked_up: frozenset[str]) -> dict[str, Any]:
    """Return the description of one fact; properties that do not apply to it are null.

    Parameters
    ----------
    looked_up
        Names of the facts that are looked up where they are left out.
    """
    can_look_up = feature.name in looked_up
    return {
        "name": feature.name,
        "aliases": list(feature.names[1:]),
        "kind": feature.kind,
        "unit": feature.unit or None,
        "required": feature.required,
        "minimum": feature.minimum,
        "maximum": feature.maximum,
        "price_effect": feature.price_effect,
        "changeable": feature.changeable and not can_look_up and not feature.fact_kind.is_location,
        "looked_up": can_look_up,
        "description": feature.description,
        "widget": feature.fact_kind.widget,
        "whole": feature.fact_kind.is_whole,
    }
