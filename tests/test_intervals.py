import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.facts import BoolArray
from estimator.intervals import LEAST_SHARE, ConformalRange


def no_gaps(n: int) -> BoolArray:
    return np.zeros((n, 0), np.bool_)


def test_the_half_width_is_the_conformal_quantile_of_the_misses() -> None:
    # m = 9, 90%: the ⌈0.9·10⌉ = 9th smallest |residual|; 50%: the 5th; 11%: the 2nd.
    residual = np.array([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8, 0.9])
    ranges = ConformalRange.fit([(residual, no_gaps(9))])
    for confidence, expected in ((0.9, 0.9), (0.5, 0.5), (0.11, 0.2), (0.1, 0.1)):
        assert ranges.half_width(no_gaps(1), confidence) == pytest.approx(expected)


def test_too_few_sales_for_a_confidence_give_the_widest_miss() -> None:
    assert ConformalRange.fit([(np.array([0.1, -0.3]), no_gaps(2))]).half_width(no_gaps(1), 0.99) == pytest.approx(
        0.3
    )


def test_one_sale_without_a_miss_still_gives_ranges() -> None:
    width = ConformalRange.fit([(np.zeros(1), np.zeros((1, 2), np.bool_))]).half_width(
        np.ones((3, 2), np.bool_), 0.9
    )
    assert np.isfinite(width).all()


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("m", [19, 50, 400])
def test_coverage_of_exchangeable_misses_is_within_the_guarantee(m: int, confidence: float) -> None:
    """P(covered) lies in [c, c + 1/(m + 1)] for continuous scores (Lei et al. 2018, Theorem 2.2)."""
    rng = np.random.default_rng(m)
    covered = []
    for _ in range(3_000):
        residual = rng.standard_t(3, m + 1) * 0.1  # tails as fat as valuation errors'
        width = ConformalRange.fit([(residual[:-1], no_gaps(m))]).half_width(no_gaps(1), confidence)
        covered.append(abs(residual[-1]) <= width[0])
    noise = 3 * np.sqrt(confidence * (1 - confidence) / len(covered))
    assert confidence - noise < np.mean(covered) < confidence + 1 / (m + 1) + noise


def test_coverage_holds_at_every_state_of_knowledge() -> None:
    rng = np.random.default_rng(0)
    penalty = np.array([0.05, 0.2])

    def draw(n: int) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], BoolArray]:
        gaps = rng.random((n, 2)) < 0.5
        return (0.1 + gaps @ penalty) * rng.standard_normal(n), gaps

    ranges = ConformalRange.fit([draw(4_000)])
    residual, gaps = draw(40_000)
    covered = np.abs(residual) <= ranges.half_width(gaps, 0.9)
    for state in ([False, False], [True, False], [False, True], [True, True]):
        assert np.mean(covered[(gaps == state).all(axis=1)]) == pytest.approx(0.9, abs=0.03)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 0.99))
def test_knowing_less_always_widens_a_range(seed: int, m: int, g: int, confidence: float) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.random((m, g)) < 0.4
    # Even where, on the calibration sales, a gap made the misses smaller.
    residual = rng.normal(0, 0.2, m) * (1 - 0.8 * gaps.any(axis=1))
    ranges = ConformalRange.fit([(residual, gaps)])
    subject = rng.random((1, g)) < 0.5
    for gap in range(g):
        known, unknown = subject.copy(), subject.copy()
        known[:, gap], unknown[:, gap] = False, True
        assert ranges.half_width(unknown, confidence)[0] > ranges.half_width(known, confidence)[0]


@given(st.integers(0, 1000), st.floats(0.01, 0.98), st.floats(0.001, 0.5))
def test_more_confidence_never_narrows_a_range(seed: int, confidence: float, more: float) -> None:
    residual = np.random.default_rng(seed).normal(0, 0.2, 30)
    ranges = ConformalRange.fit([(residual, no_gaps(30))])
    wider = ranges.half_width(no_gaps(1), min(confidence + more, 0.99))[0]
    assert wider >= ranges.half_width(no_gaps(1), confidence)[0]


def test_the_penalty_of_a_gap_is_the_miss_it_adds() -> None:
    gaps = np.array([[False], [False], [True], [True]])
    ranges = ConformalRange.fit([(np.array([0.1, -0.1, 0.4, -0.4]), gaps)])
    assert ranges.base == pytest.approx(0.1)
    assert ranges.penalty == pytest.approx([0.3])
    np.testing.assert_allclose(ranges.scores[0], 1)


def test_a_lesser_gap_never_costs_more_than_the_greater_one() -> None:
    greater, lesser = [True, False], [False, True]
    gaps = np.array([[False, False], greater, lesser])
    ranges = ConformalRange.fit([(np.array([0.1, 0.2, 0.5]), gaps)], lesser=1)
    assert ranges.penalty == pytest.approx([0.1, 0.1])


def test_a_gap_that_calibration_did_not_show_costs_the_least_penalty() -> None:
    ranges = ConformalRange.fit([(np.array([0.1, -0.1]), np.zeros((2, 1), np.bool_))])
    assert ranges.penalty == pytest.approx([LEAST_SHARE * 0.1])


def test_a_home_fully_known_has_a_range_though_no_calibration_sale_was_one() -> None:
    # Least squares puts the whole miss on the two gaps: none of it is left for the base.
    gaps = np.array([[True, False], [False, True], [True, True]])
    ranges = ConformalRange.fit([(np.array([0.1, 0.1, 0.2]), gaps)])
    assert ranges.half_width(np.zeros((1, 2), np.bool_), 0.9)[0] > 1e-3


def test_a_range_comes_back_from_its_state() -> None:
    gaps = np.random.default_rng(0).random((40, 3)) < 0.5
    ranges = ConformalRange.fit([(np.random.default_rng(1).normal(size=40), gaps)])
    again = ConformalRange.from_state(ranges.state())
    np.testing.assert_array_equal(again.half_width(gaps, 0.9), ranges.half_width(gaps, 0.9))


def test_the_well_known_do_not_owe_their_coverage_to_the_others() -> None:
    """Misses that no additive scale fits: each state of knowledge keeps its coverage all the same."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.standard_t(2, (2, 4_000)), rng.uniform(-1, 1, (2, 4_000))
    ranges = ConformalRange.fit([(0.1 * fat[0], known), (0.3 * thin[0], unknown)])
    assert np.mean(np.abs(0.1 * fat[1]) <= ranges.half_width(known, 0.9)) >= 0.885
    assert np.mean(np.abs(0.3 * thin[1]) <= ranges.half_width(unknown, 0.9)) >= 0.885
