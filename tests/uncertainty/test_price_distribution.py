import numpy as np
import pytest

from estimator.uncertainty.conformal import CalibrationResiduals, ConformalRange
from estimator.uncertainty.price_distribution import NEAR_BOUNDARY_FACTOR, distribute_prices


def test_prices_spread_around_the_values_as_the_calibration_sales_did() -> None:
    n = 4000
    residual = np.random.default_rng(0).laplace(0.0, 0.1, n)
    one = np.ones((n, 3))
    ranges = ConformalRange.fit(
        [CalibrationResiduals(residual, np.zeros((n, 0), np.bool_), one, np.arange(n))], 1.4
    )
    error = ranges.expected_error(np.zeros((4, 0), np.bool_), np.array([[1.0], [1.0], [2.0], [1.0]]) * one[:4])
    near = {"Few homes like it": np.array([False, True, False, False])}
    prices = distribute_prices(ranges, np.log([4e5, 4e5, 4e5, 4e5]), error, near, [3])

    price, low, high = prices.price_low_high(0.8)
    np.testing.assert_allclose(price[:3], 4e5)
    np.testing.assert_allclose(np.log(low[0] / price[0]), np.quantile(residual, 0.1), atol=1e-3)
    np.testing.assert_allclose(np.log(high[0] / price[0]), np.quantile(residual, 0.9), atol=1e-3)
    np.testing.assert_allclose(np.log(high / price)[:3] / np.log(high[0] / price[0]), [1, NEAR_BOUNDARY_FACTOR, 2])
    np.testing.assert_allclose(prices.fsd[:3] / prices.fsd[0], [1, NEAR_BOUNDARY_FACTOR, 2])
    above = prices.probability_above(4.2e5)
    assert above[0] == pytest.approx(np.mean(4e5 * np.exp(residual) > 4.2e5), abs=1e-3)
    assert above[0] < above[1] < above[2]
    within = prices.probability_within(0.1)
    assert within[0] == pytest.approx(np.mean(np.abs(np.exp(-residual) - 1) <= 0.1), abs=1e-3)
    assert np.isnan([price[3], low[3], high[3], above[3]]).all(), "a home that is refused has no price"
