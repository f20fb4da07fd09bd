"""Facts → the numbers a network sees, fitted on training sales and then fixed.

Every fact becomes columns of its own, so that any of them can be unknown: numbers scaled, with a column that says
"unknown"; labels one column each; places also as waves over the map, so that a network can tell neighbourhoods
apart; the valuation date. Of facts whose effect on the price has a declared direction, only whether they are
known: the rest is in `directed`. Knows no prices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.facts import BoolArray, DateArray, Facts, FloatArray, LabelArray
from estimator.market.market import Market

WAVES = 24
"""Waves over the map. On the validation sales: .1881 log RMSE without, .1854 with 24."""
WAVES_PER_SPREAD = 0.7
"""Typical waves within one standard deviation of the homes' places: about one in 15 km in King County."""

RARE = 5
"""A label with fewer training sales has no column: its homes teach the network nothing but their own prices."""

_LONG_TAIL = 2.5
"""A positive fact whose 99th percentile is more than this many medians is scaled by its logarithm."""
_FARTHEST = 1e6
"""Spreads from the median at which a value is as far as any: the square of a greater one may be infinite."""
_DAYS_PER_UNIT = 100.0
"""Days in one unit of the date's column: a market year then spans a few units, like the other columns."""


@dataclass(frozen=True)
class NumberScales:
    """Numbers → about −3 to 3, a column each: z = (x − median)/spread, then z/√(1 + (z/3)²).

    The smooth clip keeps a mansion from dominating (Holzmüller et al. 2024, RealMLP, section 3). Departure from
    the paper: long-tailed facts are taken as log(1 + x) first.

    Parameters
    ----------
    median, spread
        Of each column, shape (m,).
    logarithmic
        Which columns are long-tailed, shape (m,).
    """

    median: FloatArray
    spread: FloatArray
    logarithmic: BoolArray

    @classmethod
    def fit(cls, values: FloatArray) -> Self:
        """Learn from values of shape (n, m), NaN where unknown; a fact never known gets a scale all the same."""
        scales = [_scale(column[~np.isnan(column)]) for column in values.T]
        median, spread, logarithmic = zip(*scales, strict=True) if scales else ((), (), ())
        return cls(np.array(median, np.float64), np.array(spread, np.float64), np.array(logarithmic, np.bool_))

    def apply(self, values: FloatArray) -> FloatArray:
        """Scale values of shape (n, m); NaN stays NaN."""
        size = np.maximum(values, self._least)
        np.log1p(size, out=size, where=self.logarithmic)
        size -= self.median
        z = np.minimum(np.maximum(size, -self._farthest), self._farthest)
        z /= self.spread
        scaled: FloatArray = z / np.sqrt(1 + (z / 3) ** 2)
        return scaled

    @cached_property
    def _least(self) -> FloatArray:
        """Least value of each column, shape (m,).

        Below 0 a long-tailed one is only after training: no such value was there to learn from, and 0 is the
        nearest that was.
        """
        return np.where(self.logarithmic, 0.0, -np.inf)

    @cached_property
    def _farthest(self) -> FloatArray:
        """From the median, in each column's unit, shape (m,)."""
        return _FARTHEST * self.spread


def _scale(known: FloatArray) -> tuple[float, float, bool]:
    """Return the median, the spread and whether the tail is long, of one fact's known values."""
    if len(known) == 0:
        return 0.0, 1.0, False
    logarithmic = has_long_tail(known)
    if logarithmic:
        known = np.log1p(known)
    low, median, high = np.quantile(known, [0.25, 0.5, 0.75])
    # Most homes without a basement: the quartiles meet, and the whole range has to do.
    return float(median), float((high - low) or (known.max() - known.min()) / 2 or 1.0), logarithmic


def has_long_tail(known: FloatArray) -> bool:
    """Return whether a fact's known values, shape (n,), n ≥ 1, are better told by their logarithms."""
    return bool(known.min() >= 0 and np.quantile(known, 0.99) > _LONG_TAIL * max(np.median(known), 0.25))


@dataclass(frozen=True)
class PlaceWaves:
    """Places → sines and cosines of waves over the map, of random directions and lengths.

    Random Fourier features: Tancik et al. (2020), Fourier features let networks learn high frequency functions
    in low dimensional domains, eq. 5.

    Parameters
    ----------
    centre
        Mean latitude and longitude, degrees.
    frequencies
        Waves per degree of latitude and of longitude, shape (2, WAVES).
    """

    centre: FloatArray
    frequencies: FloatArray

    @classmethod
    def fit(cls, places: FloatArray, rng: np.random.Generator) -> Self:
        """Draw waves for places of shape (n, 2), latitude and longitude in degrees."""
        centre = places.mean(axis=0)
        # A degree of longitude is shorter than one of latitude; the waves are to be equally long in both.
        shrink = np.array([1.0, np.cos(np.radians(centre[0]))])
        spread = max(float(np.sqrt(np.mean(((places - centre) * shrink) ** 2))), 1e-6)
        direction = rng.standard_normal((2, WAVES))
        direction /= np.linalg.norm(direction, axis=0)
        length = np.abs(rng.standard_normal(WAVES)) * WAVES_PER_SPREAD / spread
        return cls(centre, direction * length * shrink[:, None])

    def apply(self, places: FloatArray) -> FloatArray:
        """Return the waves at n places, shape (n, 2·WAVES)."""
        north, east = (2 * np.pi * (places - self.centre)).T[:, :, None]
        angle = north * self.frequencies[0] + east * self.frequencies[1]
        waves = np.empty((len(angle), 2 * angle.shape[1]))
        np.sin(angle, out=waves[:, : angle.shape[1]])
        np.cos(angle, out=waves[:, angle.shape[1] :])
        return waves


