"""Intervals, so that a few sales decide nothing by chance. Knows numbers, nothing of homes."""

import math

import numpy as np
from scipy.special import bdtr, betaincinv, stdtrit

from estimator.market.arrays import FloatArray

CONFIDENCE = 0.95
"""Confidence level of every interval for which no other one is asked."""

_TAIL = (1 - CONFIDENCE) / 2

Interval = tuple[float, float]


def median_interval(values: FloatArray) -> Interval:
    """Return an interval that contains the median of what n values were drawn from, for any distribution.

    Without a bound (−inf, inf) up to 5 values: even the smallest and the largest of them miss the median with a
    probability of 2/2⁵ = 6%.

    Notes
    -----
    The values of ranks k and n + 1 − k, with the largest k such that a binomial variable of n trials with
    probability ½ is below k in at most 2.5% of cases (Conover, Practical Nonparametric Statistics, section 3.2).
    """
    n, ordered = len(values), np.sort(values)
    rank = int(np.searchsorted(bdtr(np.arange(n // 2 + 1, dtype=np.float64), n, 0.5), _TAIL, side="right"))
    if rank == 0:
        return -math.inf, math.inf
    return float(ordered[rank - 1]), float(ordered[n - rank])


def share_interval(count: int, n: int, confidence: float = CONFIDENCE) -> Interval:
    """Return an interval that contains the probability of an event that occurred in `count` of n ≥ 1 cases.

    Notes
    -----
    Exact, from the binomial distribution: Clopper and Pearson (1934), The use of confidence or fiducial limits
    illustrated in the case of the binomial.
    """
    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, n - count + 1, tail))
    high = 1.0 if count == n else float(betaincinv(count + 1, n - count, 1 - tail))
    return low, high


def rmse_ratio_interval(error: FloatArray, other: FloatArray) -> Interval:
    """Return an interval of RMSE ÷ other RMSE, of two estimates of the same n sales, shape (n,) each.

    From 0 to infinity for fewer than two sales, and if the other estimate has no error.

    Notes
    -----
    The delta method for the logarithm of a ratio of two means, with Student's quantile of n − 1 degrees of
    freedom (Casella and Berger, Statistical Inference, section 5.5.4). As the sales are the same, their difficulty
    cancels.
    """
    n, square, other_square = len(error), error**2, other**2
    if n < 2 or not (square.any() and other_square.any()):
        return 0.0, math.inf
    mean, other_mean = square.mean(), other_square.mean()
    spread = np.std(square / mean - other_square / other_mean, ddof=1)
    half_width = float(stdtrit(n - 1, 1 - _TAIL) * spread / math.sqrt(n) / 2)
    ratio = math.sqrt(mean / other_mean)
    return ratio * math.exp(-half_width), ratio * math.exp(half_width)
