"""Deviations of groups, compared with dense normal distributions, and with known paths."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import multivariate_normal

from estimator.market.arrays import FloatArray
from estimator.model.price_index.deviations import _FIRST_VARIANCE, _filter, _smooth, fit_deviations
from estimator.model.price_index.index import MIN_GAIN

N = 24


def observed(seed: int = 0, n_groups: int = 3) -> tuple[FloatArray, FloatArray]:
    """Random walks of some groups with noise; one in eight months lacks sales."""
    rng = np.random.default_rng(seed)
    value = rng.normal(0, 0.02, (N, n_groups)).cumsum(axis=0) + rng.normal(0, 0.03, (N, n_groups))
    value[rng.random((N, n_groups)) < 1 / 8] = np.nan
    return value, rng.uniform(1e-4, 2e-3, (N, n_groups))


@pytest.mark.parametrize("step", [0.0, 0.001, 0.03])
def test_likelihood_and_paths_are_those_of_the_dense_normal_distribution(step: float) -> None:
    value, variance = observed()
    log_likelihood, level, uncertainty = _filter(value, variance, step)
    path = _smooth(level, uncertainty, step)
    month = np.arange(1, N + 1)
    walk = _FIRST_VARIANCE + np.minimum(month[:, None], month) * step**2
    expected = 0.0
    for group in range(value.shape[1]):
        seen = np.flatnonzero(~np.isnan(value[:, group]))
        total = walk[np.ix_(seen, seen)] + np.diag(variance[seen, group])
        expected += float(multivariate_normal.logpdf(value[seen, group], cov=total))
        expected += 0.5 * len(seen) * np.log(2 * np.pi)
        smoothed = walk[:, seen] @ np.linalg.solve(total, value[seen, group])
        np.testing.assert_allclose(path[:, group], smoothed, atol=1e-7)
    assert log_likelihood == pytest.approx(expected, abs=1e-6)


def test_groups_that_follow_the_market_have_flat_paths_at_their_level() -> None:
    """Three groups on constant levels, seen with noise: nothing is gained by letting them move."""
    level, noise = np.array([-0.3, 0.0, 0.4]), 0.02
    value = level + np.random.default_rng(0).normal(0, noise, (36, 3))
    fitted = fit_deviations(value, np.full((36, 3), noise**2))
    assert np.ptp(fitted.path, axis=0).max() < 0.01
    np.testing.assert_allclose(fitted.path.mean(axis=0), level, atol=3 * noise / 6)
    assert fitted.gain < MIN_GAIN


def test_groups_that_move_apart_are_followed() -> None:
    month = np.arange(36)[:, None]
    truth = np.hstack((0.01 * month, -0.01 * month))
    noise = 0.02
    value = truth + np.random.default_rng(0).normal(0, noise, truth.shape)
    fitted = fit_deviations(value, np.full(truth.shape, noise**2))
    assert np.abs(fitted.path - truth).max() < 2 * noise
    assert fitted.gain > 10 * MIN_GAIN


def test_a_group_with_few_sales_moves_less_than_one_with_many() -> None:
    month = np.arange(24)
    value = np.where(month >= 12, 0.1, 0.0)[:, None].repeat(2, axis=1)
    variance = np.tile([1e-5, 1e-1], (24, 1))
    many, few = np.ptp(fit_deviations(value, variance).path, axis=0)
    assert many == pytest.approx(0.1, abs=0.01)
    assert few < 0.5 * many


def test_a_group_without_any_sale_stays_at_zero() -> None:
    value, variance = observed()
    value[:, 1] = np.nan
    assert not fit_deviations(value, variance).path[:, 1].any()


@given(st.integers(0, 1000))
def test_a_path_stays_within_what_was_observed(seed: int) -> None:
    """Every level is a weighted mean of the group's months and of 0."""
    value, variance = observed(seed)
    path = fit_deviations(value, variance).path
    assert (path <= np.fmax(np.nanmax(value, axis=0), 0) + 1e-9).all()
    assert (path >= np.fmin(np.nanmin(value, axis=0), 0) - 1e-9).all()
