"""The verdict on a model: each standard with its value, interval, bound, and whether it is met.

The ratio study's measures come from the study itself: report, `GET /model` and `evaluate` show the same numbers.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import ndtri

from estimator.assessment.intervals import share_interval
from estimator.assessment.ratio_statistics import CONFIDENCE
from estimator.assessment.ratio_study import ACCEPTABLE, MIN_SALES_FOR_VERDICT, RatioFigures
from estimator.assessment.rounding import DECIMALS
from estimator.market.arrays import FloatArray
from estimator.market.gate_limits import GateLimits
from estimator.valuations import Valuations

FSD_RATIO_BOUNDS = (0.8, 1.2)
"""Acceptable realised error ÷ FSD. No standard sets one: with normal errors, what is claimed for 68% of the homes
is then true of 60 to 79% of them."""

OWN_STANDARDS = ("coverage", "fsd_ratio", "hit_rate")
"""Standards beside those of the ratio study: prices inside the ranges, realised error ÷ FSD, homes valued."""

STANDARDS = (*ACCEPTABLE, *OWN_STANDARDS)
"""Names of all standards, in their order."""


@dataclass(frozen=True)
class Standard:
    """One standard and whether it is met.

    Parameters
    ----------
    name
        One of `STANDARDS`.
    value, low, high
        The figure and its 90% interval; None where there is none.
    least, most
        What is acceptable, bounds included; None for no bound.
    met
        Whether the value is acceptable; None without a verdict.
    certain
        Whether the whole interval is on the same side, so that chance did not decide; None without an interval or
        a verdict.
    reason
        Why there is no verdict; None if there is one.
    """

    name: str
    value: float | None
    low: float | None
    high: float | None
    least: float | None
    most: float | None
    met: bool | None
    certain: bool | None
    reason: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def standards(
    price: FloatArray, values: Valuations, study: RatioFigures, limits: GateLimits
) -> tuple[Standard, ...]:
    """Return every standard, for the valuations of n sold homes, at least one of them valued.

    Parameters
    ----------
    price
        Sale prices, shape (n,).
    study
        The ratio study of those that were valued.
    limits
        The market's; they bound coverage and hit rate.
    """
    return (*(_of_study(name, study) for name in ACCEPTABLE), *_of_valuations(price, values, limits))


def _of_study(name: str, study: RatioFigures) -> Standard:
    figures = study.figures
    value, low, high = (figures.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    reason = None
    if study.met[name] is None:
        reason = study.reasons.get(name) or study.reasons["met"]
    return _judged(name, (value, low, high), ACCEPTABLE[name], study.met[name], reason)


def _of_valuations(price: FloatArray, values: Valuations, limits: GateLimits) -> list[Standard]:
    """Return the standards of the ranges, the FSDs and the refusals."""
    valued = values.priced
    n, count = len(price), int(valued.sum())
    price, values = price[valued], values.take(valued)
    confidence = 100 * values.confidence
    gap = limits.max_coverage_gap
    entries: list[tuple[str, FloatArray | None, tuple[float, float]]] = [
        ("coverage", None, (confidence - gap, confidence + gap)),
        ("fsd_ratio", None, FSD_RATIO_BOUNDS),
        ("hit_rate", _share(count, n), (limits.min_hit_rate, math.inf)),
    ]
    if not np.isnan(values.low).any():
        inside = int(np.sum((values.low <= price) & (price <= values.high)))
        entries[0] = ("coverage", _share(inside, count), entries[0][2])
        entries[1] = ("fsd_ratio", _fsd_ratio(values.price / price - 1, values.fsd), FSD_RATIO_BOUNDS)
    return [
        _counted(name, figures, bounds, n if name == "hit_rate" else count) for name, figures, bounds in entries
    ]


def _counted(name: str, figures: FloatArray | None, bounds: tuple[float, float], n: int) -> Standard:
    """Return a standard of n sales, from its value and interval; None in a market without ranges."""
    if figures is None:
        return _judged(name, (None, None, None), bounds, None, "the values have no ranges")
    value, low, high = (round(float(figure), DECIMALS) if math.isfinite(figure) else None for figure in figures)
    if n < MIN_SALES_FOR_VERDICT or value is None:
        return _judged(name, (value, low, high), bounds, None, f"fewer than {MIN_SALES_FOR_VERDICT} sales")
    return _judged(name, (value, low, high), bounds, bounds[0] <= value <= bounds[1], None)


def _judged(
    name: str,
    figures: tuple[float | None, float | None, float | None],
    bounds: tuple[float, float],
    met: bool | None,  # noqa: FBT001
    reason: str | None,
) -> Standard:
    value, low, high = figures
    certain = None
    if met is not None and low is not None and high is not None:
        inside = bounds[0] <= low and high <= bounds[1]
        certain = inside if met else high < bounds[0] or low > bounds[1]
    least, most = (bound if math.isfinite(bound) else None for bound in bounds)
    return Standard(name, value, low, high, least, most, met, certain, reason)


def _share(count: int, n: int) -> FloatArray:
    """Return a share and its interval, in percent."""
    return 100 * np.array([count / n, *share_interval(count, n, CONFIDENCE)])


def _fsd_ratio(error: FloatArray, fsd: FloatArray) -> FloatArray:
    """Return realised error ÷ FSD of n sales and its interval.

    Notes
    -----
    The delta method for the logarithm of the ratio of two root mean squares, as errors have fat tails.
    """
    realised, claimed = (error - error.mean()) ** 2, fsd**2
    if not realised.any():
        return np.array([0.0, np.nan, np.nan])
    influence = (realised / realised.mean() - claimed / claimed.mean()) / 2
    half_width = ndtri((1 + CONFIDENCE) / 2) * np.std(influence) / math.sqrt(len(error))
    value = np.std(error) / np.sqrt(claimed.mean())
    return np.array([value, value * math.exp(-half_width), value * math.exp(half_width)])


def standards_as_dict(by_facts: Mapping[str, tuple[Standard, ...]]) -> dict[str, list[dict[str, Any]]]:
    """Return the standards by the facts used, as plain values."""
    return {fact_set: [entry.to_dict() for entry in entries] for fact_set, entries in by_facts.items()}
