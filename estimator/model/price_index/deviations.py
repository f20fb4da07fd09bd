"""How the prices of groups of homes have moved relative to the market's: a random walk per group.

All groups share the size of their monthly steps, which is fitted to all of them together. Where the data show no
steps it is small and every path is flat: the groups then follow the market. Works on arrays alone.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from estimator.market.arrays import FloatArray

_STEP_PRIOR = (np.log(0.002), 1.0)
"""Mean and standard deviation of the log of the monthly step before seeing any sale.
See benchmarks/DECISIONS.md, "Priors of the price index"."""
_STEP_BOUNDS = (np.log(1e-5), np.log(0.1))
_FIRST_VARIANCE = 1.0
"""Variance of a path in the first month: any level is possible."""


class Deviations(NamedTuple):
    """Smoothed paths of g groups over n months.

    Parameters
    ----------
    path
        Shape (n, g).
    gain
        How much larger the log likelihood is than without steps, after the prior.
    """

    path: FloatArray
    gain: float


def fit_deviations(value: FloatArray, variance: FloatArray) -> Deviations:
    """Fit random walks to g groups over n months.

    Parameters
    ----------
    value, variance
        Mean residual of each group's sales in each month and its variance, shape (n, g); a NaN value is a month
        without sales.
    """

    def loss(log_step: float) -> float:
        penalty = 0.5 * ((log_step - _STEP_PRIOR[0]) / _STEP_PRIOR[1]) ** 2
        return float(penalty) - _filter(value, variance, np.exp(log_step))[0]

    best = minimize_scalar(loss, bounds=_STEP_BOUNDS, method="bounded")
    step = float(np.exp(best.x))
    gain = -float(best.fun) - _filter(value, variance, 0.0)[0]
    _, level, uncertainty = _filter(value, variance, step)
    return Deviations(_smooth(level, uncertainty, step), gain)


def _filter(value: FloatArray, variance: FloatArray, step: float) -> tuple[float, FloatArray, FloatArray]:
    """Return the log likelihood, and levels and variances given the months so far, shape (n, g) each."""
    level, uncertainty = np.zeros(value.shape[1]), np.full(value.shape[1], _FIRST_VARIANCE)
    levels, uncertainties = np.empty_like(value), np.empty_like(value)
    observed = ~np.isnan(value)
    log_likelihood = 0.0
    for month in range(len(value)):
        uncertainty = uncertainty + step**2
        total = uncertainty + variance[month]
        error = np.where(observed[month], value[month] - level, 0.0)
        share = np.where(observed[month], uncertainty / total, 0.0)
        log_likelihood -= 0.5 * float((np.log(total) + error**2 / total)[observed[month]].sum())
        level, uncertainty = level + share * error, uncertainty * (1 - share)
        levels[month], uncertainties[month] = level, uncertainty
    return log_likelihood, levels, uncertainties


def _smooth(level: FloatArray, uncertainty: FloatArray, step: float) -> FloatArray:
    """Return the levels given all months (Rauch, Tung and Striebel 1965)."""
    smoothed = level.copy()
    for month in range(len(level) - 2, -1, -1):
        share = uncertainty[month] / (uncertainty[month] + step**2)
        smoothed[month] += share * (smoothed[month + 1] - level[month])
    return smoothed
