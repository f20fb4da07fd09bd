"""How far what was learned reaches: which homes are like none that was sold, and by which fact.

A price for such a home would be a guess that looks like a valuation. Three things are held against the sold homes:
each number by itself, each number at the home's size, and the distance to the nearest of them. A little beyond is
the edge: there is a price, with a warning and a wider range. Knows no prices.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.features.encoding import has_long_tail
from estimator.market.areas import kilometres
from estimator.market.facts import BoolArray, Facts, FloatArray, in_words
from estimator.market.market import Feature, Market

BEYOND = 0.1
"""Share of a fact's range by which a home may lie outside and still be at the edge: homes built since the sales, a
house a little larger than any sold."""
BEYOND_AT_SIZE = 0.25
"""The same of the range at a size: it is told by fewer homes, and by a line."""
NEARLY_ALL = (0.0005, 0.9995)
"""Quantiles that are the ends of the range at a size: a mansion without a bathroom is a slip of the pen, and must
not tell what goes together."""
BEYOND_PLACE = 2.0
"""A home is out of reach that is farther from every sold one than so many times what any was from its nearest."""
_ROUNDING = 1e-9
FEWEST = 100
"""Homes that must know a fact before its range is taken for learned, and have a place before the market's edge is:
the few tell how little is known by the width of the ranges, not where a market ends."""


Judged = tuple[str, BoolArray, BoolArray, Callable[[int], str]]
"""A fact, where (n,) it is outside of what was learned, where far outside, and row → what to tell of that home."""


class Refusal(NamedTuple):
    """Why a home gets no price: the fact, and a sentence with its value and what was learned."""

    field: str
    message: str


@dataclass(frozen=True)
class Line:
    """A number's usual value at a size, and how far the sold homes departed from it; see `_straight`.

    Parameters
    ----------
    level, slope
        Of the straight line.
    low, high
        Smallest and greatest departure of nearly all; see `NEARLY_ALL`.
    logarithmic
        Whether the number is taken as log(1 + x), its tail being long.
    """

    level: float
    slope: float
    low: float
    high: float
    logarithmic: bool


@dataclass(frozen=True)
class ApplicabilityDomain:
    """Made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    ends
        Feature name → least and greatest value of each number.
    lines
        Name of the size → feature name → its line over the logarithm of the size.
    places
        Of the sold homes, north and east in km, shape (n, 2); None in a market without places.
    mean_latitude
        Degrees, of the sold homes.
    farthest_km
        That any sold home was from its nearest.
    """

    market: Market
    ends: Mapping[str, tuple[float, float]]
    lines: Mapping[str, Mapping[str, Line]]
    places: FloatArray | None
    mean_latitude: float
    farthest_km: float

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Learn from n sold homes."""
        ends, lines = {}, {}
        for feature in _compared(market):
            known = facts[feature.name][facts.known(feature.name)]
            if len(known) >= FEWEST:
                ends[feature.name] = (float(known.min()), float(known.max()))
        for size in _compared(market):
            if size.required and size.name in ends and ends[size.name][0] > 0:
                others = [feature for feature in _compared(market) if feature.name in ends and feature != size]
                lines[size.name] = dict(_lines(facts, size.name, others))
        if market.coordinates is None or facts.known(market.coordinates[0]).sum() < FEWEST:
            return cls(market, ends, lines, None, np.nan, np.inf)
        latitude = float(np.nanmean(facts[market.coordinates[0]]))
        places = kilometres(facts, market.coordinates, latitude)
        places = np.unique(places[~np.isnan(places).any(axis=1)].round(3), axis=0)
        apart = np.asarray(KDTree(places).query(places, k=[2])[0]) if len(places) > 1 else np.zeros(1)
        return cls(market, ends, lines, places, latitude, float(apart.max()))

    def judge(self, facts: Facts) -> tuple[dict[int, list[Refusal]], dict[str, BoolArray]]:
        """Hold n homes against what was learned.

        Returns
        -------
        refusals
            Row → why that home gets no price; only rows that get none.
        edges
            Warning → where, shape (n,): a home near the edge of what was learned.
        """
        refusals: dict[int, list[Refusal]] = {}
        edges: dict[str, BoolArray] = {}
        for check in (self._by_itself, self._at_size, self._by_place):
            for feature, near, beyond, tell in check(facts):
                for row in np.flatnonzero(beyond):
                    refusals.setdefault(int(row), []).append(Refusal(feature, tell(int(row))))
                text = f"{feature} is at the edge of what was learned: the range is wider"
                if (near & ~beyond).any():
                    edges[text] = edges.get(text, np.zeros(len(facts), np.bool_)) | (near & ~beyond)
        return refusals, edges

    def _by_itself(self, facts: Facts) -> Iterator[Judged]:
        names = list(self.ends)
        values = facts.numbers(names)
        for place, near, beyond in _outside(values, *self._ends_and_slack):
            name = names[place]
            least, greatest = self.ends[name]

            def tell(row: int, name: str = name, least: float = least, greatest: float = greatest) -> str:
                here, low, high = (self._told(name, value) for value in (facts[name][row], least, greatest))
                return f"{here} is beyond what was learned: {low} to {high}"

            yield name, near, beyond, tell

    @cached_property
    def _ends_and_slack(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Each number's least and greatest value, and by how much it may lie outside, shape (f,).

        A number that has steps may lie a step outside.
        """
        low, high = np.array(list(self.ends.values())).reshape(-1, 2).T
        step = np.array([self.market.by_name[name].kind == "integer" for name in self.ends], np.float64)
        return low, high, np.maximum(BEYOND * (high - low), step)

    def _at_size(self, facts: Facts) -> Iterator[Judged]:
        for size, lines in self.lines.items():
            names, (level, slope, low, high), logarithmic = list(lines), *self._straight_lines[size]
            usual = level + slope * np.log(np.maximum(facts[size], 1e-9))[:, None]
            values = facts.numbers(names)
            values[:, logarithmic] = _straight(values[:, logarithmic], logarithmic=True)
            for place, near, beyond in _outside(values - usual, low, high, BEYOND_AT_SIZE * (high - low)):
                name = names[place]

                def tell(
                    row: int,
                    name: str = name,
                    size: str = size,
                    line: Line = lines[name],
                    usual: FloatArray = usual[:, place],
                ) -> str:
                    ends = (_back(usual[row] + end, logarithmic=line.logarithmic) for end in (line.low, line.high))
                    low, high = (self._told(name, float(np.clip(end, *self.ends[name]))) for end in ends)
                    here, so_large = self._told(name, facts[name][row]), self._told(size, facts[size][row])
                    return f"{here} is beyond what was learned of homes with {size} {so_large}: {low} to {high}"

                yield name, near, beyond, tell

    @cached_property
    def _straight_lines(self) -> Mapping[str, tuple[FloatArray, BoolArray]]:
        """Name of the size → level, slope, low and high of its lines, shape (4, f), and which are logarithmic."""
        return {
            size: (
                np.array([(line.level, line.slope, line.low, line.high) for line in lines.values()])
                .reshape(-1, 4)
                .T,
                np.array([line.logarithmic for line in lines.values()], np.bool_),
            )
            for size, lines in self.lines.items()
        }

    def _told(self, name: str, value: float) -> str:
        return in_words(self.market.by_name[name], value)

    def _by_place(self, facts: Facts) -> Iterator[Judged]:
        if self.places is None or self.market.coordinates is None:
            return
        place = kilometres(facts, self.market.coordinates, self.mean_latitude)
        somewhere = ~np.isnan(place).any(axis=1)
        km = np.zeros(len(facts))
        km[somewhere] = self._tree.query(place[somewhere])[0]

        def tell(row: int) -> str:
            latitude, longitude = (float(facts[name][row]) for name in self.market.coordinates or ())
            return (
                f"the nearest sold home is {km[row]:.1f} km from {latitude:g}, {longitude:g}; "
                f"no sold home is farther than {self.farthest_km:.1f} km from its nearest"
            )

        yield self.market.coordinates[0], km > self.farthest_km, km > BEYOND_PLACE * self.farthest_km, tell

    @cached_property
    def _tree(self) -> KDTree:
        assert self.places is not None  # noqa: S101  # `_by_place` has looked
        return KDTree(self.places)

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {
            "ends": {name: list(ends) for name, ends in self.ends.items()},
            "lines": {
                size: {name: vars(line).copy() for name, line in lines.items()}
                for size, lines in self.lines.items()
            },
            "places": self.places,
            "mean_latitude": self.mean_latitude,
            "farthest_km": self.farthest_km,
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build it again from its state."""
        return cls(
            market,
            {name: (least, greatest) for name, (least, greatest) in state["ends"].items()},
            {size: {name: Line(**line) for name, line in lines.items()} for size, lines in state["lines"].items()},
            state["places"],
            state["mean_latitude"],
            state["farthest_km"],
        )


def _compared(market: Market) -> list[Feature]:
    """Return the numbers that have a range: a place has none of its own, a truth value none at all."""
    return [feature for feature in market.numbers if feature.kind in {"number", "integer", "date"}]


def _lines(facts: Facts, size: str, others: list[Feature]) -> Iterator[tuple[str, Line]]:
    """Fit each fact's line over the size, by least squares."""
    for feature in others:
        both = facts.known(feature.name) & facts.known(size)
        if both.sum() < FEWEST:
            continue
        value, usual_size = facts[feature.name][both], np.log(facts[size][both])
        logarithmic = has_long_tail(value)
        y = _straight(value, logarithmic=logarithmic)
        spread = usual_size.var()
        slope = float(np.mean((usual_size - usual_size.mean()) * y) / spread) if spread else 0.0
        level = float(y.mean() - slope * usual_size.mean())
        departure = y - level - slope * usual_size
        low, high = (float(end) for end in np.quantile(departure, NEARLY_ALL))
        yield feature.name, Line(level, slope, low, high, logarithmic)


def _straight(value: NDArray[Any], *, logarithmic: bool) -> FloatArray:
    """Return a number as it is compared."""
    straight: FloatArray = np.log1p(np.maximum(value, 0.0)) if logarithmic else value
    return straight


def _back(straight: float, *, logarithmic: bool) -> float:
    return float(np.expm1(straight)) if logarithmic else straight


def _outside(
    values: FloatArray, low: FloatArray, high: FloatArray, slack: FloatArray
) -> Iterator[tuple[int, BoolArray, BoolArray]]:
    """Find the columns of values (n, f) that are somewhere outside their interval; NaN is inside.

    Yields
    ------
    tuple
        The column, where it is outside, and where by more than the slack, shape (n,).
    """
    # The sold homes at the very ends are inside, whatever the last bits of their logarithms.
    below, above = low - _ROUNDING - values, values - high - _ROUNDING
    off = np.fmax(below, above)
    for place in np.flatnonzero((off > 0).any(axis=0)):
        yield int(place), off[:, place] > 0, off[:, place] > slack[place]
