import numpy as np
import pytest
from scipy import stats

from estimator.market.arrays import DateArray
from estimator.model.drift import MarketDrift

START = np.datetime64("2020-01-01")


def days(*offsets: float) -> DateArray:
    return START + np.array(offsets, "timedelta64[D]")


def test_a_linear_trend_is_found_exactly() -> None:
    after = np.arange(0, 100)
    drift = MarketDrift.fit(START, days(*after), np.asarray(0.001 * after, np.float64))
    assert drift.per_day == pytest.approx(0.001)
    assert drift.end == days(99)[0]


def test_the_slope_is_shrunk_by_its_standard_error() -> None:
    rng = np.random.default_rng(0)
    after = np.arange(1, 41)
    residual = 0.0005 * after + rng.normal(0, 0.03, 40)
    # By hand: least squares through 0, whose standard error has n − 1 degrees of freedom.
    slope = (after * residual).sum() / (after**2).sum()
    error = np.sqrt(((residual - slope * after) ** 2).sum() / 39 / (after**2).sum())
    expected = slope * max(0, 1 - (error / slope) ** 2)
    assert MarketDrift.fit(START, days(*after), residual).per_day == pytest.approx(expected)


def test_noise_is_rarely_taken_for_a_trend() -> None:
    after = np.repeat(np.arange(1, 31), 10)
    slopes = [
        MarketDrift.fit(START, days(*after), np.random.default_rng(seed).normal(0, 0.2, 300)).per_day
        for seed in range(200)
    ]
    raw_error = 0.2 / np.sqrt((after**2).sum())
    assert np.mean(np.array(slopes) == 0) > stats.chi2(1).cdf(1) - 0.1  # |b| < s: 68% of the time
    assert np.sqrt(np.mean(np.square(slopes))) < raw_error


def test_one_sale_gives_no_trend() -> None:
    assert MarketDrift.fit(START, days(10), np.array([0.3])).at(days(10), 1).tolist() == [0.0]


def test_sales_up_to_the_last_training_date_give_no_trend() -> None:
    drift = MarketDrift.fit(START, days(0, -5, 0), np.array([0.3, 0.3, 0.3]))
    assert drift == MarketDrift()


def test_exact_estimates_give_no_trend() -> None:
    assert MarketDrift.fit(START, days(1, 2, 3), np.zeros(3)).per_day == 0.0


def test_the_trend_is_constant_outside_the_sales_it_was_measured_on() -> None:
    drift = MarketDrift(START, days(10)[0], 0.01)
    np.testing.assert_allclose(drift.at(days(-100, 0, 4, 10, 500), 5), [0, 0, 0.04, 0.1, 0.1])
    assert drift.at(None, 3).tolist() == [0, 0, 0]
    assert MarketDrift().at(days(1, 2), 2).tolist() == [0, 0]


@pytest.mark.parametrize("drift", [MarketDrift(), MarketDrift(START, days(10)[0], 1 / 3)])
def test_a_drift_is_restored_from_its_state(drift: MarketDrift) -> None:
    assert MarketDrift.from_state(drift.state()) == drift
