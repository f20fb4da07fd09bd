"""Figures of the test sales by price, month and area. Knows sales and valuations, but no model.

Level and equity are those of the ratio study, without its outliers, so an area has the figures that `GET /model`
gives. Errors, ranges and FSDs are of all sales.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.assessment.evaluation import error_figures
from estimator.assessment.intervals import share_interval
from estimator.assessment.ratio_statistics import CONFIDENCE, MIN_SALES, outliers
from estimator.assessment.ratio_study import (
    ACCEPTABLE,
    MIN_SALES_FOR_VERDICT,
    RatioFigures,
    RatioStudy,
    figures_by_label,
    price_band_of,
)
from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.feature import Feature
from estimator.market.sales import Sales
from estimator.valuations import Valuations

MAX_FIFTHS = 5
"""Groups by value, FSD or probability: few enough that some hundred test sales give figures for each group."""

_ERRORS = ("mdape", "ppe10", "claimed_within_10", "coverage", "fsd_ratio")
_OTHERS = ("coverage_low", "coverage_high", "claimed", "realised")


@dataclass(frozen=True)
class TestResults:
    """n test sales that were valued, and their valuations with all facts known.

    Parameters
    ----------
    area
        Area of each sale, shape (n,), '' where unknown; None in a market without labels. See `area_labels`.
    """

    sales: Sales
    values: Valuations
    area: LabelArray | None

    @property
    def kept(self) -> BoolArray:
        """Which sales are no outliers of the ratio study, shape (n,)."""
        kept: BoolArray = ~outliers(self.values.price / self.sales.price)
        return kept


def by_fifth(results: TestResults, values: FloatArray) -> list[dict[str, Any]]:
    """Return the figures of up to five groups of equal size, by a number that is known before the sale.

    Parameters
    ----------
    values
        Shape (n,). Must not be the sale price: homes that sold cheaply are overvalued on average by any model.
    """
    count = max(1, min(MAX_FIFTHS, len(values) // MIN_SALES))
    limits = np.quantile(values, np.linspace(0, 1, count + 1))
    group = np.searchsorted(limits[1:-1], values, side="left")
    return [
        {
            "low": rounded(limits[index]),
            "high": rounded(limits[index + 1]),
            **_errors(results, group == index),
        }
        for index in range(count)
    ]


def by_price(results: TestResults, study: RatioStudy) -> list[dict[str, Any]] | None:
    """Return the figures of each price band of the ratio study; None where it has too few sales for bands."""
    if study.price_bands is None:
        return None
    _, band = price_band_of(results.sales.price, results.values.price, results.kept)
    return [
        {
            "low": round(entry.low, 2),
            "high": round(entry.high, 2),
            **_errors(results, band == index),
            "study": entry.figures.to_dict(),
        }
        for index, entry in enumerate(study.price_bands)
    ]


def by_month(results: TestResults) -> list[dict[str, Any]] | None:
    """Return the figures of each month of sale, in order; None in a market without dates."""
    if results.sales.date is None:
        return None
    return _by_label(results, results.sales.date.astype("datetime64[M]").astype(np.str_), "month")


def by_area(results: TestResults, coordinates: tuple[str, str] | None) -> list[dict[str, Any]] | None:
    """Return the figures of each area, ordered by name; None where no area is known.

    Each has the median latitude and longitude of its sales, None where these are unknown.

    Parameters
    ----------
    coordinates
        Names of latitude and longitude; None in a market without them.
    """
    area = results.area
    if area is None or not (area != "").any():
        return None
    entries = _by_label(results, area, "area")
    for entry in entries:
        inside = area == entry["area"]
        for key, name in zip(("latitude", "longitude"), coordinates or (), strict=False):
            degrees = results.sales.facts[name][inside]
            known = degrees[~np.isnan(degrees)]
            entry[key] = rounded(np.median(known), 5) if len(known) else None
    return entries


def area_levels(areas: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """Return how many areas have enough sales for a verdict, and how many are outside the acceptable level."""
    ratios = [area["study"]["median_ratio"] for area in areas or () if area["study"]["n"] >= MIN_SALES_FOR_VERDICT]
    low, high = ACCEPTABLE["median_ratio"]
    return {
        "judged": len(ratios),
        "outside": sum(not low <= ratio <= high for ratio in ratios),
        "lowest": min(ratios, default=None),
        "highest": max(ratios, default=None),
    }


def area_labels(features: Sequence[Feature], columns: Any) -> tuple[str, LabelArray] | None:
    """Return the name and the column of the fact that identifies the area of a home; None without labels.

    This is the postal code, or in a market without one the label with the most values, such as a neighbourhood.
    """
    labels: dict[str, LabelArray] = {
        feature.name: columns[feature.name] for feature in features if feature.is_label
    }
    codes = [feature.name for feature in features if feature.is_label and feature.fact_kind.is_location]
    name = next(iter(codes), max(labels, key=lambda label: len(np.unique(labels[label])), default=None))
    return None if name is None else (name, labels[name])


def _by_label(results: TestResults, label: LabelArray, key: str) -> list[dict[str, Any]]:
    """Return the figures of the sales of each label, in the order of the labels."""
    studies = figures_by_label(results.sales.price, results.values.price, results.kept, label)
    return [_entry(results, label == name, study, {key: name}) for name, study in studies.items()]


def _entry(results: TestResults, rows: BoolArray, study: RatioFigures, names: dict[str, Any]) -> dict[str, Any]:
    return {**names, **_errors(results, rows), "study": study.to_dict()}


def _errors(results: TestResults, rows: BoolArray) -> dict[str, Any]:
    """Return the errors of a group; each is None where the group has fewer than `MIN_SALES` sales."""
    n = int(rows.sum())
    if n < MIN_SALES:
        return {"n": n, **dict.fromkeys((*_ERRORS, *_OTHERS))}
    price, values = results.sales.price[rows], results.values.take(rows)
    figures = error_figures(price, values).to_dict()
    inside = int(np.sum((values.low <= price) & (price <= values.high)))
    has_ranges = figures["coverage"] is not None
    interval = 100 * np.array(share_interval(inside, n, CONFIDENCE)) if has_ranges else (math.nan, math.nan)
    others = (*interval, 100 * np.sqrt(np.mean(values.fsd**2)), 100 * np.std(values.price / price))
    return {
        "n": n,
        **{name: figures[name] for name in _ERRORS},
        **{name: rounded(value) for name, value in zip(_OTHERS, others, strict=True)},
    }


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a rounded figure; None where it is infinite or not a number, which JSON cannot represent."""
    return round(float(value), digits) if math.isfinite(value) else None
