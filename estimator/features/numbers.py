"""The numbers among the facts of homes: read once, scaled and projected in one pass for everyone who needs them.

A pass takes a dozen steps, and each of them costs one home nearly as much as a thousand homes. See
benchmarks/DECISIONS.md, "Steps of one valuation".
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from estimator.features.scaling import NumberScales
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import km_per_degree, project


class Numbers(NamedTuple):
    """The numbers of n homes.

    Parameters
    ----------
    values
        All m numbers of the market, in its order, NaN where unknown, shape (n, m).
    unknown
        Where they are unknown, shape (n, m).
    scaled
        For each use: the numbers that it needs scaled, 0 where unknown, shape (n, ·).
    places
        For each use: locations in km, NaN where unknown, shape (n, 2); None where it needs none.
    """

    values: FloatArray
    unknown: BoolArray
    scaled: Sequence[FloatArray]
    places: Sequence[FloatArray | None]


class NumberUse(NamedTuple):
    """What one use, such as kriging or the comparables, needs of the numbers.

    Parameters
    ----------
    names, scales
        Names and scales of the numbers that it needs scaled.
    mean_latitude
        Mean latitude of its locations, see `kilometres`; None if it needs no locations.
    """

    names: Sequence[str]
    scales: NumberScales
    mean_latitude: float | None = None


class NumberReader:
    """Reads the numbers of homes.

    Parameters
    ----------
    market
        The market.
    uses
        The uses that it reads for. They may need locations only in a market with coordinates.
    """

    def __init__(self, market: Market, uses: Sequence[NumberUse]) -> None:
        self._names = [feature.name for feature in market.numbers]
        self._columns = number_columns(market, [name for use in uses for name in use.names])
        self._scales = NumberScales.joined([use.scales for use in uses])
        self._parts = _consecutive(len(use.names) for use in uses)
        latitudes = [use.mean_latitude for use in uses if use.mean_latitude is not None]
        self._degrees = number_columns(market, (market.coordinates or ()) * len(latitudes))
        self._km_in_each = np.array([km_per_degree(latitude) for latitude in latitudes]).reshape(-1)
        planes = _consecutive(0 if use.mean_latitude is None else 2 for use in uses)
        self._planes = [plane if plane.start < plane.stop else None for plane in planes]

    def read(self, facts: Facts) -> Numbers:
        """Return the numbers of n homes."""
        values = facts.numbers(self._names)
        unknown = np.isnan(values)
        scaled = self._scales.transform(values.take(self._columns, axis=1))
        scaled[np.isnan(scaled)] = 0.0
        places = project(values.take(self._degrees, axis=1), self._km_in_each)
        return Numbers(
            values,
            unknown,
            [scaled[:, part] for part in self._parts],
            [None if plane is None else places[:, plane] for plane in self._planes],
        )


def _consecutive(sizes: Iterable[int]) -> list[slice]:
    """Return slices of the given sizes, one after the other."""
    ends = list(itertools.accumulate(sizes, initial=0))
    return [slice(start, end) for start, end in itertools.pairwise(ends)]


def number_columns(market: Market, names: Sequence[str]) -> NDArray[np.intp]:
    """Return the columns of `Numbers.values` that hold some numbers, shape (len(names),)."""
    position = {feature.name: column for column, feature in enumerate(market.numbers)}
    return np.array([position[name] for name in names], np.intp)