class Encoding:
    """Facts and valuation dates → columns; made by `fit` or `from_state`.

    Raises
    ------
    DataError
        The market's facts give no column at all.

    Attributes
    ----------
    facts
        Names of the market's facts, in its order.
    numbers
        How many of the columns, the first ones, are numbers.
    width
        How many columns there are, d.
    """

    def __init__(
        self,
        market: Market,
        scales: NumberScales,
        labels: Mapping[str, LabelArray],
        waves: PlaceWaves | None,
        newest_sale: np.datetime64 | None,
    ) -> None:
        self._market = market
        self._scales = scales
        self._labels = labels
        self._waves = waves
        self._newest_sale = newest_sale
        self.facts = tuple(feature.name for feature in market.features)
        self._numbers = _undirected(market)
        self.numbers = len(self._numbers)
        self._may_be_unknown = [feature.name for feature in market.numbers if not feature.required]
        self.width = self._count()
        if self.width == 0 and not market.directed:
            raise DataError(f"no fact of the market can be learned from: no label has {RARE} training sales")

    @classmethod
    def fit(cls, market: Market, facts: Facts, date: DateArray | None, rng: np.random.Generator) -> Self:
        """Learn scales, labels and waves from n training sales."""
        scales = NumberScales.fit(facts.numbers(_undirected(market)))
        labels = {feature.name: _frequent(facts[feature.name]) for feature in market.labels}
        waves = None
        if market.coordinates is not None:
            places = np.column_stack([facts[name] for name in market.coordinates])
            places = places[~np.isnan(places).any(axis=1)]
            waves = PlaceWaves.fit(places, rng) if len(places) else None
        return cls(market, scales, labels, waves, None if date is None else date.max())

    def transform(self, facts: Facts, date: DateArray | None) -> NDArray[np.float32]:
        """Encode n homes, each at its valuation date: shape (n, d)."""
        columns = np.empty((len(facts), self.width), np.float32)
        end = 0
        for block in self._blocks(facts, date):
            start, end = end, end + block.shape[1]
            columns[:, start:end] = block
        return columns

    def unseen(self, facts: Facts, name: str) -> BoolArray:
        """Return where a label is given that the network has no column for, shape (n,)."""
        given, labels = facts[name], self._labels[name]
        if len(labels) == 0:
            return facts.known(name)
        place = np.searchsorted(labels, given).clip(max=len(labels) - 1)
        unseen: BoolArray = facts.known(name) & (labels[place] != given)
        return unseen

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {
            "scales": [self._scales.median, self._scales.spread, self._scales.logarithmic],
            "labels": dict(self._labels),
            "waves": None if self._waves is None else [self._waves.centre, self._waves.frequencies],
            "newest_sale": None if self._newest_sale is None else str(self._newest_sale),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the encoding again from its state."""
        newest = state["newest_sale"]
        return cls(
            market,
            NumberScales(*state["scales"]),
            state["labels"],
            None if state["waves"] is None else PlaceWaves(*state["waves"]),
            None if newest is None else np.datetime64(newest, "D"),
        )

    def _blocks(self, facts: Facts, date: DateArray | None) -> Sequence[NDArray[Any]]:
        """Return each part's columns, shape (n, ·), in their order."""
        scaled = self._scales.apply(facts.numbers(self._numbers))
        scaled[np.isnan(scaled)] = 0.0
        blocks: list[NDArray[Any]] = [scaled, np.isnan(facts.numbers(self._may_be_unknown))]
        blocks += [facts[feature.name][:, None] == self._labels[feature.name] for feature in self._market.labels]
        if self._waves is not None and self._market.coordinates is not None:
            waves = self._waves.apply(facts.numbers(self._market.coordinates))
            waves[np.isnan(waves)] = 0.0
            blocks.append(waves)
        if self._newest_sale is not None:
            days = np.zeros(len(facts)) if date is None else (date - self._newest_sale).astype(np.float64)
            blocks.append(days[:, None] / _DAYS_PER_UNIT)
        return blocks

    def _count(self) -> int:
        """Return how many columns `_blocks` makes."""
        labels = sum(len(columns) for columns in self._labels.values())
        waves = 0 if self._waves is None else 2 * WAVES
        return self.numbers + len(self._may_be_unknown) + labels + waves + (self._newest_sale is not None)


def _undirected(market: Market) -> list[str]:
    """Return the numbers of no declared effect: the others are `directed`'s to encode."""
    return [feature.name for feature in market.numbers if feature.price_effect is None]


def _frequent(labels: LabelArray) -> LabelArray:
    """Return the labels that enough homes share, sorted."""
    values, counts = np.unique(labels, return_counts=True)
    frequent: LabelArray = values[(counts >= RARE) & (values != "")]
    return frequent
