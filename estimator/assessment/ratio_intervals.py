"""Intervals of the measures of a ratio study: how far each can be off because only so many homes were sold.

All are 90% intervals by the delta method: a measure is nearly a mean of what each sale adds to it (its influence
function: Hampel 1974, The influence curve and its role in robust estimation). Nothing is drawn at random, so two
studies of the same sales have the same intervals. The level's own interval is `ratio_statistics.median_interval`.
"""

import math

import numpy as np
from scipy.special import stdtrit

from estimator.assessment.ratio_statistics import (
    CONFIDENCE,
    Z_90,
    cod,
    gini,
    median_interval,
    mki,
    prd,
    vei_groups,
)
from estimator.market.arrays import FloatArray

Interval = tuple[float, float]


def cod_interval(ratio: FloatArray) -> Interval:
    """Return the interval of the COD of n ≥ 5 ratios, in percent; its lower bound is at least 0.

    Notes
    -----
    With D = mean|r − m|, the COD is 100·D/m. D does not change with m to first order, because half of the ratios
    are on each side; so a sale adds (|r − m| − D)/m − D/m²·ψ, with ψ its influence on m.
    """
    middle = float(np.median(ratio))
    distance = np.abs(ratio - middle)
    mean = distance.mean()
    influence_on_median = np.sign(ratio - middle) * math.sqrt(len(ratio)) * median_error(ratio)
    influence = 100 * ((distance - mean) / middle - mean / middle**2 * influence_on_median)
    low, high = _around(cod(ratio), influence)
    return max(low, 0.0), high


def prd_interval(price: FloatArray, estimate: FloatArray) -> Interval:
    """Return the interval of the PRD of n ≥ 5 sales: a product of three means, whose relative changes add up."""
    value, ratio = prd(price, estimate), estimate / price
    return _around(value, value * (ratio / ratio.mean() + price / price.mean() - estimate / estimate.mean()))


def mki_interval(price: FloatArray, estimate: FloatArray) -> Interval:
    """Return the interval of the MKI of n ≥ 20 sales whose prices differ: of a ratio of two concentration indices.

    Notes
    -----
    What a sale adds to a concentration index: Kakwani, Wagstaff and van Doorslaer (1997), Socioeconomic
    inequalities in health, eq. 14.
    """
    order = np.argsort(price, kind="stable")
    value = mki(price, estimate)
    influence = _concentration(estimate[order]) - value * _concentration(price[order])
    return _around(value, influence / gini(price[order]))


def vei_interval(price: FloatArray, estimate: FloatArray) -> Interval | None:
    """Return the interval of the VEI of n ≥ 20 sales, in percent of m; None where there is no VEI.

    The medians of the lowest and the highest price band are of different sales, so their errors add up as squares.
    The error of m, which only scales the difference, is left out.
    """
    groups = vei_groups(price, estimate)
    if groups is None:
        return None
    middle = float(np.median(estimate / price))
    difference = float(np.median(groups[-1]) - np.median(groups[0]))
    half_width = Z_90 * math.hypot(median_error(groups[0]), median_error(groups[-1]))
    return 100 * (difference - half_width) / middle, 100 * (difference + half_width) / middle


def median_error(ratio: FloatArray) -> float:
    """Return the standard error of the median of n ≥ 5 ratios, from the width of its interval by ranks."""
    low, high = median_interval(ratio)
    return (high - low) / (2 * Z_90)


def _around(value: float, influence: FloatArray) -> Interval:
    """Return the interval of a measure from what each of n sales adds to it, shape (n,)."""
    n = len(influence)
    half_width = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2) * np.std(influence, ddof=1) / math.sqrt(n))
    return value - half_width, value + half_width


def _concentration(amount: FloatArray) -> FloatArray:
    """Return what each of n amounts, in their order, adds to their concentration index, shape (n,)."""
    n, mean = len(amount), amount.mean()
    rank = (np.arange(n) + 0.5) / n
    share = np.cumsum(amount) / amount.sum()
    influence: FloatArray = amount / mean * (2 * rank - 1 - gini(amount)) + 2 - share - (share - amount / n / mean)
    return influence
