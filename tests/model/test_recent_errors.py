"""The correction by errors of recent sales, on simulated homes whose shared errors are known."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.kriging import KrigingInputs
from estimator.market.arrays import FloatArray
from estimator.model.recent_errors import MAX_SALES, MIN_SALES, RecentErrors, fit_recent_errors

RANGE_KM = 1.0


def homes_at(location: FloatArray, rng: np.random.Generator) -> KrigingInputs:
    """Return homes at some places, whose two facts, label and monotone fact are drawn at random."""
    n = len(location)
    facts = rng.normal(size=(n, 2)).astype(np.float32)
    other = (rng.random((n, 1)) < 0.5).astype(np.float32)
    return KrigingInputs(facts, other, rng.random((n, 1)).astype(np.float32), location)


def two_blocks(n: int, rng: np.random.Generator) -> KrigingInputs:
    """Return homes in two blocks, 20 km apart: the first half at (0, 0), the second at (20, 0)."""
    location = np.zeros((n, 2))
    location[n // 2 :, 0] = 20.0
    return homes_at(location, rng)


def fitted(n: int = 200, shared: float = 0.1, noise: float = 0.05) -> RecentErrors:
    """Return the correction where the first block sold for more than expected, and the second for less."""
    rng = np.random.default_rng(0)
    error = np.where(np.arange(n) < n // 2, shared, -shared) + rng.normal(0, noise, n)
    correction = fit_recent_errors(two_blocks(n, rng), error, RANGE_KM)
    assert correction is not None
    return correction


def test_what_a_block_sold_for_above_its_values_is_added_to_its_homes() -> None:
    rng = np.random.default_rng(1)
    assert fitted().estimate(two_blocks(2, rng)) == pytest.approx([0.1, -0.1], abs=0.02)


def test_far_from_all_recent_sales_nothing_is_corrected() -> None:
    far = homes_at(np.array([[500.0, 0.0]]), np.random.default_rng(1))
    unlike = replace(far, facts=far.facts + 100)
    assert abs(fitted().estimate(unlike)[0]) < 1e-3


@pytest.mark.parametrize("seed", range(5))
def test_errors_that_nothing_shares_correct_little(seed: int) -> None:
    rng = np.random.default_rng(seed)
    homes = homes_at(rng.uniform(0, 20, (300, 2)), rng)
    correction = fit_recent_errors(homes, rng.normal(0, 0.1, 300), RANGE_KM)
    if correction is not None:
        others = homes_at(rng.uniform(0, 20, (300, 2)), rng)
        assert np.sqrt(np.mean(correction.estimate(others) ** 2)) < 0.03


def test_the_estimate_is_the_mean_of_a_gaussian_process() -> None:
    """The same by the textbook's formula (Rasmussen and Williams 2006, eq. 2.23) with a kernel computed here."""
    rng = np.random.default_rng(2)
    sold, subjects = two_blocks(60, rng), two_blocks(10, rng)
    error = np.where(np.arange(60) < 30, 0.1, -0.1) + rng.normal(0, 0.01, 60)
    error -= error.mean()
    correction = fit_recent_errors(sold, error, RANGE_KM)
    assert correction is not None

    def kernel(a: KrigingInputs, b: KrigingInputs) -> FloatArray:
        x, y = (2.0 * np.hstack((homes.facts, homes.other)).astype(np.float64) for homes in (a, b))
        assert a.location is not None
        assert b.location is not None
        by_facts = np.exp(-np.linalg.norm(x[:, None] - y[None], axis=2) / 8.0)
        by_location = np.exp(-np.linalg.norm(a.location[:, None] - b.location[None], axis=2) / RANGE_KM)
        return np.asarray((1 + by_facts) * (1 + by_location) - 1)

    covariance = kernel(sold, sold)
    expected = kernel(subjects, sold) @ np.linalg.solve(covariance + np.eye(60), error)  # shared variance: 1
    assert correction.estimate(subjects) == pytest.approx(expected, abs=1e-4)


def test_one_wild_error_moves_its_neighbours_no_more_than_three_deviations_would() -> None:
    rng = np.random.default_rng(3)
    homes, error = two_blocks(200, rng), np.where(np.arange(200) < 100, 0.1, -0.1) + rng.normal(0, 0.02, 200)
    values = []
    for wild in (5.0, 1000.0):
        error[0] = wild
        correction = fit_recent_errors(homes, error, RANGE_KM)
        assert correction is not None
        values.append(correction.estimate(homes.take(slice(0, 1)))[0])
    assert values[0] == pytest.approx(values[1])
    assert values[0] < 0.3


def test_a_monotone_fact_changes_nothing() -> None:
    correction, homes = fitted(), two_blocks(20, np.random.default_rng(4))
    more = replace(homes, monotone=homes.monotone + 1)
    assert correction.estimate(homes).tobytes() == correction.estimate(more).tobytes()


def test_the_level_of_all_errors_is_left_to_the_price_index() -> None:
    rng = np.random.default_rng(5)
    homes, error = two_blocks(100, rng), np.where(np.arange(100) < 50, 0.1, -0.1) + rng.normal(0, 0.02, 100)
    for level in (0.0, 0.7):
        correction = fit_recent_errors(homes, error + level, RANGE_KM)
        assert correction is not None
        assert abs(correction.estimate(homes).mean()) < 0.01


def test_too_few_errors_or_equal_ones_say_nothing() -> None:
    rng = np.random.default_rng(6)
    few = two_blocks(MIN_SALES - 1, rng)
    assert fit_recent_errors(few, np.linspace(-1, 1, MIN_SALES - 1), RANGE_KM) is None
    assert fit_recent_errors(two_blocks(100, rng), np.full(100, 0.2), RANGE_KM) is None


def test_only_the_newest_errors_count() -> None:
    rng = np.random.default_rng(7)
    homes = two_blocks(MAX_SALES + 200, rng)
    error = np.where(homes.location[:, 0] == 0, 0.1, -0.1) + rng.normal(0, 0.02, len(homes))  # type: ignore[index]
    older_wrong = np.where(np.arange(len(homes)) < 200, -error, error)
    one, other = (fit_recent_errors(homes, errors, RANGE_KM) for errors in (error, older_wrong))
    assert one is not None
    assert other is not None
    assert pickle.dumps(one.state()) == pickle.dumps(other.state())


def test_a_market_without_coordinates_is_corrected_by_facts_alone() -> None:
    rng = np.random.default_rng(8)
    homes = replace(two_blocks(300, rng), location=None)
    error = np.where(homes.other[:, 0] > 0, 0.1, -0.1) + rng.normal(0, 0.03, 300)
    correction = fit_recent_errors(homes, error, RANGE_KM)
    assert correction is not None
    assert np.corrcoef(correction.estimate(homes), error)[0, 1] > 0.8


def test_a_restored_correction_is_the_same_bit_for_bit() -> None:
    correction, homes = fitted(), two_blocks(50, np.random.default_rng(9))
    restored = RecentErrors.from_state(pickle.loads(pickle.dumps(correction.state())))
    assert restored.estimate(homes).tobytes() == correction.estimate(homes).tobytes()
