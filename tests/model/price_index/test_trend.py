"""The trend, compared with a dense normal distribution of all months at once, and with known paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import multivariate_normal

from estimator.market.arrays import FloatArray
from estimator.model.price_index.trend import (
    GROWTH_MEAN,
    MIN_SEASONAL_MONTHS,
    _design,
    _filter,
    _forecast,
    _smooth,
    _System,
    _system,
    fit_trend,
)

N, AHEAD = 30, 6
PARAMETERS = np.array([np.log(0.02), np.log(0.005), np.log(0.01), 1.0])
SEASON = np.append(PARAMETERS, np.log(0.03))


def dense_states(system: _System, n: int) -> tuple[FloatArray, FloatArray]:
    """Return the mean (n, k) and the covariance (n, k, n, k) of the states of n months, before any observation."""
    k = len(system.transition)
    power = [np.linalg.matrix_power(system.transition, month) for month in range(n)]
    first = np.zeros(k)
    first[2] = GROWTH_MEAN
    covariance = np.empty((n, k, n, k))
    for a in range(n):
        for b in range(n):
            total = power[a] @ np.diag(system.first_variance) @ power[b].T
            for step in range(1, min(a, b) + 1):
                total = total + power[a - step] @ np.diag(system.step_variance) @ power[b - step].T
            covariance[a, :, b] = total
    return np.array([matrix @ first for matrix in power]), covariance


def dense_levels(system: _System, design: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean (n,) and the covariance (n, n) of the levels, without what is irregular about a month."""
    mean, covariance = dense_states(system, len(design))
    return np.einsum("nk,nk->n", design, mean), np.einsum("aj,ajbk,bk->ab", design, covariance, design)


