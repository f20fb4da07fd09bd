"""Accuracy by group of the population, from the share that each group has in every area.

A sale counts in a group by the group's share in its area, and in "the rest" by what remains: nobody knows who
lives in a sold home. Intervals come from drawing whole areas anew, since the sales of an area have one share (a
cluster bootstrap: Cameron, Gelbach and Miller 2008, Bootstrap-based improvements for inference with clustered
errors).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.assessment.ratio_statistics import CONFIDENCE
from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.assessment.rounding import DECIMALS
from estimator.market.arrays import BoolArray, FloatArray

N_RESAMPLES = 500
"""Drawings of all areas: the ends of a 90% interval then rest on 25 drawings each."""

MIN_AREAS = 10
"""Areas that a group and the rest must each have sales in for intervals: of fewer, drawing anew says little."""


@dataclass(frozen=True)
class GroupSales:
    """n test sales and their valuations, the refused ones too.

    Parameters
    ----------
    ratio
        Value ÷ price, shape (n,); NaN where refused.
    inside
        Whether the price is in its range, 1 or 0, shape (n,); NaN where refused or without ranges.
    fsd
        Forecast standard deviation, shape (n,); NaN where refused or without ranges.
    area
        Index of each sale's area, shape (n,).
    """

    ratio: FloatArray
    inside: FloatArray
    fsd: FloatArray
    area: NDArray[np.intp]

    def take(self, rows: BoolArray) -> "GroupSales":
        """Return some of the sales."""
        return GroupSales(self.ratio[rows], self.inside[rows], self.fsd[rows], self.area[rows])


Figure = Callable[[GroupSales, FloatArray], float]
"""Sales and their weights, shape (n,) → a figure; NaN where there is none."""


def weighted_median(values: FloatArray, weight: FloatArray) -> float:
    """Return the median of values that count by their weights, NaN left out: half of the weight is below it.

    NaN if nothing has weight. Between two values whose weights are equal it is their mean, as without weights.
    """
    known = ~np.isnan(values) & (weight > 0)
    if not known.any():
        return float("nan")
    order = np.argsort(values[known], kind="stable")
    ordered, total = values[known][order], np.cumsum(weight[known][order])
    half = total[-1] / 2
    low = int(np.searchsorted(total, half * (1 - 1e-12)))
    high = int(np.searchsorted(total, half * (1 + 1e-12)))
    return float((ordered[low] + ordered[min(high, len(ordered) - 1)]) / 2)


def _share(flags: FloatArray, weight: FloatArray) -> float:
    """Return the weighted share of known flags that are 1, in percent."""
    known = ~np.isnan(flags)
    total = weight[known].sum()
    return float(100 * (flags[known] @ weight[known]) / total) if total > 0 else float("nan")


def _fsd_ratio(sales: GroupSales, weight: FloatArray) -> float:
    known = ~np.isnan(sales.fsd) & (weight > 0)
    if not known.any():
        return float("nan")
    error, fsd, share = sales.ratio[known] - 1, sales.fsd[known], weight[known] / weight[known].sum()
    realised = share @ (error - share @ error) ** 2
    return float(np.sqrt(realised / (share @ fsd**2)))


FIGURES: Mapping[str, Figure] = {
    "median_ratio": lambda sales, weight: weighted_median(sales.ratio, weight),
    "mdape": lambda sales, weight: weighted_median(100 * np.abs(sales.ratio - 1), weight),
    "coverage": lambda sales, weight: _share(sales.inside, weight),
    "fsd_ratio": _fsd_ratio,
    "refused": lambda sales, weight: _share(np.isnan(sales.ratio).astype(np.float64), weight),
}
"""Figure → how it is computed: level, median error, prices inside ranges, realised error ÷ FSD, homes refused."""


def group_figures(sales: GroupSales, share: FloatArray, rng: np.random.Generator) -> dict[str, Any]:
    """Return the figures of a group beside those of the rest, as plain values.

    Parameters
    ----------
    share
        Share of the group in the area of each of n sales, 0 to 1, shape (n,); NaN where unknown.
    rng
        Draws the areas.

    Returns
    -------
    dict
        `sales`: with a known share. `areas`: with a share above 0. `weight`: how many sales the shares add up to.
        `figures`: name → `value` with `low` and `high`, `rest`, and the `difference` of the two with its bounds;
        `differs`, whether these exclude 0. Intervals are None if group or rest are in fewer than `MIN_AREAS` areas
        or have fewer than 30 sales.
    """
    known = ~np.isnan(share)
    sales, share = sales.take(known), share[known]
    group, rest = share, 1 - share
    enough = all(
        len(np.unique(sales.area[weight > 0])) >= MIN_AREAS and weight.sum() >= MIN_SALES_FOR_VERDICT
        for weight in (group, rest)
    )
    drawn = _draw(sales, share, rng) if enough else None
    figures = {}
    for index, (name, figure) in enumerate(FIGURES.items()):
        value, other = figure(sales, group), figure(sales, rest)
        low, high = (None, None) if drawn is None else _bounds(drawn[:, index, 0])
        below, above = (None, None) if drawn is None else _bounds(drawn[:, index, 0] - drawn[:, index, 1])
        figures[name] = {
            "value": _known(value),
            "low": low,
            "high": high,
            "rest": _known(other),
            "difference": _known(value - other),
            "difference_low": below,
            "difference_high": above,
            "differs": None if below is None or above is None else below > 0 or above < 0,
        }
    return {
        "sales": len(share),
        "areas": len(np.unique(sales.area[group > 0])),
        "weight": round(float(share.sum()), 1),
        "figures": figures,
    }


def _draw(sales: GroupSales, share: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Return the figures of group and rest for areas drawn anew, shape (resamples, figures, 2)."""
    areas, area = np.unique(sales.area, return_inverse=True)
    drawn = np.empty((N_RESAMPLES, len(FIGURES), 2))
    for index in range(N_RESAMPLES):
        count = np.bincount(rng.integers(len(areas), size=len(areas)), minlength=len(areas))[area]
        for side, weight in enumerate((count * share, count * (1 - share))):
            drawn[index, :, side] = [figure(sales, weight) for figure in FIGURES.values()]
    return drawn


def _bounds(drawn: FloatArray) -> tuple[float | None, float | None]:
    """Return the interval that holds the middle of what was drawn."""
    known = drawn[~np.isnan(drawn)]
    if len(known) < N_RESAMPLES / 2:
        return None, None
    low, high = np.quantile(known, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return _known(float(low)), _known(float(high))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, DECIMALS)
