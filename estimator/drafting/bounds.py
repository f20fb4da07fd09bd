"""Bounds of a fact from robust quantiles: wide enough for homes to come, narrow enough for wrong values."""

import math
from dataclasses import dataclass

import numpy as np

from estimator.market.arrays import FloatArray

_TAIL = 0.005
"""The quantiles from which bounds are taken. Fewer wrong values than this share of the sales do not move them."""
_BELOW, _ABOVE = 3.0, 4.0
"""Amounts may lie beyond the quantiles by these factors: a mansion is four times the home at the quantile."""
_MAX_OUTSIDE = 0.002
"""Share of the values that may lie outside. If more do, they are no mistakes, and the bounds include them all."""
_YEARS_AHEAD = 5
"""A home that is built after its sale is finished within this time."""
_COORDINATE_MARGIN = 1.0
"""How many spreads of the coordinates a home to come may lie outside."""


@dataclass(frozen=True)
class Bounds:
    """Inclusive bounds, and how many of the known values lie outside."""

    minimum: float
    maximum: float
    outside: int

    def counting(self, values: FloatArray) -> "Bounds":
        """Return the same bounds with how many of these values lie outside."""
        return _counted(values, self.minimum, self.maximum)


def amount_bounds(values: FloatArray, *, may_be_zero: bool) -> Bounds:
    """Return bounds of amounts and counts: rounded outward to one digit; not below 0 unless many values are.

    Parameters
    ----------
    values
        The known values, at least one.
    may_be_zero
        Whether 0 means that there is none, as for a garage; a home itself has a size.
    """
    low, high = np.quantile(values, (_TAIL, 1 - _TAIL))
    if low < 0:
        spread = max(high - low, 1.0)
        minimum, maximum = _round_down(low - spread), _round_up(high + spread)
    else:
        minimum = 0.0 if may_be_zero else _round_down(low / _BELOW)
        maximum = _round_up(max(high, 1.0) * _ABOVE)
    # Mistakes are wrong by a factor; what is a little outside is an unusual home.
    outside = (values < minimum) | (values > maximum)
    if outside.mean() > _MAX_OUTSIDE:
        minimum = min(minimum, _round_down(float(values.min())))
        maximum = max(maximum, _round_up(float(values.max())))
    return _counted(values, minimum, maximum)


def rating_bounds(values: FloatArray) -> Bounds:
    """Return bounds of whole numbers on a scale, such as ratings: the smallest and the largest value."""
    return _counted(values, float(values.min()), float(values.max()))


def year_bounds(values: FloatArray, newest: int) -> Bounds:
    """Return bounds of years; 0, for never, is inside where many values are 0.

    Parameters
    ----------
    newest
        The year of the newest sale, or this year.
    """
    years = values[values > 0]
    oldest = float(np.quantile(years, _TAIL)) if len(years) else float(newest)
    minimum = 0.0 if (values == 0).mean() > _MAX_OUTSIDE else max(50.0 * math.floor(oldest / 50.0 - 1.0), 1000.0)
    return _counted(values, minimum, float(newest + _YEARS_AHEAD))


def coordinate_bounds(values: FloatArray, limit: float) -> Bounds:
    """Return bounds of coordinates in degrees: around all but the outermost, rounded outward to a tenth."""
    low, high = np.quantile(values, (_TAIL, 1 - _TAIL))
    margin = max(_COORDINATE_MARGIN * (high - low), 0.05)
    minimum, maximum = math.floor(10 * (low - margin)) / 10, math.ceil(10 * (high + margin)) / 10
    return _counted(values, max(minimum, -limit), min(maximum, limit))


def _counted(values: FloatArray, minimum: float, maximum: float) -> Bounds:
    return Bounds(minimum, maximum, int(((values < minimum) | (values > maximum)).sum()))


def _round_up(value: float) -> float:
    return -_round_down(-value)


def _round_down(value: float) -> float:
    """Return a number of one digit that is at most `value`; whole if `value` is at least 1 in size."""
    if value == 0 or 0 < value < 0.1:
        return 0.0
    step = 10.0 ** math.floor(math.log10(abs(value)))
    return round(math.floor(value / step) * step, 6)
