from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.arrays import BoolArray, FloatArray
from estimator.uncertainty.conformal import (
    MIN_CALIBRATION_SALES,
    MIN_PENALTY,
    CalibrationResiduals,
    ConformalRange,
    check_confidence,
)
from estimator.uncertainty.error_scale import DOWNWARD, FSD, UPWARD

TAIL = 1.4
"""Root mean square over mean size of relative errors, as in King County."""


def nothing_missing(n: int) -> BoolArray:
    return np.zeros((n, 0), np.bool_)


def equal_scales(n: int) -> FloatArray:
    return np.ones((n, 3))


def residuals(residual: object, missing: object = None, scales: FloatArray | None = None) -> CalibrationResiduals:
    values = np.asarray(residual, float)
    n = len(values)
    flags = nothing_missing(n) if missing is None else np.asarray(missing, np.bool_)
    return CalibrationResiduals(values, flags, equal_scales(n) if scales is None else scales, np.arange(n))


def ends(
    ranges: ConformalRange, confidence: float, missing: BoolArray | None = None, scales: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Both ends of the range of each subject, in log price from its value."""
    flags = nothing_missing(1) if missing is None else missing
    error = ranges.expected_error(flags, equal_scales(len(flags)) if scales is None else scales)
    lower, upper = ranges.quantiles(confidence)
    return lower * error[:, DOWNWARD], upper * error[:, UPWARD]


def width(ranges: ConformalRange, confidence: float, missing: BoolArray | None = None) -> FloatArray:
    low, high = ends(ranges, confidence, missing)
    return high - low


def test_each_end_is_a_conformal_quantile_of_the_signed_residuals() -> None:
    # m = 19, 90%: the ⌈.95·20⌉ = 19th from either end; 50%: the ⌈.75·20⌉ = 15th.
    residual = np.random.default_rng(0).permutation(np.arange(-6, 13) / 10)
    ranges = ConformalRange.fit([residuals(residual)], TAIL)
    for confidence, low, high in ((0.9, -0.6, 1.2), (0.5, -0.2, 0.8)):
        assert np.ravel(ends(ranges, confidence)) == pytest.approx([low, high])


def test_a_rank_between_two_residuals_is_a_value_between_them() -> None:
    # m = 24, 90%: the 23.75th from either end, three quarters of the way from the 23rd to the 24th.
    ranges = ConformalRange.fit([residuals(np.arange(-12, 12) / 10)], TAIL)
    assert np.ravel(ends(ranges, 0.9)) == pytest.approx([-1.175, 1.075])


def test_a_value_lies_inside_its_own_range_even_if_residuals_are_biased() -> None:
    lower, upper = ConformalRange.fit([residuals(np.linspace(0.1, 0.5, 40))], TAIL).quantiles(0.5)
    assert lower == 0 < upper


def test_too_few_sales_for_a_confidence_give_the_largest_residual_in_both_directions() -> None:
    ranges = ConformalRange.fit([residuals([0.1, -0.3])], TAIL)
    assert np.ravel(ends(ranges, 0.99)) == pytest.approx([-0.3, 0.3])


def test_one_sale_with_residual_0_still_gives_ranges() -> None:
    ranges = ConformalRange.fit([residuals([0.0], np.zeros((1, 2)))], TAIL)
    assert np.isfinite(width(ranges, 0.9, np.ones((3, 2), np.bool_))).all()
    assert ranges.fsd_factor > 0


@pytest.mark.parametrize("confidence", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("m", [39, 50, 400])
def test_coverage_of_exchangeable_residuals_is_within_the_guarantee(m: int, confidence: float) -> None:
    """P(covered) is in [c, c + 2/(m + 1)] for continuous scores (Lei et al. 2018, Theorem 2.2, at either end)."""
    rng = np.random.default_rng(m)
    covered = []
    for _ in range(3_000):
        residual = rng.standard_t(3, m + 1) * 0.1 + 0.05  # biased, with tails as fat as valuation errors'
        low, high = ends(ConformalRange.fit([residuals(residual[:-1])], TAIL), confidence)
        covered.append(low[0] <= residual[-1] <= high[0])
    noise = 3 * np.sqrt(confidence * (1 - confidence) / len(covered))
    assert confidence - noise < np.mean(covered) < confidence + 2 / (m + 1) + noise


def test_coverage_holds_for_every_combination_of_missing_facts() -> None:
    rng = np.random.default_rng(0)
    penalty = np.array([0.05, 0.2])

    def draw(n: int) -> tuple[FloatArray, BoolArray]:
        missing = rng.random((n, 2)) < 0.5
        return (0.1 + missing @ penalty) * rng.standard_normal(n), missing

    ranges = ConformalRange.fit([residuals(*draw(4_000))], TAIL)
    residual, missing = draw(40_000)
    low, high = ends(ranges, 0.9, missing)
    covered = (low <= residual) & (residual <= high)
    for combination in ([False, False], [True, False], [False, True], [True, True]):
        assert np.mean(covered[(missing == combination).all(axis=1)]) == pytest.approx(0.9, abs=0.03)


@given(st.integers(0, 1000), st.integers(1, 60), st.integers(1, 6), st.floats(0.01, 0.99))
def test_with_the_same_scales_a_missing_fact_always_widens_the_range(
    seed: int, m: int, g: int, confidence: float
) -> None:
    rng = np.random.default_rng(seed)
    missing = rng.random((m, g)) < 0.4
    # Even where, on the calibration sales, a missing fact made the residuals smaller.
    residual = rng.normal(0, 0.2, m) * (1 - 0.8 * missing.any(axis=1))
    flips, scales = rng.random((2, m, g)) < 0.4, np.exp(rng.normal(size=(m + 1, 3)))
    flags = (missing & flips[0], missing, missing | flips[1])
    ranges = ConformalRange.fit([residuals(residual, entry, scales[:-1]) for entry in flags], TAIL)
    subject = rng.random((1, g)) < 0.5
    for index in range(g):
        known, unknown = subject.copy(), subject.copy()
        known[:, index], unknown[:, index] = False, True
        assert (ranges.expected_error(unknown, scales[-1:]) > ranges.expected_error(known, scales[-1:])).all()


@given(st.integers(0, 1000), st.floats(0.01, 0.98), st.floats(0.001, 0.5))
def test_more_confidence_never_narrows_a_range(seed: int, confidence: float, more: float) -> None:
    ranges = ConformalRange.fit([residuals(np.random.default_rng(seed).normal(0, 0.2, 30))], TAIL)
    lower, upper = ranges.quantiles(confidence)
    wider_lower, wider_upper = ranges.quantiles(min(confidence + more, 0.99))
    assert wider_lower <= lower <= 0 <= upper <= wider_upper


def test_the_penalty_of_a_missing_fact_is_the_error_it_adds() -> None:
    ranges = ConformalRange.fit([residuals([0.1, -0.1, 0.4, -0.4], [[False], [False], [True], [True]])], TAIL)
    assert ranges.base == pytest.approx(0.1)
    assert ranges.penalty == pytest.approx([0.3])
    np.testing.assert_allclose(np.abs(ranges.scores[0]), 1)


def test_an_imputed_fact_never_has_a_larger_penalty_than_a_missing_one() -> None:
    missing, imputed = [True, False], [False, True]
    ranges = ConformalRange.fit(
        [residuals([0.1, 0.2, 0.5], [[False, False], missing, imputed])], TAIL, n_imputed=1
    )
    assert ranges.penalty == pytest.approx([0.1, 0.1])


def test_a_fact_that_no_calibration_sale_lacks_has_the_smallest_penalty() -> None:
    ranges = ConformalRange.fit([residuals([0.1, -0.1], np.zeros((2, 1)))], TAIL)
    assert ranges.penalty == pytest.approx([MIN_PENALTY * 0.1])


def test_a_home_with_all_facts_has_a_range_even_if_no_calibration_sale_had_them() -> None:
    # Least squares attributes all of the error to the two missing facts and nothing to the base.
    ranges = ConformalRange.fit([residuals([0.1, 0.1, -0.2], [[True, False], [False, True], [True, True]])], TAIL)
    assert width(ranges, 0.9, np.zeros((1, 2), np.bool_))[0] > 1e-3


def test_ranges_follow_the_scales_in_either_direction() -> None:
    rng = np.random.default_rng(0)

    def draw(n: int) -> CalibrationResiduals:
        scales = np.exp(rng.normal(size=(n, 3)))
        t = rng.standard_t(4, n)
        return residuals(0.1 * np.where(t < 0, scales[:, DOWNWARD], scales[:, UPWARD]) * t, scales=scales)

    ranges = ConformalRange.fit([draw(5_000)], TAIL)
    later = draw(50_000)
    low, high = ends(ranges, 0.9, later.missing, later.scales)
    below, above = later.residual < low, later.residual > high
    for not_covered, direction in ((below, DOWNWARD), (above, UPWARD)):
        for low_scale, high_scale in ((0.0, 0.5), (0.5, 2.0), (2.0, 99.0)):
            group = (low_scale <= later.scales[:, direction]) & (later.scales[:, direction] < high_scale)
            assert np.mean(not_covered[group]) == pytest.approx(0.05, abs=0.012)


def test_the_scale_of_one_direction_does_not_affect_the_other() -> None:
    residual = np.random.default_rng(0).laplace(0, 0.1, 200)
    down, up = np.ones((200, 3)), np.ones((200, 3))
    down[:, DOWNWARD], up[:, UPWARD] = 3.0, 3.0
    both = [
        np.ravel(ends(ConformalRange.fit([residuals(residual, scales=scales)], TAIL), 0.9, scales=scales[:1]))
        for scales in (down, up)
    ]
    np.testing.assert_allclose(both[0], both[1])


def test_homes_with_most_and_with_fewest_facts_have_equal_coverage() -> None:
    """The residuals of homes with few facts are three times as large and have thinner tails."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.laplace(0, 0.1, (2, 4_000)), rng.uniform(-0.6, 0.6, (2, 4_000))
    ranges = ConformalRange.fit([residuals(fat[0], known), residuals(thin[0], unknown)], TAIL)
    for residual, missing in ((fat[1], known), (thin[1], unknown)):
        low, high = ends(ranges, 0.9, missing)
        assert np.mean((low <= residual) & (residual <= high)) == pytest.approx(0.9, abs=0.015)


def test_the_forecast_deviation_is_that_of_the_relative_error() -> None:
    rng = np.random.default_rng(0)
    missing = rng.random((5_000, 1)) < 0.5
    scales = np.exp(rng.normal(size=(5_000, 3)) * 0.5)
    scales[:, DOWNWARD] = scales[:, UPWARD] = scales[:, FSD]
    residual = (0.01 + 0.02 * missing[:, 0]) * scales[:, FSD] * rng.standard_normal(5_000)
    ranges = ConformalRange.fit([residuals(residual, missing, scales)], np.sqrt(np.pi / 2))
    claimed = ranges.fsd_factor * ranges.expected_error(missing, scales)[:, FSD]
    for group in (missing[:, 0], ~missing[:, 0], scales[:, UPWARD] < 1, scales[:, UPWARD] > 1):
        realised = np.std(np.expm1(-residual[group]))
        assert np.sqrt(np.mean(claimed[group] ** 2)) == pytest.approx(realised, rel=0.1)


def test_a_larger_tail_ratio_makes_a_larger_standard_deviation() -> None:
    residual = np.random.default_rng(0).laplace(0, 0.1, 100)
    thin, fat = (ConformalRange.fit([residuals(residual)], tail) for tail in (1.2, 1.5))
    assert fat.fsd_factor / thin.fsd_factor == pytest.approx(1.5 / 1.2)
    assert fat.quantiles(0.9) == thin.quantiles(0.9)


def test_a_range_comes_back_from_its_state() -> None:
    rng = np.random.default_rng(0)
    missing, scales = rng.random((40, 3)) < 0.5, np.exp(rng.normal(size=(40, 3)))
    ranges = ConformalRange.fit([residuals(rng.normal(size=40), missing, scales)], TAIL)
    again = ConformalRange.from_state(ranges.state())
    np.testing.assert_array_equal(again.expected_error(missing, scales), ranges.expected_error(missing, scales))
    assert again.quantiles(0.8) == ranges.quantiles(0.8)
    assert again.fsd_factor == ranges.fsd_factor


def test_homes_with_many_facts_keep_their_coverage_whatever_the_others() -> None:
    """No additive scale fits these residuals, but each set of calibration residuals keeps its coverage."""
    rng = np.random.default_rng(0)
    known, unknown = np.zeros((4_000, 1), np.bool_), np.ones((4_000, 1), np.bool_)
    fat, thin = rng.standard_t(2, (2, 4_000)), rng.uniform(-1, 1, (2, 4_000))
    ranges = ConformalRange.fit([residuals(0.1 * fat[0], known), residuals(0.3 * thin[0], unknown)], TAIL)
    for residual, missing in ((0.1 * fat[1], known), (0.3 * thin[1], unknown)):
        low, high = ends(ranges, 0.9, missing)
        assert np.mean((low <= residual) & (residual <= high)) >= 0.88


@pytest.mark.parametrize("confidence", [0.49, 0.995, float("nan")])
def test_a_confidence_out_of_bounds_is_named_with_its_bounds(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"^{confidence} is not from 0.5 to 0.99"):
        check_confidence(confidence)


def below(ranges: ConformalRange, log_ratio: Any, scales: FloatArray | None = None) -> FloatArray:
    """Probability that the price of each subject is below this, as log(price ÷ value)."""
    values = np.atleast_1d(np.asarray(log_ratio, float))
    n = len(values)
    error = ranges.expected_error(nothing_missing(n), equal_scales(n) if scales is None else scales)
    return ranges.probability_below(values, error)


def test_the_probability_of_a_price_below_is_the_share_of_such_residuals() -> None:
    rng = np.random.default_rng(0)
    residual, later = rng.standard_t(3, (2, 20_000)) * 0.1 + 0.03
    ranges = ConformalRange.fit([residuals(residual)], TAIL)
    for log_ratio in (-0.3, -0.0953, 0.0, 0.05, 0.1054, 0.4):
        assert below(ranges, log_ratio)[0] == pytest.approx(np.mean(later < log_ratio), abs=0.01)


def test_a_score_between_two_others_has_a_probability_between_theirs() -> None:
    # m = 4: the k-th residual has the probability k/5, and halfway between the 2nd and the 3rd it is 2.5/5.
    ranges = ConformalRange.fit([residuals([-0.2, -0.1, 0.1, 0.3])], TAIL)
    expected = {
        -0.2: 0.2,
        -0.1: 0.4,
        0.0: 0.5,
        0.1: 0.6,
        0.2: 0.7,
        0.3: 0.8,
        0.45: 0.9,
        0.6: 1.0,
        5.0: 1.0,
        -0.6: 0,
    }
    assert below(ranges, list(expected)) == pytest.approx(list(expected.values()))


def test_a_larger_expected_error_makes_a_price_near_the_value_less_likely() -> None:
    ranges = ConformalRange.fit([residuals(np.random.default_rng(0).normal(0, 0.1, 500))], TAIL)
    scales = np.repeat([[0.5], [1.0], [2.0]], 3, axis=1)
    near = below(ranges, np.full(3, 0.1), scales) - below(ranges, np.full(3, -0.1), scales)
    assert near == pytest.approx([0.954, 0.683, 0.383], abs=0.05), "a normal distribution within 2, 1 and .5 sd"


@given(st.integers(0, 1000), st.integers(1, 40), st.lists(st.floats(-9, 9), min_size=2, max_size=9))
def test_probabilities_rise_with_the_price_from_0_to_1(seed: int, m: int, log_ratios: list[float]) -> None:
    rng = np.random.default_rng(seed)
    ranges = ConformalRange.fit([residuals(rng.normal(0.05, 0.2, m).round(1)) for _ in range(3)], TAIL)
    probability = below(ranges, sorted(log_ratios))
    assert (np.diff(probability) >= 0).all()
    assert (probability >= 0).all()
    assert (probability <= 1).all()


@pytest.mark.parametrize(("m", "offered"), [(MIN_CALIBRATION_SALES - 1, False), (MIN_CALIBRATION_SALES, True)])
def test_ranges_are_offered_from_enough_calibration_sales_on(m: int, offered: bool) -> None:
    ranges = ConformalRange.fit([residuals(np.linspace(-0.2, 0.3, m))], TAIL)
    assert ranges.are_offered is offered
    caveat = ranges.caveat(0.9)
    assert caveat == (
        None if offered else f"There is no range: it takes 30 sales to check the model on, and there are {m}"
    )


def test_a_range_for_more_confidence_than_the_sales_can_show_has_a_caveat() -> None:
    ranges = ConformalRange.fit([residuals(np.linspace(-0.2, 0.3, 198))], TAIL)
    text = "A 99% range takes 199 sales to check the model on, and there are 198"
    assert ranges.caveat(0.99) == f"{text}, so the range may hold fewer prices"
    assert ranges.caveat(0.98) is None


def test_with_the_fewest_calibration_sales_a_range_holds_75_percent_in_99_of_100_markets() -> None:
    rng = np.random.default_rng(0)

    def share_below(m: int, bound: float) -> float:
        held = []
        for residual in rng.uniform(-0.5, 0.5, (3_000, m)):
            lower, upper = np.ravel(ends(ConformalRange.fit([residuals(residual)], TAIL), 0.9))
            held.append(min(upper, 0.5) - max(lower, -0.5))
        return float(np.mean(np.less(held, bound)))

    assert share_below(MIN_CALIBRATION_SALES, 0.75) < 0.012
    assert share_below(19, 0.70) > 0.007
