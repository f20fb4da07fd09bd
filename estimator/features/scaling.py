"""Scale numeric features to about −3 to 3 by their median and quartiles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray

_LONG_TAIL = 2.5
"""A non-negative feature is scaled by its logarithm if its 99th percentile is more than this many medians."""
_MAX_DISTANCE = 1e6
"""Values are clipped at this many spreads from the median: the square of a larger one could overflow."""


@dataclass(frozen=True)
class NumberScales:
    """One scale per column: z = (x − median)/spread, then z/√(1 + (z/3)²), which lies between −3 and 3.

    The smooth clip limits the influence of extreme values (Holzmüller et al. 2024, RealMLP, section 3). Departure
    from the paper: long-tailed columns are replaced by log(1 + x) first.

    Parameters
    ----------
    median, spread
        Of each column, shape (m,).
    logarithmic
        Whether a column is long-tailed, shape (m,).
    """

    median: FloatArray
    spread: FloatArray
    logarithmic: BoolArray

    @classmethod
    def fit(cls, values: FloatArray, least_spread: FloatArray | float = 0.0) -> Self:
        """Fit to values of shape (n, m), NaN where unknown; a column without known values gets a default scale.

        Columns that vary less are given the least spread, shape (m,): their noise is then not scaled up.
        """
        scales = [_scale(column[~np.isnan(column)]) for column in values.T]
        median, spread, logarithmic = zip(*scales, strict=True) if scales else ((), (), ())
        return cls(
            np.array(median, np.float64),
            np.maximum(np.array(spread, np.float64), least_spread),
            np.array(logarithmic, np.bool_),
        )

    @classmethod
    def joined(cls, parts: Sequence["NumberScales"]) -> Self:
        """Return the scales of the columns of several scales, in their order."""
        return cls(
            np.concatenate([np.empty(0), *(part.median for part in parts)]),
            np.concatenate([np.empty(0), *(part.spread for part in parts)]),
            np.concatenate([np.empty(0, np.bool_), *(part.logarithmic for part in parts)]),
        )

    def transform(self, values: FloatArray) -> FloatArray:
        """Scale values of shape (n, m); NaN stays NaN."""
        if self._has_logarithmic:
            values = np.maximum(values, self._minimum)
            np.log1p(values, out=values, where=self.logarithmic)
        z: FloatArray = values - self.median
        np.maximum(z, self._min_distance, out=z)
        np.minimum(z, self._max_distance, out=z)
        z /= self.spread
        limit = z / 3
        limit *= limit
        limit += 1
        z /= np.sqrt(limit, out=limit)
        return z

    def state(self) -> dict[str, Any]:
        """Return the scales as plain arrays; `from_state` restores them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the scales from their state."""
        return cls(**state)

    @cached_property
    def _minimum(self) -> FloatArray:
        """Smallest value that each column is given, shape (m,).

        A long-tailed column had no negative values in training, so a negative value is replaced by 0.
        """
        return np.where(self.logarithmic, 0.0, -np.inf)

    @cached_property
    def _max_distance(self) -> FloatArray:
        """Largest distance above the median in each column's own unit, shape (m,)."""
        return _MAX_DISTANCE * self.spread

    @cached_property
    def _min_distance(self) -> FloatArray:
        """The same below the median, negative."""
        return -self._max_distance

    @cached_property
    def _has_logarithmic(self) -> bool:
        return bool(self.logarithmic.any())


def has_long_tail(values: FloatArray) -> bool:
    """Return whether known values, shape (n,), n ≥ 1, need a log scale: a long tail, and none negative."""
    return bool(values.min() >= 0 and np.quantile(values, 0.99) > _LONG_TAIL * max(np.median(values), 0.25))


def _scale(values: FloatArray) -> tuple[float, float, bool]:
    """Return the median, the spread and whether the tail is long, of one column's known values."""
    if len(values) == 0:
        return 0.0, 1.0, False
    logarithmic = has_long_tail(values)
    if logarithmic:
        values = np.log1p(values)
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    # The quartiles can be equal, for example if most homes have no basement; half the range is used then.
    return float(median), float((high - low) or (values.max() - values.min()) / 2 or 1.0), logarithmic
