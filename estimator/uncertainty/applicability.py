"""Whether a home is similar enough to the sold ones to be valued, and if not, because of which fact.

A price for a home unlike any sold one would be a guess that looks like a valuation. Three things are compared with
the sold homes: each number by itself, each number given the home's size, and the distance to the nearest sold
home. A home just outside gets a price with a warning and a wider range; one farther outside gets none. Knows no
prices.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property, partial
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.features.scaling import has_long_tail
from estimator.market.areas import kilometres
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts, format_fact
from estimator.market.feature import Feature
from estimator.market.market import Market

MARGIN = 0.1
"""Share of a number's range by which a home may lie outside it and still be valued: homes built since the sales, a
home slightly larger than any sold one."""
MARGIN_AT_SIZE = 0.25
"""The same for the range given the size, which is based on fewer homes and on a fitted line."""
RANGE_QUANTILES = (0.0005, 0.9995)
"""Quantiles that bound the range given the size: a mansion without a bathroom is a typing error and must not count
as normal."""
MAX_DISTANCE_FACTOR = 2.0
"""A home is refused if its nearest sold home is farther away than this many times the largest such distance among
the sold homes themselves."""
MIN_HOMES = 100
"""Sold homes that must have a fact before its range is used, and a location before distances are: with fewer, the
ranges of values are wide enough to show how little is known."""
_TOLERANCE = 1e-9


class Refusal(NamedTuple):
    """Why a home gets no price: the fact, and a sentence with its value and the range of the sold homes."""

    field: str
    message: str


class _Check(NamedTuple):
    """Result of comparing one fact of n homes with the sold homes.

    Parameters
    ----------
    feature
        Name of the fact.
    outside, far_outside
        Where it is outside the range of the sold homes, and where by more than the margin, shape (n,).
    message
        Row → why that home is refused.
    """

    feature: str
    outside: BoolArray
    far_outside: BoolArray
    message: Callable[[int], str]


@dataclass(frozen=True)
class SizeLine:
    """A number's expected value given the size, and the range of the sold homes' deviations from it.

    Parameters
    ----------
    level, slope
        Of the straight line over the logarithm of the size.
    low, high
        Smallest and largest deviation; see `RANGE_QUANTILES`.
    logarithmic
        Whether the number is taken as log(1 + x), because it has a long tail.
    """

    level: float
    slope: float
    low: float
    high: float
    logarithmic: bool


@dataclass(frozen=True)
class ApplicabilityDomain:
    """The range of homes that can be valued; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    bounds
        Feature name → smallest and largest value of each number.
    lines
        Name of the size → feature name → its line.
    places
        Of the sold homes, km north and east, shape (n, 2); None in a market without locations.
    mean_latitude
        Degrees, of the sold homes.
    max_nearest_km
        Largest distance from any sold home to its nearest other one.
    """

    market: Market
    bounds: Mapping[str, tuple[float, float]]
    lines: Mapping[str, Mapping[str, SizeLine]]
    places: FloatArray | None
    mean_latitude: float
    max_nearest_km: float

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Measure the ranges of n sold homes."""
        bounds, lines = {}, {}
        features = _features_with_range(market)
        for feature in features:
            known = facts[feature.name][facts.known(feature.name)]
            if len(known) >= MIN_HOMES:
                bounds[feature.name] = (float(known.min()), float(known.max()))
        for size in features:
            if size.required and size.name in bounds and bounds[size.name][0] > 0:
                others = [feature for feature in features if feature.name in bounds and feature != size]
                lines[size.name] = dict(_fit_lines(facts, size.name, others))
        if market.coordinates is None or facts.known(market.coordinates[0]).sum() < MIN_HOMES:
            return cls(market, bounds, lines, None, np.nan, np.inf)
        latitude = float(np.nanmean(facts[market.coordinates[0]]))
        places = kilometres(facts, market.coordinates, latitude)
        places = np.unique(places[~np.isnan(places).any(axis=1)].round(3), axis=0)
        nearest = np.asarray(KDTree(places).query(places, k=[2])[0]) if len(places) > 1 else np.zeros(1)
        return cls(market, bounds, lines, places, latitude, float(nearest.max()))

    def check(self, facts: Facts) -> tuple[dict[int, list[Refusal]], dict[str, BoolArray]]:
        """Compare n homes with the sold ones.

        Returns
        -------
        refusals
            Row → why that home gets no price; only rows that get none.
        near_boundary
            Warning → which homes, shape (n,), lie just outside the range of the sold homes.
        """
        refusals: dict[int, list[Refusal]] = {}
        # By feature in the market's order, the location last, so that the order of warnings never depends on the
        # other homes.
        features = sorted(
            self.market.features, key=lambda feature: feature.name in (self.market.coordinates or ())
        )
        near = {feature.name: np.zeros(len(facts), np.bool_) for feature in features}
        for check in (*self._check_numbers(facts), *self._check_numbers_at_size(facts), *self._check_place(facts)):
            for row in np.flatnonzero(check.far_outside):
                refusals.setdefault(int(row), []).append(Refusal(check.feature, check.message(int(row))))
            near[check.feature] |= check.outside & ~check.far_outside
        return refusals, {self._warning(name): where for name, where in near.items() if where.any()}

    def _warning(self, name: str) -> str:
        if self.market.coordinates is not None and name == self.market.coordinates[0]:
            return "Few sold homes are near this location, so the range is wider"
        return f"Few sold homes have {_with_article(name)} like this, so the range is wider"

    def _check_numbers(self, facts: Facts) -> Iterator[_Check]:
        names = list(self.bounds)
        for index, outside, far_outside in _outside(facts.numbers(names), *self._bounds_and_margin):
            yield _Check(names[index], outside, far_outside, partial(self._number_message, facts, names[index]))

    def _number_message(self, facts: Facts, name: str, row: int) -> str:
        value, low, high = (self._format(name, number) for number in (facts[name][row], *self.bounds[name]))
        return f"{value} is outside the range of sold homes: {low} to {high}"

    @cached_property
    def _bounds_and_margin(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Smallest and largest value of each of f numbers, and its margin, shape (f,)."""
        low, high = np.array(list(self.bounds.values())).reshape(-1, 2).T
        step = np.array([self.market.by_name[name].fact_kind.range_step for name in self.bounds], np.float64)
        return low, high, np.maximum(MARGIN * (high - low), step)

    def _check_numbers_at_size(self, facts: Facts) -> Iterator[_Check]:
        for size, lines in self.lines.items():
            names, (level, slope, low, high), logarithmic = list(lines), *self._line_arrays[size]
            expected = level + slope * np.log(np.maximum(facts[size], 1e-9))[:, None]
            values = facts.numbers(names)
            values[:, logarithmic] = _transform(values[:, logarithmic], logarithmic=True)
            margin = MARGIN_AT_SIZE * (high - low)
            for index, outside, far_outside in _outside(values - expected, low, high, margin):
                message = partial(self._size_message, facts, size, names[index], expected[:, index])
                yield _Check(names[index], outside, far_outside, message)

    def _size_message(self, facts: Facts, size: str, name: str, expected: FloatArray, row: int) -> str:
        line = self.lines[size][name]
        ends = (_inverse(expected[row] + end, logarithmic=line.logarithmic) for end in (line.low, line.high))
        low, high = (self._format(name, float(np.clip(end, *self.bounds[name]))) for end in ends)
        value, of_size = self._format(name, facts[name][row]), self._format(size, facts[size][row])
        return f"{value} is outside the range of sold homes with {size} {of_size}: {low} to {high}"

    @cached_property
    def _line_arrays(self) -> Mapping[str, tuple[FloatArray, BoolArray]]:
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

    def _format(self, name: str, value: float) -> str:
        return format_fact(self.market.by_name[name], value)

    def _check_place(self, facts: Facts) -> Iterator[_Check]:
        if self.places is None or self.market.coordinates is None:
            return
        place = kilometres(facts, self.market.coordinates, self.mean_latitude)
        known = ~np.isnan(place).any(axis=1)
        km = np.zeros(len(facts))
        km[known] = self._tree.query(place[known])[0]
        outside, far_outside = km > self.max_nearest_km, km > MAX_DISTANCE_FACTOR * self.max_nearest_km
        latitude, longitude = self.market.coordinates

        def message(row: int) -> str:
            here = f"{facts[latitude][row]:g}, {facts[longitude][row]:g}"
            return (
                f"the nearest sold home is {km[row]:.1f} km from {here}; the largest distance from a sold home to "
                f"its nearest neighbour is {self.max_nearest_km:.1f} km"
            )

        yield _Check(latitude, outside, far_outside, message)

    @cached_property
    def _tree(self) -> KDTree:
        assert self.places is not None  # noqa: S101  # `_check_place` has checked
        return KDTree(self.places)

    def state(self) -> dict[str, Any]:
        """Return the fitted values as plain values and arrays, for `from_state`."""
        return {
            "bounds": {name: list(bounds) for name, bounds in self.bounds.items()},
            "lines": {
                size: {name: asdict(line) for name, line in lines.items()} for size, lines in self.lines.items()
            },
            "places": self.places,
            "mean_latitude": self.mean_latitude,
            "max_nearest_km": self.max_nearest_km,
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore it from its state."""
        return cls(
            market,
            {name: (low, high) for name, (low, high) in state["bounds"].items()},
            {
                size: {name: SizeLine(**line) for name, line in lines.items()}
                for size, lines in state["lines"].items()
            },
            state["places"],
            state["mean_latitude"],
            state["max_nearest_km"],
        )


def _features_with_range(market: Market) -> list[Feature]:
    """Return the numbers that are compared one by one: not coordinates, not booleans."""
    return [feature for feature in market.numbers if feature.fact_kind.has_range]


def _fit_lines(facts: Facts, size: str, features: list[Feature]) -> Iterator[tuple[str, SizeLine]]:
    """Fit each feature's line over the logarithm of the size, by least squares."""
    for feature in features:
        both_known = facts.known(feature.name) & facts.known(size)
        if both_known.sum() < MIN_HOMES:
            continue
        value, log_size = facts[feature.name][both_known], np.log(facts[size][both_known])
        logarithmic = has_long_tail(value)
        y = _transform(value, logarithmic=logarithmic)
        variance = log_size.var()
        slope = float(np.mean((log_size - log_size.mean()) * y) / variance) if variance else 0.0
        level = float(y.mean() - slope * log_size.mean())
        deviation = y - level - slope * log_size
        low, high = (float(end) for end in np.quantile(deviation, RANGE_QUANTILES))
        yield feature.name, SizeLine(level, slope, low, high, logarithmic)


def _transform(value: NDArray[Any], *, logarithmic: bool) -> FloatArray:
    """Return a number on the scale of its line."""
    transformed: FloatArray = np.log1p(np.maximum(value, 0.0)) if logarithmic else value
    return transformed


def _inverse(transformed: float, *, logarithmic: bool) -> float:
    return float(np.expm1(transformed)) if logarithmic else transformed


def _outside(
    values: FloatArray, low: FloatArray, high: FloatArray, margin: FloatArray
) -> Iterator[tuple[int, BoolArray, BoolArray]]:
    """Find the columns of values (n, f) that have rows outside their interval; NaN counts as inside.

    Yields
    ------
    tuple
        Index of the column, where it is outside, and where by more than the margin, shape (n,).
    """
    # The tolerance keeps the sold homes at the very ends inside, whatever the last bits of their logarithms.
    below, above = low - _TOLERANCE - values, values - high - _TOLERANCE
    distance = np.fmax(below, above)
    for index in np.flatnonzero((distance > 0).any(axis=0)):
        yield int(index), distance[:, index] > 0, distance[:, index] > margin[index]


def _with_article(name: str) -> str:
    """Return a feature's name with its indefinite article, or alone where it is a plural."""
    if name.endswith("s") and not name.endswith("ss"):
        return name
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
