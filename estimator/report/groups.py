"""Error figures of the test sales by price, month and area. Knows sales and valuations, but no model."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.assessment.evaluation import error_figures
from estimator.assessment.ratio_statistics import MIN_SALES, median_interval
from estimator.assessment.ratio_study import ACCEPTABLE, MIN_SALES_FOR_VERDICT
from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.feature import Feature
from estimator.market.sales import Sales
from estimator.valuations import Valuations

MAX_FIFTHS = 5
"""Groups by price, FSD or probability: few enough that some hundred test sales give figures for each group."""

_FIGURES = ("mdape", "ppe10", "claimed_within_10", "median_ratio", "coverage", "fsd_ratio")


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
        {"low": rounded(limits[index]), "high": rounded(limits[index + 1]), **_figures(results, group == index)}
        for index in range(count)
    ]


def by_month(results: TestResults) -> list[dict[str, Any]] | None:
    """Return the figures of each month of sale, in order; None in a market without dates."""
    if results.sales.date is None:
        return None
    months = results.sales.date.astype("datetime64[M]")
    return [{"month": str(month), **_figures(results, months == month)} for month in np.unique(months)]


def by_area(results: TestResults) -> list[dict[str, Any]] | None:
    """Return the figures of each area, ordered by name; None where no area is known."""
    area = results.area
    if area is None or not (area != "").any():
        return None
    return [{"area": str(name), **_figures(results, area == name)} for name in np.unique(area) if name]


def area_levels(areas: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """Return how many areas have enough sales for a verdict, and how many are outside the acceptable level."""
    rated = [area for area in areas or () if area["n"] >= MIN_SALES_FOR_VERDICT]
    low, high = ACCEPTABLE["median_ratio"]
    ratios = [area["median_ratio"] for area in rated]
    return {
        "judged": len(rated),
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


def _figures(results: TestResults, rows: BoolArray) -> dict[str, Any]:
    """Return the figures of a group; each is None where the group has fewer than `MIN_SALES` sales."""
    n = int(rows.sum())
    names = (*_FIGURES, "median_ratio_low", "median_ratio_high", "claimed", "realised")
    if n < MIN_SALES:
        return {"n": n, **dict.fromkeys(names)}
    price, values = results.sales.price[rows], results.values.take(rows)
    ratio = values.price / price
    figures = error_figures(price, values).to_dict()
    additional = (*median_interval(ratio), 100 * np.sqrt(np.mean(values.fsd**2)), 100 * np.std(ratio))
    return {
        "n": n,
        **{name: figures[name] for name in _FIGURES},
        **{name: rounded(value) for name, value in zip(names[len(_FIGURES) :], additional, strict=True)},
    }


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a rounded figure; None where it is infinite or not a number, which JSON cannot represent."""
    return round(float(value), digits) if math.isfinite(value) else None
