"""The gate before publishing: checks a model by its values of sales that it does not know.

The limits are the market's (`estimator/market/gate_limits.py`). Median ratio, coverage and error ratio fail only
where their 95% interval lies completely beyond the limit, so that a few sales decide nothing by chance.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from estimator.assessment.intervals import Interval, median_interval, rmse_ratio_interval, share_interval
from estimator.assessment.rounding import rounded_figures
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.gate_limits import GateLimits

Judged = Literal["month by month", "test sales", "new sales"]
"""By which sales: the test sales, month by month or all at once, or the new sales of a refresh."""


CHECKS = ("hit_rate", "ranges", "median_ratio", "error_ratio", "coverage")
"""Names of the checks, in their order."""


@dataclass(frozen=True)
class ValuedSales:
    """n sales, and what their homes were worth to a model that did not know them.

    Parameters
    ----------
    price
        Sale prices, shape (n,).
    value, low, high
        Shape (n,); NaN where the home was refused, low and high also where there are no ranges.
    ridge
        Values by a ridge regression, shape (n,).
    confidence
        Confidence level of the ranges, in percent.
    """

    price: FloatArray
    value: FloatArray
    low: FloatArray
    high: FloatArray
    ridge: FloatArray
    confidence: float

    @property
    def valued(self) -> BoolArray:
        """Which homes have a value, shape (n,)."""
        valued: BoolArray = ~np.isnan(self.value)
        return valued


@dataclass(frozen=True)
class Check:
    """One figure against its limits.

    Parameters
    ----------
    name
        One of `CHECKS`.
    value
        The figure; None if the check has none.
    low, high
        Its 95% interval; None for no bound.
    least, most
        Its limits; None for no limit.
    reason
        Why it fails, with its number, and what to do; None if it passes.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    least: float | None
    most: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What the gate says about a version.

    Parameters
    ----------
    judged
        Which sales it was judged by.
    sales
        Number of these sales.
    checks
        The checks that could be made.
    """

    judged: Judged
    sales: int
    checks: tuple[Check, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the version should not be published; none if it passes."""
        return tuple(check.reason for check in self.checks if check.reason is not None)

    @property
    def passed(self) -> bool:
        """Whether nothing speaks against publishing the version."""
        return not self.reasons

    def record(self, *, publish_anyway: bool) -> dict[str, Any]:
        """Return the manifest's entry `gate`: plain values, rounded to four decimals.

        Parameters
        ----------
        publish_anyway
            Whether the version is published whatever the gate says.
        """
        return {
            "passed": self.passed,
            "publish_anyway": publish_anyway,
            "judged": self.judged,
            "sales": self.sales,
            "checks": [rounded_figures(check) for check in self.checks],
        }


def judge(sales: ValuedSales, limits: GateLimits, judged: Judged, *, has_ranges: bool) -> Verdict:
    """Judge a model by n sales; with none of them valued, only the hit rate and the ranges.

    Parameters
    ----------
    has_ranges
        Whether the version that is to be published knows enough sales for ranges.
    """
    checks = [_hit_rate(sales, limits, by_chance=judged == "new sales")] if len(sales.price) else []
    checks.append(_ranges(has_ranges=has_ranges))
    if sales.valued.any():
        checks += [_median_ratio(sales, limits), _error_ratio(sales, limits)]
        if not np.isnan(sales.low[sales.valued]).all():
            checks.append(_coverage(sales, limits))
    return Verdict(judged, len(sales.price), tuple(checks))


def _hit_rate(sales: ValuedSales, limits: GateLimits, *, by_chance: bool) -> Check:
    """Check the share of homes that are valued; of a few new sales, one may be refused by chance."""
    n, count = len(sales.price), int(sales.valued.sum())
    value, low, high = _percent(count / n, *share_interval(count, n))
    least, reason = limits.min_hit_rate, None
    if (high if by_chance else value) < least:
        reason = (
            f"hit rate {value:.1f}%, below {least:g}%: {n - count:,} of {n:,} homes are refused, as nothing"
            " similar sold before. Add older sales near them or like them, or leave out sales that do not belong"
            " to the market"
        )
    return Check("hit_rate", value, low, high, least, None, reason)


