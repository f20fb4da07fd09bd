"""Encode features with a declared `price_effect` as numbers that only rise with their effect on the price.

A model that gives these numbers non-negative weights never lowers a price when a feature declared `increasing`
grows, and never raises it when one declared `decreasing` grows. The encoding uses no prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market

MAX_PIECES = 12
"""Pieces that a feature's range is split into, at most, each with as many sales; see benchmarks/DECISIONS.md,
"Pieces of the monotone encoding"."""
TOTAL_RANGE = 0.3
"""Sum of a feature's numbers at the end of its range. A network that starts with a weight of 1 on each then starts
from an effect of .3 standard deviations of log price; see benchmarks/DECISIONS.md, "Range of the monotone
encoding"."""
SLOPE_RANGE = 0.3
"""Difference of a slope column between the `_TAIL_QUANTILES`; see benchmarks/DECISIONS.md, "Slope of the monotone
encoding"."""
_TAIL_QUANTILES = (0.005, 0.995)
"""The few smallest and largest values get outer pieces of their own, beyond these quantiles."""
_SLOPE_PIECES = 12
"""Straight pieces that stand for a logarithm: for homes of 700 to 6,000 ft² at most .04 off, less than prices
scatter."""


class Pieces(NamedTuple):
    """The pieces of all features, in column order, shape (n_columns,) each.

    Parameters
    ----------
    feature_index
        Index of the piece's feature among the monotone features.
    start, length
        Of the piece, in the feature's unit.
    end_value
        The column's value at the end of the piece.
    """

    feature_index: NDArray[np.intp]
    start: FloatArray
    length: FloatArray
    end_value: FloatArray


