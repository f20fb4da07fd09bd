"""Intervals against exact binomial probabilities, another library's functions, and simulated samples."""

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from estimator.assessment.intervals import median_interval, rmse_ratio_interval, share_interval


@pytest.mark.parametrize("n", [6, 7, 8, 9, 10, 15, 20, 21, 50, 100, 1001])
def test_the_interval_of_the_median_is_the_shortest_of_order_statistics_with_its_confidence(n: int) -> None:
    low, high = median_interval(np.random.default_rng(n).permutation(np.arange(1.0, n + 1)))
    assert low + high == n + 1
    below = binom(n, 0.5)
    assert 1 - 2 * below.cdf(low - 1) >= 0.95
    assert 1 - 2 * below.cdf(low) < 0.95


@pytest.mark.parametrize("n", [1, 2, 5])
def test_five_values_do_not_bound_the_median(n: int) -> None:
    assert median_interval(np.ones(n)) == (-math.inf, math.inf)
    assert median_interval(np.arange(6.0)) == (0, 5)


@pytest.mark.parametrize(("count", "n"), [(0, 1), (1, 1), (0, 20), (20, 20), (17, 20), (900, 1000), (3, 4000)])
def test_the_interval_of_a_share_is_clopper_and_pearsons(count: int, n: int) -> None:
    expected = binomtest(count, n).proportion_ci(0.95, method="exact")
    assert share_interval(count, n) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_an_error_ratio_contains_it_as_often_as_it_says() -> None:
    """Errors that share the sale's difficulty, one of them a quarter larger."""
    rng, inside = np.random.default_rng(0), 0
    for _ in range(500):
        shared = rng.normal(size=200)
        error, other = 1.25 * (shared + 0.5 * rng.normal(size=200)), shared + 0.5 * rng.normal(size=200)
        low, high = rmse_ratio_interval(error, other)
        inside += low <= 1.25 <= high
    assert inside / 500 == pytest.approx(0.95, abs=0.025)


def test_equal_errors_have_a_ratio_of_one() -> None:
    error = np.array([0.1, -0.2, 0.05])
    assert rmse_ratio_interval(error, -error) == (1, 1)


@pytest.mark.parametrize(("error", "other"), [([0.1], [0.2]), ([0.1, 0.2], [0.0, 0.0]), ([0.0, 0.0], [0.1, 0.2])])
def test_without_two_errors_there_is_no_bound(error: list[float], other: list[float]) -> None:
    assert rmse_ratio_interval(np.array(error), np.array(other)) == (0, math.inf)