def _median_ratio(sales: ValuedSales, limits: GateLimits) -> Check:
    """Check the level of the values."""
    ratio = sales.value[sales.valued] / sales.price[sales.valued]
    value, interval = float(np.median(ratio)), median_interval(ratio)
    least, most, reason = 1 - limits.max_bias / 100, 1 + limits.max_bias / 100, None
    if _outside(interval, least, most):
        reason = (
            f"median value ÷ price {value:.3f} (95% interval {interval[0]:.3f} to {interval[1]:.3f}), outside"
            f" {least:.5g} to {most:.5g}: values are too {'low' if value < 1 else 'high'}. Look for prices in"
            " another unit or of other kinds of sales, and train with newer sales"
        )
    return Check("median_ratio", value, *_finite(interval), least, most, reason)


def _coverage(sales: ValuedSales, limits: GateLimits) -> Check:
    """Check the share of prices inside the ranges."""
    has_range = sales.valued & ~np.isnan(sales.low)
    price, low, high = (column[has_range] for column in (sales.price, sales.low, sales.high))
    count = int(np.sum((low <= price) & (price <= high)))
    value, *interval = _percent(count / len(price), *share_interval(count, len(price)))
    least, most = sales.confidence - limits.max_coverage_gap, sales.confidence + limits.max_coverage_gap
    reason = None
    if _outside((interval[0], interval[1]), least, most):
        reason = (
            f"{sales.confidence:g}% ranges hold {value:.1f}% of the prices (95% interval {interval[0]:.1f} to"
            f" {interval[1]:.1f}), outside {least:g} to {most:g}: they are too"
            f" {'narrow' if value < sales.confidence else 'wide'}. Train with newer sales, and look for wrong"
            " prices"
        )
    return Check("coverage", value, interval[0], interval[1], least, most, reason)


def _error_ratio(sales: ValuedSales, limits: GateLimits) -> Check:
    """Compare the error with that of the ridge regression, on the sales that the model values."""
    error, ridge = (
        np.log(estimate[sales.valued] / sales.price[sales.valued]) for estimate in (sales.value, sales.ridge)
    )
    interval = rmse_ratio_interval(error, ridge)
    rmse, ridge_rmse = (math.sqrt(np.mean(values**2)) for values in (error, ridge))
    value = rmse / ridge_rmse if ridge_rmse > 0 else None
    most, reason = limits.max_error_ratio, None
    if interval[0] > most:
        simpler = "better" if rmse > ridge_rmse else "nearly as good"
        reason = (
            f"log RMSE {rmse:.4f}, {rmse / ridge_rmse:.2f} times that of a ridge regression (95% interval"
            f" {interval[0]:.2f} to {interval[1]:.2f}), above the limit of {most:g}: a far simpler model is"
            f" {simpler}. Look for wrong prices or sizes, remove a recipe.toml that trains too briefly, or add"
            " sales"
        )
    return Check("error_ratio", value, *_finite(interval), None, most, reason)


def _ranges(*, has_ranges: bool) -> Check:
    reason = None if has_ranges else "too few sales for price ranges: add sales, and train again"
    return Check("ranges", None, None, None, None, None, reason)


def _outside(interval: Interval, least: float, most: float) -> bool:
    """Return whether an interval lies completely outside the limits."""
    return interval[1] < least or interval[0] > most


def _finite(interval: Interval) -> tuple[float | None, float | None]:
    low, high = (bound if math.isfinite(bound) else None for bound in interval)
    return low, high


def _percent(*shares: float) -> tuple[float, ...]:
    return tuple(100 * share for share in shares)
