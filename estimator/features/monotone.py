"""Facts whose effect on the price has a declared direction → numbers that only ever rise with it.

Whatever weighs these numbers by weights that are not negative gives a price that never falls when a fact declared
`increasing` grows, nor rises when one declared `decreasing` does. Knows no prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from estimator.market.facts import Facts, Float32Array, FloatArray
from estimator.market.market import Market

PIECES = 12
"""Pieces of a fact's range, at most, each with as many sales; 6 and 20 did as well on King County's validation
sales."""
RANGE = 0.3
"""What the numbers of a fact sum to at the end of its range: a network that starts with a weight of 1 on each
takes a fact for worth .3 standard deviations of log price, and learns the rest. 1 and .1 did a little worse."""
_ENDS = (0.005, 0.995)
"""Quantiles that part the few smallest and greatest homes from the outer pieces."""


class Pieces(NamedTuple):
    """All pieces of all facts, in the order of their numbers, shape (width,) each.

    Parameters
    ----------
    fact
        Whose it is: the fact's place among the directed ones.
    start, length
        Of the piece.
    most
        The number at its end.
    """

    fact: NDArray[np.intp]
    start: FloatArray
    length: FloatArray
    most: FloatArray


@dataclass(frozen=True)
class MonotoneEncoding:
    """Piecewise-linear encoding (Gorishniy et al. 2022, On embeddings for numerical features, section 3.1).

    Each of a fact's pieces has a number that goes from 0 to RANGE/pieces within it; for a fact declared
    `decreasing` to −RANGE/pieces. Beyond the values learned from nothing changes any more. Subtracting a constant,
    dividing by one and clipping keep the order of floating-point numbers, so no rounding undoes the direction.

    Parameters
    ----------
    market
        The market.
    knots
        Feature name → where its p pieces start and end, shape (p + 1,), rising; a single one for a fact that did
        not vary.
    usual
        Feature name → the median, which an unknown fact is encoded as.
    centre
        Mean of the training sales' numbers, shape (width,).
    """

    market: Market
    knots: Mapping[str, FloatArray]
    usual: Mapping[str, float]
    centre: Float32Array

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Learn the pieces from n training sales."""
        knots, usual = {}, {}
        for feature in market.directed:
            known = facts[feature.name][facts.known(feature.name)]
            knots[feature.name] = knots_of(known, PIECES) if len(known) else np.zeros(1)
            usual[feature.name] = float(np.median(known)) if len(known) else 0.0
        uncentred = cls(market, knots, usual, np.empty(0, np.float32))
        return replace(
            uncentred, centre=uncentred.transform(facts).mean(axis=0, dtype=np.float64).astype(np.float32)
        )

    @property
    def width(self) -> int:
        """How many numbers there are."""
        return sum(len(knots) - 1 for knots in self.knots.values())

    def transform(self, facts: Facts) -> Float32Array:
        """Encode n homes, shape (n, width)."""
        value = facts.numbers([feature.name for feature in self.market.directed])
        value = np.where(np.isnan(value), self._usual, value)
        fact, start, length, most = self._pieces
        way = (value[:, fact] - start) / length
        columns = np.empty(way.shape, np.float32)
        np.multiply(way.clip(0.0, 1.0), most, out=columns)
        return columns

    @cached_property
    def _usual(self) -> FloatArray:
        """What unknown facts are encoded as, in the market's order."""
        return np.array([self.usual[feature.name] for feature in self.market.directed], np.float64)

    @cached_property
    def _pieces(self) -> Pieces:
        """The pieces of all facts."""
        knots = [self.knots[feature.name] for feature in self.market.directed]
        count = np.array([len(each) - 1 for each in knots], np.intp)
        sign = np.array([1.0 if each.price_effect == "increasing" else -1.0 for each in self.market.directed])
        return Pieces(
            np.repeat(np.arange(len(knots)), count),
            np.concatenate([np.empty(0), *(each[:-1] for each in knots)]),
            np.concatenate([np.empty(0), *(np.diff(each) for each in knots)]),
            np.repeat(sign * RANGE / count.clip(min=1), count),
        )

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {"knots": dict(self.knots), "usual": dict(self.usual), "centre": self.centre}

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the encoding again from its state."""
        return cls(market, state["knots"], state["usual"], state["centre"])


def knots_of(known: FloatArray, pieces: int) -> FloatArray:
    """Return where the pieces of a fact's range start and end, rising, from its n values, n ≥ 1.

    So many pieces with as many values each, and at either end an outer one for the few smallest and greatest; with
    fewer different values, a piece between any two.
    """
    values = np.unique(known)
    if len(values) <= pieces + 1:
        return values
    low, high = _ENDS
    return np.unique(np.quantile(known, [0.0, low, *np.arange(1, pieces) / pieces, high, 1.0]))
