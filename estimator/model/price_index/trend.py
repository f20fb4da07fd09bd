"""The market's trend: a state-space model of a monthly series, fitted by maximum likelihood.

The level moves by a lasting growth, a slope that fades away (a damped local linear trend; Harvey 1989,
Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2 and 4) and, where two years or more show
it, a yearly pattern. Works on arrays alone: no homes and no dates.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from estimator.market.arrays import FloatArray

MIN_SEASONAL_MONTHS = 24
"""Months of a series before a yearly pattern is fitted: two years show what one cannot, that it repeats."""
GROWTH_MEAN, GROWTH_DEVIATION = 0.0015, 0.001
"""Lasting growth expected before seeing any sale, log price per month (some 2% a year), and its standard
deviation. A few years of sales hardly show it, and a forecast of a year depends on it. See
benchmarks/DECISIONS.md, "Lasting growth in the price index"."""

_PRIORS = {
    "level": (np.log(0.006), 1.0),
    "slope": (np.log(0.002), 1.0),
    "irregular": (np.log(0.004), 1.0),
    "damping": (1.5, 0.7),
    "season": (np.log(0.01), 1.0),
}
"""Mean and standard deviation of each parameter before seeing any sale: logs of standard deviations (log price per
month), and log(φ/(1 − φ)) of the damping φ. They decide while months are few; after some years the likelihood
does. See benchmarks/DECISIONS.md, "Priors of the price index"."""
_SLOPE_DEVIATION = 0.01
"""Standard deviation of the slope in the first month."""
_LEVEL_VARIANCE = 10.0
"""Variance of the level in the first month: any level is possible."""
_N_TREND, _N_SEASON = 3, 4
"""States of the trend (level, slope, growth), and of the yearly pattern (two waves of sine and cosine)."""
_MAX_ITERATIONS = 60


@dataclass(frozen=True)
class Trend:
    """A fitted trend over n months and its forecast over h more.

    Parameters
    ----------
    level, variance
        Estimate from all months, and its variance, shape (n + h,); after the n-th month a forecast.
    predicted, predicted_variance
        What the months before each month say about it, shape (n,): the forecast of one month ahead.

    Notes
    -----
    Both variances include the irregular part of a month.
    """

    level: FloatArray
    variance: FloatArray
    predicted: FloatArray
    predicted_variance: FloatArray


class _System(NamedTuple):
    """Transition matrix (k, k), variances of the steps (k,) and of the first state (k,), irregular variance."""

    transition: FloatArray
    step_variance: FloatArray
    first_variance: FloatArray
    irregular: float


class _Filtered(NamedTuple):
    """States (n, k) and covariances (n, k, k), predicted and updated, and the log likelihood."""

    predicted: FloatArray
    predicted_covariance: FloatArray
    updated: FloatArray
    updated_covariance: FloatArray
    log_likelihood: float


def fit_trend(value: FloatArray, variance: FloatArray, n_forecast: int) -> Trend:
    """Fit the trend to n months.

    Parameters
    ----------
    value, variance
        Observed level of each month and its variance, shape (n,); a NaN value is a month without observations.
    n_forecast
        Months to forecast, h.
    """
    is_seasonal = len(value) >= MIN_SEASONAL_MONTHS
    names = [name for name in _PRIORS if is_seasonal or name != "season"]
    mean, deviation = np.array([_PRIORS[name] for name in names]).T
    design = _design(len(value) + n_forecast, is_seasonal=is_seasonal)

    def loss(parameters: FloatArray) -> float:
        filtered = _filter(value, variance, design, _system(parameters))
        return 0.5 * float((((parameters - mean) / deviation) ** 2).sum()) - filtered.log_likelihood

    parameters = minimize(loss, mean, method="L-BFGS-B", options={"maxiter": _MAX_ITERATIONS}).x
    system = _system(parameters)
    filtered = _filter(value, variance, design, system)
    states, covariances = _smooth(filtered, system)
    ahead, ahead_covariances = _forecast(filtered, system, n_forecast)
    states, covariances = np.concatenate((states, ahead)), np.concatenate((covariances, ahead_covariances))
    n = len(value)
    return Trend(
        level=np.einsum("nk,nk->n", design, states),
        variance=system.irregular + np.einsum("nj,njk,nk->n", design, covariances, design),
        predicted=np.einsum("nk,nk->n", design[:n], filtered.predicted),
        predicted_variance=system.irregular
        + np.einsum("nj,njk,nk->n", design[:n], filtered.predicted_covariance, design[:n]),
    )


def _system(parameters: FloatArray) -> _System:
    """Return the state-space form of 4 parameters, or of 5 with a yearly pattern; order as in `_PRIORS`."""
    damping = 1 / (1 + np.exp(-parameters[3]))
    n_season = _N_SEASON * (len(parameters) - 4)
    k = _N_TREND + n_season
    transition = np.eye(k)
    transition[0, :_N_TREND] = 1, damping, 1
    transition[1, 1] = damping
    step, first = np.zeros(k), np.zeros(k)
    step[:2] = np.exp(2 * parameters[:2])
    first[:_N_TREND] = _LEVEL_VARIANCE, _SLOPE_DEVIATION**2, GROWTH_DEVIATION**2
    first[_N_TREND:] = np.exp(2 * parameters[4:5]).repeat(n_season)
    return _System(transition, step, first, float(np.exp(2 * parameters[2])))


def _design(n: int, *, is_seasonal: bool) -> FloatArray:
    """Return how each state enters the observed level of n months, shape (n, k)."""
    trend = np.zeros((n, _N_TREND))
    trend[:, 0] = 1
    if not is_seasonal:
        return trend
    angle = 2 * np.pi * np.arange(n) / 12
    waves = (np.cos(angle), np.sin(angle), np.cos(2 * angle), np.sin(2 * angle))
    return np.column_stack((trend, *waves))


def _filter(value: FloatArray, variance: FloatArray, design: FloatArray, system: _System) -> _Filtered:
    """Run the Kalman filter over n months (Harvey 1989, section 3.2)."""
    n, k = len(value), len(system.transition)
    predicted, updated = np.empty((2, n, k))
    predicted_covariance, updated_covariance = np.empty((2, n, k, k))
    state, covariance = np.zeros(k), np.diag(system.first_variance)
    state[_N_TREND - 1] = GROWTH_MEAN
    log_likelihood = 0.0
    for month in range(n):
        if month:
            state = system.transition @ state
            covariance = system.transition @ covariance @ system.transition.T + np.diag(system.step_variance)
        predicted[month], predicted_covariance[month] = state, covariance
        if not np.isnan(value[month]):
            row = design[month]
            gain = covariance @ row
            total = float(row @ gain) + variance[month] + system.irregular
            error = float(value[month] - row @ state)
            state = state + gain * (error / total)
            covariance = covariance - np.outer(gain, gain) / total
            log_likelihood -= 0.5 * (np.log(total) + error**2 / total)
        updated[month], updated_covariance[month] = state, covariance
    return _Filtered(predicted, predicted_covariance, updated, updated_covariance, log_likelihood)


def _smooth(filtered: _Filtered, system: _System) -> tuple[FloatArray, FloatArray]:
    """Return states and covariances given all months (Rauch, Tung and Striebel 1965)."""
    states, covariances = filtered.updated.copy(), filtered.updated_covariance.copy()
    for month in range(len(states) - 2, -1, -1):
        ahead = filtered.predicted_covariance[month + 1]
        # The growth and the yearly pattern take no steps, so that the covariance may be singular.
        gain = filtered.updated_covariance[month] @ system.transition.T @ np.linalg.pinv(ahead, hermitian=True)
        states[month] += gain @ (states[month + 1] - filtered.predicted[month + 1])
        covariances[month] += gain @ (covariances[month + 1] - ahead) @ gain.T
    return states, covariances


def _forecast(filtered: _Filtered, system: _System, n: int) -> tuple[FloatArray, FloatArray]:
    """Return states and covariances of n months after the last one."""
    state, covariance = filtered.updated[-1], filtered.updated_covariance[-1]
    states, covariances = np.empty((n, len(state))), np.empty((n, len(state), len(state)))
    for month in range(n):
        state = system.transition @ state
        covariance = system.transition @ covariance @ system.transition.T + np.diag(system.step_variance)
        states[month], covariances[month] = state, covariance
    return states, covariances
