"""Sales chasing: whether homes are valued at their own sale prices, which makes any ratio study look good.

The model that is published knows the test sales, the one that was evaluated does not. What changes between them on
the homes that were sold, and not on the others, comes from the sales themselves (IAAO, Standard on Ratio Studies,
appendix on sales chasing: changes of sold and of unsold parcels are compared).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from estimator.appraiser import Appraiser
from estimator.assessment.ratio_intervals import median_error
from estimator.assessment.ratio_statistics import CONFIDENCE, Z_90, outliers
from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.assessment.rounding import rounded_figures
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.sales import Parts, Sales

MAX_HOMES = 1500
"""Homes of each kind that are valued: the medians are then known to a fraction of a percent, in a few seconds."""


@dataclass(frozen=True)
class SalesChasing:
    """Changes of values between the evaluated model and the published one, as of one day.

    Parameters
    ----------
    sold, unsold
        Homes compared: of the test sales, and of the training and validation sales, which both models know.
    sold_change, unsold_change
        Median change of the value, in percent.
    difference, difference_low, difference_high
        Of the two, in percentage points, and its 90% interval.
    absorbed, absorbed_low, absorbed_high
        How far the home's own value moves towards its price once its sale is known, as a share of the difference,
        and the 90% interval. 0: no chasing; 1: homes are valued at their sale prices.
    """

    sold: int
    unsold: int
    sold_change: float
    unsold_change: float
    difference: float
    difference_low: float
    difference_high: float
    absorbed: float
    absorbed_low: float
    absorbed_high: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, rounded to four decimals."""
        return rounded_figures(self)


def sales_chasing(
    evaluated: Appraiser, published: Appraiser, parts: Parts, rng: np.random.Generator
) -> SalesChasing | None:
    """Compare the values of sold and unsold homes before and after the test sales are known.

    Parameters
    ----------
    evaluated
        Does not know the test sales.
    published
        Knows all sales.
    rng
        Samples the homes.

    Returns
    -------
    SalesChasing or None
        None with fewer than 30 homes of a kind that both models value.
    """
    test = _sample(parts.test, np.ones(len(parts.test), np.bool_), rng)
    others = parts.train.joined(parts.validation)
    unsold = _sample(others, ~np.isin(others.home, parts.test.home), rng)
    at_sale = evaluated.value(test.facts, test.date, earlier_sales_only=True).price
    (before, after), (others_before, others_after) = (
        [_values(appraiser, published, sales) for appraiser in (evaluated, published)] for sales in (test, unsold)
    )
    change, others_change = 100 * (after / before - 1), 100 * (others_after / others_before - 1)
    change_known, others_known = ~np.isnan(change + at_sale), ~np.isnan(others_change)
    if min(change_known.sum(), others_known.sum()) < MIN_SALES_FOR_VERDICT:
        return None
    surprise = np.log(test.price / at_sale)[change_known]
    change, others_change = change[change_known], others_change[others_known]
    middle, others_middle = float(np.median(change)), float(np.median(others_change))
    half_width = Z_90 * math.hypot(median_error(change), median_error(others_change))
    return SalesChasing(
        len(change),
        len(others_change),
        middle,
        others_middle,
        middle - others_middle,
        middle - others_middle - half_width,
        middle - others_middle + half_width,
        *slope(surprise, np.log1p(change / 100)),
    )


def slope(x: FloatArray, y: FloatArray) -> tuple[float, float, float]:
    """Return the slope of the least-squares line of n ≥ 3 points and its interval, without the outliers of x."""
    kept = ~outliers(x)
    x, y = x[kept] - x[kept].mean(), y[kept] - y[kept].mean()
    square = float(x @ x)
    if square == 0:
        return 0.0, 0.0, 0.0
    value = float(x @ y) / square
    degrees = len(x) - 2
    error = math.sqrt(float(np.sum((y - value * x) ** 2)) / degrees / square)
    half_width = float(stdtrit(degrees, (1 + CONFIDENCE) / 2)) * error
    return value, value - half_width, value + half_width


def _sample(sales: Sales, allowed: BoolArray, rng: np.random.Generator) -> Sales:
    rows = np.flatnonzero(allowed)
    return sales.take(np.sort(rng.choice(rows, min(len(rows), MAX_HOMES), replace=False)))


def _values(appraiser: Appraiser, published: Appraiser, sales: Sales) -> FloatArray:
    """Return values as of the newest day that the published appraiser knows, shape (n,)."""
    newest = None if published.sale_dates is None else np.full(len(sales), published.sale_dates[1])
    return appraiser.value(sales.facts, newest).price
