"""The measures of a ratio study: level, uniformity and vertical equity of values, from prices and estimates.

Formulas: IAAO, Standard on Ratio Studies; MKI and VEI: its exposure drafts (2025, May 2026). r = estimate/price is
a ratio, m the median of n ratios. This module knows prices and estimates, and nothing of homes.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from estimator.market.arrays import BoolArray, FloatArray

CONFIDENCE = 0.90
"""Confidence level of every interval: the drafts' level for the bounds of the VEI, used for all so that the
intervals of a study can be compared."""

MIN_SALES = 5
"""Below this no figure is given: the smallest and the largest of 4 ratios enclose the median with a probability of
1 − 2/2⁴ = 87.5%, so not even the level is known at 90%; those of 5 enclose it with 1 − 2/2⁵ = 93.75%."""

Z_90 = 1.645
"""Standard deviations on either side that contain `CONFIDENCE` of a normal distribution, as in the drafts."""

_OUTLIER_RANGES = 3.0
"""A ratio more than this many interquartile ranges beyond the quartiles is an outlier."""

_MIN_DOUBLINGS = 1e-9
"""Differences of log₂ worth below this are rounding errors."""


def outliers(ratio: FloatArray) -> BoolArray:
    """Return which of n ratios are outliers, shape (n,): over 3 interquartile ranges beyond the quartiles.

    Notes
    -----
    Quartiles by linear interpolation. If the quartiles are equal, nothing is an outlier: there is no spread to
    measure a distance by, and most of the ratios that differ would be removed.
    """
    lower, upper = np.quantile(ratio, (0.25, 0.75))
    margin = _OUTLIER_RANGES * (upper - lower)
    outside: BoolArray = (ratio < lower - margin) | (ratio > upper + margin)
    return outside if margin > 0 else np.zeros(len(ratio), np.bool_)


def median_interval(ratio: FloatArray) -> tuple[float, float]:
    """Return the 90% interval of the median of n ≥ 5 ratios, without assuming a distribution.

    Notes
    -----
    The ratios of ranks ⌈n/2 − 1.645·√n/2⌉ and ⌊1 + n/2 + 1.645·√n/2⌋, from 1 (the VEI's bounds in the drafts).
    They approximate the interval from the binomial distribution: it contains the median with a probability of 90%
    on average over n, of 82% to 97% with few sales, and above 86% from 30 sales on.
    """
    n, ordered = len(ratio), np.sort(ratio)
    half_width = Z_90 * math.sqrt(n) / 2
    low, high = math.ceil(n / 2 - half_width) - 1, math.floor(1 + n / 2 + half_width) - 1
    return float(ordered[low]), float(ordered[high])


def cod(ratio: FloatArray) -> float:
    """Return the coefficient of dispersion of n ratios, 100·mean|r − m|/m, in percent."""
    middle = np.median(ratio)
    return float(100 * np.mean(np.abs(ratio - middle)) / middle)


def prd(price: FloatArray, estimate: FloatArray) -> float:
    """Return the price-related differential of n sales, mean(r)/(Σestimate/Σprice), a ratio of ratios."""
    return float(np.mean(estimate / price) / (estimate.sum() / price.sum()))


def proxies(price: FloatArray, estimate: FloatArray, median_ratio: float) -> FloatArray:
    """Return proxies of the unknown worth of n homes, ½·price + ½·estimate/m, shape (n,), in the currency.

    Grouping by the sale price alone would make any values look regressive: a home that happened to sell high is
    grouped with expensive homes, and has a low ratio for that reason alone. Grouping by the value alone has the
    opposite effect.
    """
    worth: FloatArray = (price + estimate / median_ratio) / 2
    return worth


def prb(price: FloatArray, estimate: FloatArray) -> tuple[float, float, float] | None:
    """Return the coefficient of price-related bias of n ≥ 3 sales and its 90% interval.

    Returns
    -------
    tuple of float or None
        The slope b of the least-squares line of (r − m)/m on log₂ of the `proxies`, and the bounds of its
        interval: ratios change by the share b when worth doubles. None if all proxies are the same.

    Notes
    -----
    The interval is b ± t·s, with s the standard error of the slope and t Student's quantile of n − 2 degrees of
    freedom.
    """
    ratio = estimate / price
    middle = np.median(ratio)
    x, y = np.log2(proxies(price, estimate, float(middle))), (ratio - middle) / middle
    if np.ptp(x) < _MIN_DOUBLINGS:
        return None
    x, y = x - x.mean(), y - y.mean()
    sum_of_squares = x @ x
    slope = x @ y / sum_of_squares
    residual = y - slope * x
    degrees = len(price) - 2
    standard_error = np.sqrt(residual @ residual / degrees / sum_of_squares)
    half_width = stdtrit(degrees, (1 + CONFIDENCE) / 2) * standard_error
    return float(slope), float(slope - half_width), float(slope + half_width)


def gini(amount: FloatArray) -> float:
    """Return 2Σ(i·x)/(nΣx) − (n + 1)/n of n amounts in their given order, i from 1: 0 if all are the same.

    For ascending amounts this is the Gini coefficient, between 0 and 1.
    """
    n = len(amount)
    return float(2 * (np.arange(1, n + 1) @ amount) / (n * amount.sum()) - (n + 1) / n)


def mki(price: FloatArray, estimate: FloatArray) -> float:
    """Return the modified Kakwani index, Gini(estimates in order of price)/Gini(prices); prices must differ.

    The sort is stable, as in the drafts' example: sales at the same price keep their given order, which therefore
    has a small influence on the index.
    """
    order = np.argsort(price, kind="stable")
    return gini(estimate[order]) / gini(price[order])


def band_limits(worth: FloatArray) -> FloatArray:
    """Return the g − 1 limits between price bands, shape (g − 1,): the `proxies`' quantiles at k/g.

    g is 2 for 20 to 50 sales, 4 for 51 to 500 and 10 from 501. Quantiles by linear interpolation.
    """
    g = 2 if len(worth) <= 50 else 4 if len(worth) <= 500 else 10
    limits: FloatArray = np.quantile(worth, np.arange(1, g) / g)
    return limits


def band_index(worth: FloatArray, limits: FloatArray) -> NDArray[np.intp]:
    """Return the band of each of n sales, shape (n,), from 0; a sale on a limit belongs to the lower band."""
    return np.searchsorted(limits, worth, side="left")


def vei_groups(price: FloatArray, estimate: FloatArray) -> list[FloatArray] | None:
    """Return the ratios of each price band of n ≥ 20 sales, from the lowest band to the highest.

    None if a band has fewer than 5 sales because many homes have the same worth.
    """
    ratio = estimate / price
    worth = proxies(price, estimate, float(np.median(ratio)))
    limits = band_limits(worth)
    band = band_index(worth, limits)
    groups = [ratio[band == index] for index in range(len(limits) + 1)]
    return None if min(map(len, groups)) < MIN_SALES else groups


def vei(price: FloatArray, estimate: FloatArray) -> tuple[float, float] | None:
    """Return the vertical equity indicator of n ≥ 20 sales and its significance, both in percent of m.

    Returns
    -------
    tuple of float or None
        100·(median r of the highest price band − of the lowest)/m; and 100·(lower bound of the band with the
        highest median − upper bound of the one with the lowest)/m, bounds by `median_interval`. None if there are
        no `vei_groups`.
    """
    groups = vei_groups(price, estimate)
    if groups is None:
        return None
    middle = float(np.median(estimate / price))
    medians = [float(np.median(group)) for group in groups]
    lower, _ = median_interval(groups[int(np.argmax(medians))])
    _, upper = median_interval(groups[int(np.argmin(medians))])
    return 100 * (medians[-1] - medians[0]) / middle, 100 * (lower - upper) / middle
