import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from estimator.facts import BoolArray, FloatArray
from estimator.intervals import LEAST_SHARE, Checked, ConformalRange, check_confidence


def no_gaps(n: int) -> BoolArray:
    return np.zeros((n, 0), np.bool_)


def no_clues(n: int) -> FloatArray:
    return np.zeros((n, 0))


def checked(residual: object, gaps: object = None, clues: FloatArray | None = None) -> Checked:
    misses = np.asarray(residual, float)
    n = len(misses)
    missing = no_gaps(n) if gaps is None else np.asarray(gaps, np.bool_)
    return Checked(misses, missing, no_clues(n) if clues is None else clues)


def ends(
    ranges: ConformalRange, confidence: float, gaps: BoolArray | None = None, clues: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Both ends of the range of each subject, in log price from its value."""
    missing = no_gaps(1) if gaps is None else gaps
    miss = ranges.expected_miss(missing, no_clues(len(missing)) if clues is None else clues)
    down, up = ranges.reach(confidence)
    return down * miss, up * miss


def width(ranges: ConformalRange, confidence: float, gaps: BoolArray | None = None) -> FloatArray:
    low, high = ends(ranges, confidence, gaps)
    return high - low


def test_each_end_is_a_conformal_quantile_of_the_signed_misses() -> None:
    # m = 19, 90%: the ⌈.95·20⌉ = 19th from either end; 50%: the ⌈.75·20⌉ = 15th.
    residual = np.random.default_rng(0).permutation(np.arange(-6, 13) / 10)
    ranges = ConformalRange.fit([checked(residual)])
    for confidence, low, high in ((0.9, -0.6, 1.2), (0.5, -0.2, 0.8)):
        assert np.ravel(ends(ranges, confidence)) == pytest.approx([low, high])


def test_a_value_lies_inside_its_own_range_however_misses_lean() -> None:
    down, up = ConformalRange.fit([checked(np.linspace(0.1, 0.5, 40))]).reach(0.5)
    assert down == 0 < up


def test_too_few_sales_for_a_confidence_give_the_widest_miss_either_way() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.3])])
    assert np.ravel(ends(ranges, 0.99)) == pytest.approx([-0.3, 0.3])


def test_one_sale_without_a_miss_still_gives_ranges() -> None:
    ranges = ConformalRange.fit([checked([0.0], np.zeros((1, 2)))])
    assert np.isfinite(width(ranges, 0.9, np.ones((3, 2), np.bool_))).all()
    assert ranges.deviation > 0


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("m", [39, 50, 400])
def test_coverage_of_exchangeable_misses_is_within_the_guarantee(m: int, confidence: float) -> None:
    """P(covered) is in [c, c + 2/(m + 1)] for continuous scores (Lei et al. 2018, Theorem 2.2, at either end)."""
    rng = np.random.default_rng(m)
    covered = []
    for _ in range(3_000):
        residual = rng.standard_t(3, m + 1) * 0.1 + 0.05  # leaning, with tails as fat as valuation errors'
        low, high = ends(ConformalRange.fit([checked(residual[:-1])]), confidence)
        covered.append(low[0] <= residual[-1] <= high[0])
    noise = 3 * np.sqrt(confidence * (1 - confidence) / len(covered))
    assert confidence - noise < np.mean(covered) < confidence + 2 / (m + 1) + noise


def test_coverage_holds_at_every_state_of_knowledge() -> None:
    rng = np.random.default_rng(0)
    penalty = np.array([0.05, 0.2])

    def draw(n: int) -> tuple[FloatArray, BoolArray]:
        gaps = rng.random((n, 2)) < 0.5
        return (0.1 + gaps @ penalty) * rng.standard_normal(n), gaps

    ranges = ConformalRange.fit([checked(*draw(4_000))])
    residual, gaps = draw(40_000)
    low, high = ends(ranges, 0.9, gaps)
    covered = (low <= residual) & (residual <= high)
    for state in ([False, False], [True, False], [False, True], [True, True]):
        assert np.mean(covered[(gaps == state).all(axis=1)]) == pytest.approx(0.9, abs=0.03)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 0.99))
def test_with_the_same_clues_knowing_less_always_widens_a_range(
    seed: int, m: int, g: int, confidence: float
) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.random((m, g)) < 0.4
    # Even where, on the calibration sales, a gap made the misses smaller.
    residual = rng.normal(0, 0.2, m) * (1 - 0.8 * gaps.any(axis=1))
    ranges = ConformalRange.fit([checked(residual, gaps, rng.normal(size=(m, 2)))])
    subject, clues = rng.random((1, g)) < 0.5, rng.normal(size=(1, 2))
    for gap in range(g):
        known, unknown = subject.copy(), subject.copy()
        known[:, gap], unknown[:, gap] = False, True
        assert ranges.expected_miss(unknown, clues)[0] > ranges.expected_miss(known, clues)[0]


@given(st.integers(0, 1000), st.floats(0.01, 0.98), st.floats(0.001, 0.5))
def test_more_confidence_never_narrows_a_range(seed: int, confidence: float, more: float) -> None:
    ranges = ConformalRange.fit([checked(np.random.default_rng(seed).normal(0, 0.2, 30))])
    (down, up), (farther_down, farther_up) = ranges.reach(confidence), ranges.reach(min(confidence + more, 0.99))
    assert farther_down <= down <= 0 <= up <= farther_up


def test_the_penalty_of_a_gap_is_the_miss_it_adds() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.1, 0.4, -0.4], [[False], [False], [True], [True]])])
    assert ranges.base == pytest.approx(0.1)
    assert ranges.penalty == pytest.approx([0.3])
    np.testing.assert_allclose(np.abs(ranges.scores[0]), 1)


def test_a_lesser_gap_never_costs_more_than_the_greater_one() -> None:
    greater, lesser = [True, False], [False, True]
    ranges = ConformalRange.fit([checked([0.1, 0.2, 0.5], [[False, False], greater, lesser])], lesser=1)
    assert ranges.penalty == pytest.approx([0.1, 0.1])


def test_a_gap_that_calibration_did_not_show_costs_the_least_penalty() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.1], np.zeros((2, 1)))])
    assert ranges.penalty == pytest.approx([LEAST_SHARE * 0.1])


def test_a_home_fully_known_has_a_range_though_no_calibration_sale_was_one() -> None:
    # Least squares puts the whole miss on the two gaps: none of it is left for the base.
    ranges = ConformalRange.fit([checked([0.1, 0.1, -0.2], [[True, False], [False, True], [True, True]])])
    assert width(ranges, 0.9, np.zeros((1, 2), np.bool_))[0] > 1e-3


def test_clues_tell_how_wide_a_range_must_be() -> None:
    rng = np.random.default_rng(0)

    def draw(n: int) -> Checked:
        clues = rng.normal(size=(n, 2))
        return checked(0.1 * np.exp(0.5 * clues[:, 0]) * rng.standard_t(4, n), clues=5 + 3 * clues)

    ranges = ConformalRange.fit([draw(5_000)])
    assert ranges.slope == pytest.approx([0.5, 0], abs=0.05), "of standardised clues; the second tells nothing"
    later = draw(50_000)
    low, high = ends(ranges, 0.9, later.gaps, later.clues)
    covered = (low <= later.residual) & (later.residual <= high)
    for few, many in ((-9.0, 3.0), (3.0, 7.0), (7.0, 20.0)):
        assert np.mean(covered[(few <= later.clues[:, 0]) & (later.clues[:, 0] < many)]) == pytest.approx(
            0.9, abs=0.02
        )


def test_the_slopes_have_the_greatest_likelihood() -> None:
    rng = np.random.default_rng(1)
    clues, residual = rng.normal(size=(300, 3)), rng.laplace(size=300)
    ranges = ConformalRange.fit([checked(residual, clues=clues)])
    z = ((clues - clues.mean(axis=0)) / clues.std(axis=0)).clip(-3, 3)
    size = np.abs(residual) / ranges.base

    def unlikelihood(w: FloatArray) -> float:
        log_scale = w[0] + z @ w[1:]
        return float(np.sum(log_scale + size * np.exp(-log_scale)) + 2.5 * np.sum(w[1:] ** 2))

    assert ranges.slope == pytest.approx(minimize(unlikelihood, np.zeros(4)).x[1:], abs=1e-4)


def test_a_clue_no_farther_than_any_learned_from_says_no_more() -> None:
    rng = np.random.default_rng(2)
    clues = rng.normal(size=(500, 1))
    ranges = ConformalRange.fit([checked(np.exp(clues[:, 0]) * rng.laplace(size=500), clues=clues)])
    far, farther = ranges.expected_miss(no_gaps(2), np.array([[10.0], [1e9]]))
    assert far == farther


def test_a_clue_that_is_not_known_is_the_mean() -> None:
    rng = np.random.default_rng(2)
    clues = rng.normal(5, 1, size=(500, 2))
    clues[::3, 0], clues[:, 1] = np.nan, np.nan
    ranges = ConformalRange.fit([checked(rng.laplace(size=500), clues=clues)])
    usual = np.array([[np.nanmean(clues[:, 0]), 3.0]])
    assert ranges.expected_miss(no_gaps(1), np.full((1, 2), np.nan)) == ranges.expected_miss(no_gaps(1), usual)


def test_the_forecast_deviation_is_that_of_the_relative_error() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.random((5_000, 1)) < 0.5
    residual = (0.1 + 0.2 * gaps[:, 0]) * rng.standard_normal(5_000)
    ranges = ConformalRange.fit([checked(residual, gaps)])
    for gap in (False, True):
        claimed = ranges.deviation * ranges.expected_miss(np.array([[gap]]), no_clues(1))[0]
        realised = np.std(np.expm1(-residual[gaps[:, 0] == gap]))
        assert claimed == pytest.approx(realised, rel=0.1)


def test_a_range_comes_back_from_its_state() -> None:
    rng = np.random.default_rng(0)
    gaps, clues = rng.random((40, 3)) < 0.5, rng.normal(size=(40, 2))
    ranges = ConformalRange.fit([checked(rng.normal(size=40), gaps, clues)])
    again = ConformalRange.from_state(ranges.state())
    np.testing.assert_array_equal(again.expected_miss(gaps, clues), ranges.expected_miss(gaps, clues))
    assert again.reach(0.8) == ranges.reach(0.8)
    assert again.deviation == ranges.deviation


def test_the_well_known_do_not_owe_their_coverage_to_the_others() -> None:
    """Misses that no additive scale fits: each state of knowledge keeps its coverage all the same."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.standard_t(2, (2, 4_000)), rng.uniform(-1, 1, (2, 4_000))
    ranges = ConformalRange.fit([checked(0.1 * fat[0], known), checked(0.3 * thin[0], unknown)])
    for misses, gaps in ((0.1 * fat[1], known), (0.3 * thin[1], unknown)):
        low, high = ends(ranges, 0.9, gaps)
        assert np.mean((low <= misses) & (misses <= high)) >= 0.88


@pytest.mark.parametrize("confidence", [0.49, 0.995, float("nan")])
def test_a_confidence_out_of_bounds_is_named_with_its_bounds(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"^{confidence} is not from 0.5 to 0.99"):
        check_confidence(confidence)