@dataclass(frozen=True)
class MonotoneEncoding:
    """Piecewise-linear encoding (Gorishniy et al. 2022, On embeddings for numerical features, section 3.1).

    Each of a feature's p pieces is a column that goes from 0 to TOTAL_RANGE/p within the piece, or to
    −TOTAL_RANGE/p for a feature declared `decreasing`. It is constant outside the range of the training sales.

    Departure from the paper: a feature with more than one piece has a further column, its slope. It follows the
    feature's logarithm, beyond the range of the training sales too. Few sales are in the outermost pieces; there,
    the slope carries on what the others show. It ends as far beyond the `_TAIL_QUANTILES` as these are apart.

    Subtracting a constant, dividing by one, clipping and adding keep the order of floating-point numbers, so
    rounding cannot break monotonicity. (Of a computed logarithm this is not sure. The slope has straight pieces.)

    Parameters
    ----------
    market
        The market.
    knots
        Feature name → ends of its p pieces, ascending, shape (p + 1,); a single knot for a feature that did not
        vary.
    slope_ends
        Name of each feature with a slope → ends of the pieces of its curve, ascending, shape (_SLOPE_PIECES + 1,).
    median
        Feature name → the median of the training sales, which replaces an unknown value.
    mean
        Mean of the columns over the training sales, shape (n_columns,).
    """

    market: Market
    knots: Mapping[str, FloatArray]
    slope_ends: Mapping[str, FloatArray]
    median: Mapping[str, float]
    mean: Float32Array

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Fit the pieces to n training sales."""
        knots, slope_ends, median = {}, {}, {}
        for feature in market.monotone:
            known = facts[feature.name][facts.known(feature.name)]
            knots[feature.name] = quantile_knots(known, MAX_PIECES) if len(known) else np.zeros(1)
            median[feature.name] = float(np.median(known)) if len(known) else 0.0
            if len(knots[feature.name]) > 2:
                ends = _slope_ends(known)
                # Numbers that are equal but for their last digits have one and the same logarithm: no slope.
                if (np.diff(ends) > 0).all():
                    slope_ends[feature.name] = ends
        encoding = cls(market, knots, slope_ends, median, np.empty(0, np.float32))
        mean = encoding.transform(facts).mean(axis=0, dtype=np.float64).astype(np.float32)
        return replace(encoding, mean=mean)

    @property
    def n_columns(self) -> int:
        """Number of columns of the encoding: of the pieces of all features, then of the slopes."""
        return sum(len(knots) - 1 for knots in self.knots.values()) + len(self.slope_ends)

    def transform(self, facts: Facts) -> Float32Array:
        """Encode n homes, shape (n, n_columns)."""
        return self.encode(facts.numbers([feature.name for feature in self.market.monotone]))

    def encode(self, values: FloatArray) -> Float32Array:
        """Encode the r monotone features of n homes, shape (n, r), NaN where unknown; shape (n, n_columns)."""
        values = np.where(np.isnan(values), self._medians, values)
        feature_index, start, length, end_value = self._pieces
        fraction = values.take(feature_index, axis=1)
        fraction -= start
        fraction /= length
        np.minimum(np.maximum(fraction, 0.0, out=fraction), 1.0, out=fraction)
        columns = np.empty((len(fraction), self.n_columns), np.float32)
        np.multiply(fraction, end_value, out=columns[:, : len(end_value)])
        columns[:, len(end_value) :] = self._slopes(values)
        return columns

    def _slopes(self, values: FloatArray) -> FloatArray:
        """Return the slope columns of n homes from their monotone features, none unknown, shape (n, s)."""
        feature_index, start, length, rise = self._slope_pieces
        fraction = values.take(feature_index, axis=1)[:, :, None] - start
        fraction /= length
        np.minimum(np.maximum(fraction, 0.0, out=fraction), 1.0, out=fraction)
        slopes: FloatArray = fraction.sum(axis=2) * rise
        return slopes

    @cached_property
    def _slope_pieces(self) -> tuple[NDArray[np.intp], FloatArray, FloatArray, FloatArray]:
        """Of each of the s features with slopes: its index, its pieces' starts and lengths, (s, p), its rise."""
        features = self.market.monotone
        index = [row for row, feature in enumerate(features) if feature.name in self.slope_ends]
        none = np.empty((0, _SLOPE_PIECES + 1))
        ends = np.stack([self.slope_ends[features[row].name] for row in index]) if index else none
        sign = np.array([1.0 if features[row].price_effect == "increasing" else -1.0 for row in index])
        # The curve is three times as long as the part between the tails.
        rise = sign * 3 * SLOPE_RANGE / _SLOPE_PIECES
        return np.array(index, np.intp), ends[:, :-1], np.diff(ends), rise

    @cached_property
    def _medians(self) -> FloatArray:
        """Replacements for unknown values, in the market's order."""
        return np.array([self.median[feature.name] for feature in self.market.monotone], np.float64)

    @cached_property
    def _pieces(self) -> Pieces:
        features = self.market.monotone
        knots = [self.knots[feature.name] for feature in features]
        n_pieces = np.array([len(feature_knots) - 1 for feature_knots in knots], np.intp)
        sign = np.array([1.0 if feature.price_effect == "increasing" else -1.0 for feature in features])
        return Pieces(
            np.repeat(np.arange(len(knots)), n_pieces),
            np.concatenate([np.empty(0), *(feature_knots[:-1] for feature_knots in knots)]),
            np.concatenate([np.empty(0), *(np.diff(feature_knots) for feature_knots in knots)]),
            np.repeat(sign * TOTAL_RANGE / n_pieces.clip(min=1), n_pieces),
        )

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        ends = {"knots": dict(self.knots), "slope_ends": dict(self.slope_ends)}
        return ends | {"median": dict(self.median), "mean": self.mean}

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore the encoding from its state. One that was saved before there were slopes has none."""
        return cls(market, **({"slope_ends": {}} | dict(state)))


def quantile_knots(values: FloatArray, n_pieces: int) -> FloatArray:
    """Split the range of n ≥ 1 known values into pieces with equally many values; return their ends, ascending.

    A narrower outer piece at either end contains the few smallest and largest values. If there are few distinct
    values, there is one piece between any two of them.
    """
    distinct = np.unique(values)
    if len(distinct) <= n_pieces + 1:
        return distinct
    low, high = _TAIL_QUANTILES
    return np.unique(np.quantile(values, [0.0, low, *np.arange(1, n_pieces) / n_pieces, high, 1.0]))


def _slope_ends(values: FloatArray) -> FloatArray:
    """Return the ends of the pieces of a slope over n known values: equally far apart, on a log scale if possible.

    From as far below the tails as they are apart to as far above.
    """
    has_negative = values.min() < 0
    low, high = np.quantile(values, _TAIL_QUANTILES)
    if low == high:
        low, high = values.min(), values.max()
    first, last = (low, high) if has_negative else np.log1p((low, high))
    ends = np.linspace(2 * first - last, 2 * last - first, _SLOPE_PIECES + 1)
    return ends if has_negative else np.expm1(ends)
