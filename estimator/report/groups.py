"""Test sales by price, month and area: how far off values are in each group, and whether they say so.

Knows sales and their valuations; knows no model.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.appraiser import Valuations
from estimator.assessment.evaluation import error_figures
from estimator.assessment.ratio_study import ACCEPTABLE, ENOUGH_SALES, LEAST_SALES, median_interval
from estimator.market.facts import BoolArray, FloatArray, LabelArray
from estimator.market.market import Feature
from estimator.market.sales import Sales

FIFTHS = 5
"""Groups by price and by claimed deviation: few enough that some hundred test sales tell each group's figures."""

_TOLD = ("mdape", "ppe10", "median_ratio", "coverage", "fsd_ratio")


@dataclass(frozen=True)
class Tested:
    """n test sales that got a price, and the valuations of all their facts.

    Parameters
    ----------
    area
        Where each stands, '' where unknown; None in a market without labels. See `area_of`.
    """

    sales: Sales
    values: Valuations
    area: LabelArray | None


def by_fifth(tested: Tested, worth: FloatArray) -> list[dict[str, Any]]:
    """Return the figures of fifths of a number that is known before the price is; fewer with few sales.

    Parameters
    ----------
    worth
        Shape (n,). Not the price: of homes that sold for little, most are over-valued, whatever the model.
    """
    count = max(1, min(FIFTHS, len(worth) // LEAST_SALES))
    edges = np.quantile(worth, np.linspace(0, 1, count + 1))
    group = np.searchsorted(edges[1:-1], worth, side="left")
    return [
        {"low": rounded(edges[place]), "high": rounded(edges[place + 1]), **_figures(tested, group == place)}
        for place in range(count)
    ]


def by_month(tested: Tested) -> list[dict[str, Any]] | None:
    """Return the figures of each month of sale, in order; None in a market without dates."""
    if tested.sales.date is None:
        return None
    months = tested.sales.date.astype("datetime64[M]")
    return [{"month": str(month), **_figures(tested, months == month)} for month in np.unique(months)]


def by_area(tested: Tested) -> list[dict[str, Any]] | None:
    """Return the figures of each area, in order of its name; None where none is known."""
    area = tested.area
    if area is None or not (area != "").any():
        return None
    return [{"area": str(name), **_figures(tested, area == name)} for name in np.unique(area) if name]


def levels(areas: Sequence[dict[str, Any]] | None) -> dict[str, Any]:
    """Return how many areas have enough sales for a verdict, and how many lie outside the acceptable level."""
    judged = [area for area in areas or () if area["n"] >= ENOUGH_SALES]
    low, high = ACCEPTABLE["median_ratio"]
    ratios = [area["median_ratio"] for area in judged]
    return {
        "judged": len(judged),
        "outside": sum(not low <= ratio <= high for ratio in ratios),
        "lowest": min(ratios, default=None),
        "highest": max(ratios, default=None),
    }


def area_of(features: Sequence[Feature], columns: Any) -> tuple[str, LabelArray] | None:
    """Return the fact that says best where a home stands, and its column.

    The postal code; in a market without one, the label with most values, as neighbourhoods are.
    """
    found: dict[str, LabelArray] = {
        feature.name: columns[feature.name] for feature in features if feature.is_label
    }
    codes = [feature.name for feature in features if feature.kind == "postal_code"]
    name = next(iter(codes), max(found, key=lambda each: len(np.unique(found[each])), default=None))
    return None if name is None else (name, found[name])


def _figures(tested: Tested, rows: BoolArray) -> dict[str, Any]:
    """Return the figures of a group; None where its sales are too few to tell any."""
    n = int(rows.sum())
    names = (*_TOLD, "median_ratio_low", "median_ratio_high", "claimed", "realised")
    if n < LEAST_SALES:
        return {"n": n, **dict.fromkeys(names)}
    price, values = tested.sales.price[rows], tested.values.take(rows)
    ratio = values.price / price
    figures = error_figures(price, values).to_dict()
    own = (*median_interval(ratio), 100 * np.sqrt(np.mean(values.fsd**2)), 100 * np.std(ratio))
    return {
        "n": n,
        **{name: figures[name] for name in _TOLD},
        **{name: rounded(each) for name, each in zip(names[len(_TOLD) :], own, strict=True)},
    }


def rounded(value: Any, digits: int = 4) -> float | None:
    """Return a figure as it is written; None where it is infinite or not a number, which JSON cannot say."""
    return round(float(value), digits) if math.isfinite(value) else None