def given_months(
    mean: FloatArray, covariance: FloatArray, value: FloatArray, noise: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the variance of all levels given the observed ones among the first months."""
    seen = np.flatnonzero(~np.isnan(value))
    gain = np.linalg.solve(covariance[np.ix_(seen, seen)] + np.diag(noise[seen]), covariance[seen]).T
    return mean + gain @ (value[seen] - mean[seen]), np.diag(covariance - gain @ covariance[seen])


@pytest.mark.parametrize("parameters", [PARAMETERS, SEASON], ids=["no season", "season"])
def test_likelihood_states_and_forecasts_are_those_of_the_dense_normal_distribution(
    parameters: FloatArray,
) -> None:
    rng = np.random.default_rng(0)
    value, variance = 0.2 + rng.normal(0, 0.05, N).cumsum(), rng.uniform(1e-5, 1e-3, N)
    value[[4, 5, 17]] = np.nan
    system = _system(parameters)
    design = _design(N + AHEAD, is_seasonal=len(parameters) == 5)
    filtered = _filter(value, variance, design, system)
    mean, covariance = dense_levels(system, design)
    noise = variance + system.irregular
    seen = np.flatnonzero(~np.isnan(value))
    expected = multivariate_normal.logpdf(
        value[seen], mean[seen], covariance[np.ix_(seen, seen)] + np.diag(noise[seen])
    )
    constant = -0.5 * len(seen) * np.log(2 * np.pi)
    assert filtered.log_likelihood + constant == pytest.approx(float(expected), abs=1e-6)

    levels, variances = given_months(mean, covariance, value, noise)
    states, covariances = _smooth(filtered, system)
    ahead, ahead_covariances = _forecast(filtered, system, AHEAD)
    states, covariances = np.concatenate((states, ahead)), np.concatenate((covariances, ahead_covariances))
    np.testing.assert_allclose(np.einsum("nk,nk->n", design, states), levels, atol=1e-6)
    np.testing.assert_allclose(np.einsum("nj,njk,nk->n", design, covariances, design), variances, atol=1e-7)
    for month in (1, 6, 18, N - 1):
        earlier = np.where(np.arange(N) < month, value, np.nan)
        of_earlier, its_variance = given_months(mean, covariance, earlier, noise)
        row = design[month]
        assert row @ filtered.predicted[month] == pytest.approx(of_earlier[month], abs=1e-6)
        predicted_variance = row @ filtered.predicted_covariance[month] @ row
        assert predicted_variance == pytest.approx(its_variance[month], abs=1e-6)


def wave(month: NDArray[np.int64]) -> FloatArray:
    """A yearly pattern: April is .04 above October."""
    pattern: FloatArray = 0.02 * np.cos(2 * np.pi * (month - 3) / 12)
    return pattern


def test_a_known_path_is_recovered_and_its_forecast_continues_it() -> None:
    month = np.arange(96 + 12)
    path = 0.3 + 0.003 * month + wave(month % 12)
    value = path[:96] + np.random.default_rng(0).normal(0, 0.003, 96)
    trend = fit_trend(value, np.full(96, 0.003**2), 12)
    np.testing.assert_allclose(trend.level[:96], path[:96], atol=0.008)
    np.testing.assert_allclose(trend.level[96:], path[96:], atol=0.02)
    outside = np.abs(trend.level - path) / np.sqrt(trend.variance)
    assert outside.max() < 3
    assert (np.diff(trend.variance[95:]) > 0).all(), "later months are less certain"


def test_the_yearly_pattern_is_that_of_the_calendar_month() -> None:
    """Seen from July on, the pattern is the same one, shifted."""
    month = np.arange(6, 6 + 48)
    trend = fit_trend(0.001 * month + wave(month % 12), np.full(48, 1e-6), 12)
    ahead = np.arange(54, 66)
    np.testing.assert_allclose(trend.level[48:] - 0.001 * ahead, wave(ahead % 12), atol=0.01)


@pytest.mark.parametrize("n", [12, MIN_SEASONAL_MONTHS - 1])
def test_no_yearly_pattern_is_forecast_from_less_than_two_years(n: int) -> None:
    """A slope that fades, and growth, never turn twice."""
    trend = fit_trend(wave(np.arange(n)), np.full(n, 1e-6), 24)
    curvature = np.diff(trend.level[n - 1 :], 2)
    assert (curvature >= -1e-12).all() or (curvature <= 1e-12).all()


def test_a_month_without_sales_lies_between_its_neighbours_and_is_less_certain() -> None:
    value, variance = np.linspace(0, 0.2, 20), np.full(20, 1e-4)
    value[10] = np.nan
    trend = fit_trend(value, variance, 1)
    assert trend.level[9] < trend.level[10] < trend.level[11]
    assert trend.variance[10] > max(trend.variance[9], trend.variance[11])


def test_what_is_irregular_about_a_month_counts_as_error_of_a_single_sale() -> None:
    """Months that are well known but alternate by .02 around a level: no sale follows the smooth level exactly."""
    value = np.asarray(0.02 * (-1.0) ** np.arange(36), np.float64)
    trend = fit_trend(value, np.full(36, 1e-8), 3)
    assert np.sqrt(trend.variance).min() > 0.01
    assert np.sqrt(trend.predicted_variance[12:]).min() > 0.015


def test_a_rise_of_the_last_months_fades_in_the_forecast() -> None:
    """By the same share each month; what remains is the lasting growth."""
    value = np.concatenate((np.zeros(14), 0.02 * np.arange(8)))
    steps = np.diff(fit_trend(value, np.full(22, 1e-7), 24).level[21:])
    fading = np.diff(steps)
    assert (fading < 0).all()
    ratio = fading[1:] / fading[:-1]
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-6)
    assert 0 < ratio[0] < 0.98
    assert steps[-1] < 0.3 * steps[0]


def test_one_month_alone_is_forecast_with_the_usual_growth() -> None:
    trend = fit_trend(np.array([0.5]), np.array([1e-6]), 12)
    np.testing.assert_allclose(np.diff(trend.level), GROWTH_MEAN, atol=1e-6)


@settings(max_examples=20)  # each fits two trends
@given(st.integers(0, 1000), st.floats(-2, 2))
def test_a_higher_level_of_all_months_only_raises_the_trend(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    value, variance = rng.normal(0, 0.02, 8).cumsum(), rng.uniform(1e-5, 1e-3, 8)
    low, high = (fit_trend(value + level, variance, 6) for level in (0.0, shift))
    np.testing.assert_allclose(high.level - low.level, shift, atol=2e-3)
