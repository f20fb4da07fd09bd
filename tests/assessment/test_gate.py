"""What the gate lets pass and what it stops, and that a few sales decide nothing by chance."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from estimator.assessment.gate import CHECKS, Check, Judged, ValuedSales, Verdict, judge
from estimator.market.gate_limits import GateLimits

LIMITS = GateLimits()


def made_up(n: int, **changes: Any) -> ValuedSales:
    """Sales with errors of 10%, ranges that hold nine of ten prices, and a ridge regression with errors of 15%."""
    error = np.random.default_rng(0).permutation(np.linspace(-0.2, 0.2, n))
    price = np.full(n, 300_000.0)
    value = price * np.exp(error)
    low, high = value * np.exp(-0.18), value * np.exp(0.18)
    sales = ValuedSales(price, value, low, high, price * np.exp(1.5 * error), 90.0)
    return replace(sales, **changes)


def judged(sales: ValuedSales, limits: GateLimits = LIMITS, by: Judged = "test sales") -> Verdict:
    return judge(sales, limits, by, has_ranges=True)


def refused(n: int, count: int) -> ValuedSales:
    sales = made_up(n)
    gone = np.arange(n) < count
    hidden: dict[str, Any] = {
        name: np.where(gone, np.nan, getattr(sales, name)) for name in ("value", "low", "high")
    }
    return replace(sales, **hidden)


def scaled(sales: ValuedSales, factor: float) -> ValuedSales:
    """The sales with values and ranges multiplied."""
    return replace(sales, value=factor * sales.value, low=factor * sales.low, high=factor * sales.high)


def widened(sales: ValuedSales, factor: float) -> ValuedSales:
    """The sales with ranges as wide as the factor says, in log price."""
    half = factor * 0.18
    return replace(sales, low=sales.value * np.exp(-half), high=sales.value * np.exp(half))


def failed(verdict: Verdict) -> list[str]:
    return [check.name for check in verdict.checks if check.reason is not None]


def check_of(verdict: Verdict, name: str) -> Check:
    (check,) = [check for check in verdict.checks if check.name == name]
    return check


def test_a_sound_model_passes_every_check() -> None:
    verdict = judged(made_up(1000))
    assert verdict.passed
    assert tuple(check.name for check in verdict.checks) == CHECKS
    assert check_of(verdict, "coverage").value == pytest.approx(90, abs=0.2)
    assert check_of(verdict, "error_ratio").value == pytest.approx(1 / 1.5)
    assert check_of(verdict, "median_ratio").value == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    ("sales", "name", "texts"),
    [
        (refused(1000, 150), "hit_rate", ["hit rate 85.0%, below 90%: 150 of 1,000 homes are refused"]),
        (
            scaled(made_up(1000), 0.9),
            "median_ratio",
            ["median value ÷ price 0.900", "outside 0.97 to 1.03", "low"],
        ),
        (scaled(made_up(1000), 1.1), "median_ratio", ["median value ÷ price 1.100", "too high"]),
        (widened(made_up(1000), 0.5), "coverage", ["90% ranges hold 45.", "outside 86 to 94", "too narrow"]),
        (widened(made_up(1000), 2), "coverage", ["hold 100.0% of the prices", "too wide"]),
        (
            made_up(1000, ridge=made_up(1000).price * 1.02),
            "error_ratio",
            [
                "log RMSE 0.1156, 5.84 times that of a ridge regression",
                "above the limit of 1: a far simpler model is better",
            ],
        ),
    ],
    ids=["hit rate", "too low", "too high", "too narrow", "too wide", "worse than ridge"],
)
def test_a_model_beyond_a_limit_is_stopped_with_its_number(
    sales: ValuedSales, name: str, texts: list[str]
) -> None:
    verdict = judged(sales)
    assert not verdict.passed
    assert name in failed(verdict)
    reason = check_of(verdict, name).reason
    assert reason is not None
    for text in texts:
        assert text in reason


def test_a_market_without_enough_sales_for_ranges_is_stopped() -> None:
    without = np.full(1000, np.nan)
    verdict = judge(made_up(1000, low=without, high=without), LIMITS, "test sales", has_ranges=False)
    assert verdict.reasons == ("too few sales for price ranges: add sales, and train again",)
    assert "coverage" not in [check.name for check in verdict.checks]


@pytest.mark.parametrize("factor", [0.93, 1.08])
def test_twenty_sales_decide_nothing_by_chance(factor: float) -> None:
    """Of a thousand sales the same figures are stopped."""
    few, many = (scaled(made_up(n), factor) for n in (20, 1000))
    assert judged(few).passed
    assert "median_ratio" in failed(judged(many))
    few, many = (widened(made_up(n), 0.85) for n in (20, 1000))
    assert judged(few).passed
    assert "coverage" in failed(judged(many))


def test_twenty_sales_show_what_is_far_off() -> None:
    assert "median_ratio" in failed(judged(scaled(made_up(20), 0.5)))
    assert "coverage" in failed(judged(widened(made_up(20), 0.1)))


def test_a_simpler_model_that_is_better_by_chance_stops_nothing() -> None:
    sales = made_up(20)
    rng = np.random.default_rng(1)
    better = replace(sales, ridge=sales.price * np.exp(0.95 * rng.permutation(np.log(sales.value / sales.price))))
    assert (check_of(judged(better), "error_ratio").value or 0) > 1
    assert judged(better).passed


def test_one_refused_home_of_a_few_new_ones_stops_no_refresh_but_most_of_many_do() -> None:
    assert judged(refused(3, 1), by="new sales").passed
    assert failed(judged(refused(3, 1))) == ["hit_rate"]
    assert failed(judged(refused(200, 60), by="new sales")) == ["hit_rate"]


def test_without_a_single_value_only_the_hit_rate_is_judged() -> None:
    verdict = judged(refused(40, 40), by="new sales")
    assert [check.name for check in verdict.checks] == ["hit_rate", "ranges"]
    assert failed(verdict) == ["hit_rate"]


@pytest.mark.parametrize(
    ("sales", "limits"),
    [
        (refused(1000, 150), {"min_hit_rate": 80.0}),
        (scaled(made_up(1000), 0.95), {"max_bias": 6.0, "max_coverage_gap": 20.0}),
        (widened(made_up(1000), 0.5), {"max_coverage_gap": 50.0}),
        (made_up(1000, ridge=made_up(1000).price * 1.02), {"max_error_ratio": 10.0}),
    ],
)
def test_the_market_sets_the_limits(sales: ValuedSales, limits: dict[str, Any]) -> None:
    assert not judged(sales).passed
    assert judged(sales, GateLimits(**limits)).passed


def test_the_verdict_is_plain_values() -> None:
    plain = judged(scaled(made_up(3), 1.05)).record(publish_anyway=True)
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert (plain["passed"], plain["publish_anyway"], plain["sales"]) == (True, True, 3)
