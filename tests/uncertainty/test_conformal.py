import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.arrays import BoolArray, FloatArray
from estimator.uncertainty.conformal import LEAST_PENALTY, Checked, ConformalRange, check_confidence
from estimator.uncertainty.error_scale import DEVIATION, DOWN, UP

TAIL = 1.4
"""Root mean square over mean size of relative errors, as in King County."""


def no_gaps(n: int) -> BoolArray:
    return np.zeros((n, 0), np.bool_)


def alike(n: int) -> FloatArray:
    return np.ones((n, 3))


def checked(residual: object, gaps: object = None, scales: FloatArray | None = None) -> Checked:
    misses = np.asarray(residual, float)
    n = len(misses)
    missing = no_gaps(n) if gaps is None else np.asarray(gaps, np.bool_)
    return Checked(misses, missing, alike(n) if scales is None else scales)


def ends(
    ranges: ConformalRange, confidence: float, gaps: BoolArray | None = None, scales: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Both ends of the range of each subject, in log price from its value."""
    missing = no_gaps(1) if gaps is None else gaps
    miss = ranges.expected_miss(missing, alike(len(missing)) if scales is None else scales)
    down, up = ranges.reach(confidence)
    return down * miss[:, DOWN], up * miss[:, UP]


def width(ranges: ConformalRange, confidence: float, gaps: BoolArray | None = None) -> FloatArray:
    low, high = ends(ranges, confidence, gaps)
    return high - low


def test_each_end_is_a_conformal_quantile_of_the_signed_misses() -> None:
    # m = 19, 90%: the ⌈.95·20⌉ = 19th from either end; 50%: the ⌈.75·20⌉ = 15th.
    residual = np.random.default_rng(0).permutation(np.arange(-6, 13) / 10)
    ranges = ConformalRange.fit([checked(residual)], TAIL)
    for confidence, low, high in ((0.9, -0.6, 1.2), (0.5, -0.2, 0.8)):
        assert np.ravel(ends(ranges, confidence)) == pytest.approx([low, high])


def test_a_value_lies_inside_its_own_range_however_misses_lean() -> None:
    down, up = ConformalRange.fit([checked(np.linspace(0.1, 0.5, 40))], TAIL).reach(0.5)
    assert down == 0 < up


def test_too_few_sales_for_a_confidence_give_the_widest_miss_either_way() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.3])], TAIL)
    assert np.ravel(ends(ranges, 0.99)) == pytest.approx([-0.3, 0.3])


def test_one_sale_without_a_miss_still_gives_ranges() -> None:
    ranges = ConformalRange.fit([checked([0.0], np.zeros((1, 2)))], TAIL)
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
        low, high = ends(ConformalRange.fit([checked(residual[:-1])], TAIL), confidence)
        covered.append(low[0] <= residual[-1] <= high[0])
    noise = 3 * np.sqrt(confidence * (1 - confidence) / len(covered))
    assert confidence - noise < np.mean(covered) < confidence + 2 / (m + 1) + noise


def test_coverage_holds_at_every_state_of_knowledge() -> None:
    rng = np.random.default_rng(0)
    penalty = np.array([0.05, 0.2])

    def draw(n: int) -> tuple[FloatArray, BoolArray]:
        gaps = rng.random((n, 2)) < 0.5
        return (0.1 + gaps @ penalty) * rng.standard_normal(n), gaps

    ranges = ConformalRange.fit([checked(*draw(4_000))], TAIL)
    residual, gaps = draw(40_000)
    low, high = ends(ranges, 0.9, gaps)
    covered = (low <= residual) & (residual <= high)
    for state in ([False, False], [True, False], [False, True], [True, True]):
        assert np.mean(covered[(gaps == state).all(axis=1)]) == pytest.approx(0.9, abs=0.03)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 0.99))
def test_with_the_same_scales_knowing_less_always_widens_a_range(
    seed: int, m: int, g: int, confidence: float
) -> None:
    rng = np.random.default_rng(seed)
    gaps = rng.random((m, g)) < 0.4
    # Even where, on the calibration sales, a gap made the misses smaller.
    residual = rng.normal(0, 0.2, m) * (1 - 0.8 * gaps.any(axis=1))
    some, scales = rng.random((2, m, g)) < 0.4, np.exp(rng.normal(size=(m + 1, 3)))
    states = [checked(residual, each, scales[:-1]) for each in (gaps & some[0], gaps, gaps | some[1])]
    ranges = ConformalRange.fit(states, TAIL)
    subject = rng.random((1, g)) < 0.5
    for gap in range(g):
        known, unknown = subject.copy(), subject.copy()
        known[:, gap], unknown[:, gap] = False, True
        assert (ranges.expected_miss(unknown, scales[-1:]) > ranges.expected_miss(known, scales[-1:])).all()


@given(st.integers(0, 1000), st.floats(0.01, 0.98), st.floats(0.001, 0.5))
def test_more_confidence_never_narrows_a_range(seed: int, confidence: float, more: float) -> None:
    ranges = ConformalRange.fit([checked(np.random.default_rng(seed).normal(0, 0.2, 30))], TAIL)
    (down, up), (farther_down, farther_up) = ranges.reach(confidence), ranges.reach(min(confidence + more, 0.99))
    assert farther_down <= down <= 0 <= up <= farther_up


def test_the_penalty_of_a_gap_is_the_miss_it_adds() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.1, 0.4, -0.4], [[False], [False], [True], [True]])], TAIL)
    assert ranges.base == pytest.approx(0.1)
    assert ranges.penalty == pytest.approx([0.3])
    np.testing.assert_allclose(np.abs(ranges.scores[0]), 1)


def test_a_lesser_gap_never_costs_more_than_the_greater_one() -> None:
    greater, lesser = [True, False], [False, True]
    ranges = ConformalRange.fit([checked([0.1, 0.2, 0.5], [[False, False], greater, lesser])], TAIL, lesser=1)
    assert ranges.penalty == pytest.approx([0.1, 0.1])


def test_a_gap_that_calibration_did_not_show_costs_the_least_penalty() -> None:
    ranges = ConformalRange.fit([checked([0.1, -0.1], np.zeros((2, 1)))], TAIL)
    assert ranges.penalty == pytest.approx([LEAST_PENALTY * 0.1])


def test_a_home_fully_known_has_a_range_though_no_calibration_sale_was_one() -> None:
    # Least squares puts the whole miss on the two gaps: none of it is left for the base.
    ranges = ConformalRange.fit([checked([0.1, 0.1, -0.2], [[True, False], [False, True], [True, True]])], TAIL)
    assert width(ranges, 0.9, np.zeros((1, 2), np.bool_))[0] > 1e-3


def test_scales_tell_how_wide_a_range_must_be_in_either_direction() -> None:
    rng = np.random.default_rng(0)

    def draw(n: int) -> Checked:
        scales = np.exp(rng.normal(size=(n, 3)))
        leaning = rng.standard_t(4, n)
        return checked(0.1 * np.where(leaning < 0, scales[:, DOWN], scales[:, UP]) * leaning, scales=scales)

    ranges = ConformalRange.fit([draw(5_000)], TAIL)
    later = draw(50_000)
    low, high = ends(ranges, 0.9, later.gaps, later.scales)
    below, above = later.residual < low, later.residual > high
    for missed, which in ((below, DOWN), (above, UP)):
        for few, many in ((0.0, 0.5), (0.5, 2.0), (2.0, 99.0)):
            some = (few <= later.scales[:, which]) & (later.scales[:, which] < many)
            assert np.mean(missed[some]) == pytest.approx(0.05, abs=0.012)


def test_one_direction_is_nothing_to_the_other() -> None:
    residual = np.random.default_rng(0).laplace(0, 0.1, 200)
    down, up = np.ones((200, 3)), np.ones((200, 3))
    down[:, DOWN], up[:, UP] = 3.0, 3.0
    plain, leaning = (ConformalRange.fit([checked(residual, scales=each)], TAIL) for each in (down, up))
    far = [np.ravel(ends(plain, 0.9, scales=down[:1])), np.ravel(ends(leaning, 0.9, scales=up[:1]))]
    np.testing.assert_allclose(far[0], far[1])


def test_the_most_and_the_least_known_have_ranges_as_wide_as_they_must() -> None:
    """Misses of little known homes, three times as large, have thinner tails."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.laplace(0, 0.1, (2, 4_000)), rng.uniform(-0.6, 0.6, (2, 4_000))
    ranges = ConformalRange.fit([checked(fat[0], known), checked(thin[0], unknown)], TAIL)
    for misses, gaps in ((fat[1], known), (thin[1], unknown)):
        low, high = ends(ranges, 0.9, gaps)
        assert np.mean((low <= misses) & (misses <= high)) == pytest.approx(0.9, abs=0.015)


def test_the_forecast_deviation_is_that_of_the_relative_error() -> None:
    rng = np.random.default_rng(0)
    gaps = rng.random((5_000, 1)) < 0.5
    scales = np.exp(rng.normal(size=(5_000, 3)) * 0.5)
    scales[:, DOWN] = scales[:, UP] = scales[:, DEVIATION]
    residual = (0.01 + 0.02 * gaps[:, 0]) * scales[:, DEVIATION] * rng.standard_normal(5_000)
    ranges = ConformalRange.fit([checked(residual, gaps, scales)], np.sqrt(np.pi / 2))
    claimed = ranges.deviation * ranges.expected_miss(gaps, scales)[:, DEVIATION]
    for some in (gaps[:, 0], ~gaps[:, 0], scales[:, UP] < 1, scales[:, UP] > 1):
        realised = np.std(np.expm1(-residual[some]))
        assert np.sqrt(np.mean(claimed[some] ** 2)) == pytest.approx(realised, rel=0.1)


def test_fatter_tails_learned_from_more_sales_make_a_greater_deviation() -> None:
    residual = np.random.default_rng(0).laplace(0, 0.1, 100)
    thin, fat = (ConformalRange.fit([checked(residual)], tail) for tail in (1.2, 1.5))
    assert fat.deviation / thin.deviation == pytest.approx(1.5 / 1.2)
    assert fat.reach(0.9) == thin.reach(0.9)


def test_a_range_comes_back_from_its_state() -> None:
    rng = np.random.default_rng(0)
    gaps, scales = rng.random((40, 3)) < 0.5, np.exp(rng.normal(size=(40, 3)))
    ranges = ConformalRange.fit([checked(rng.normal(size=40), gaps, scales)], TAIL)
    again = ConformalRange.from_state(ranges.state())
    np.testing.assert_array_equal(again.expected_miss(gaps, scales), ranges.expected_miss(gaps, scales))
    assert again.reach(0.8) == ranges.reach(0.8)
    assert again.deviation == ranges.deviation


def test_the_well_known_do_not_owe_their_coverage_to_the_others() -> None:
    """Misses that no additive scale fits: each state of knowledge keeps its coverage all the same."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.standard_t(2, (2, 4_000)), rng.uniform(-1, 1, (2, 4_000))
    ranges = ConformalRange.fit([checked(0.1 * fat[0], known), checked(0.3 * thin[0], unknown)], TAIL)
    for misses, gaps in ((0.1 * fat[1], known), (0.3 * thin[1], unknown)):
        low, high = ends(ranges, 0.9, gaps)
        assert np.mean((low <= misses) & (misses <= high)) >= 0.88


@pytest.mark.parametrize("confidence", [0.49, 0.995, float("nan")])
def test_a_confidence_out_of_bounds_is_named_with_its_bounds(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"^{confidence} is not from 0.5 to 0.99"):
        check_confidence(confidence)
