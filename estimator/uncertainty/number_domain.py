"""Whether each number of a home, by itself and given the size, lies in the range of the sold homes.

A mistyped value of a sold home does not widen a range: values far beyond those of the other sold homes are not
part of it. A home like one of these is still accepted. Knows no prices.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.scaling import has_long_tail
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts, format_fact
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.uncertainty.domain_check import MIN_HOMES, Check, n_doubtful

MARGIN = 0.1
"""Share of a number's range by which a home may lie outside it and still be valued: homes built since the sales, a
home slightly larger than any sold one."""
MARGIN_AT_SIZE = 0.25
"""The same for the range given the size, which is based on fewer homes and on a fitted line."""
TAIL_FACTOR = 0.5
"""Extreme values that may be mistakes belong to the range if they are beyond the others by at most this share of
the others' distance from the median, on a logarithmic scale: mansions do, sizes with a digit too many do not."""
SLACK_HOMES = 20
"""A home outside the range of n sold homes counts as inside up to a distance of this number ÷ n of the range's
length: few sold homes do not show how far the market reaches. See benchmarks/DECISIONS.md, "Slack of the ranges of
few sold homes"."""
RANGE_QUANTILE = 0.0005
"""Share of sold homes beyond each end of the range given the size, at least one: a mansion without a bathroom is a
typing error and must not count as normal."""
_TOLERANCE = 1e-9


@dataclass(frozen=True)
class NumberRange:
    """The range of a number.

    Parameters
    ----------
    low, high
        Its ends.
    slack
        How far outside a home still counts as inside; see `SLACK_HOMES`.
    logarithmic
        Whether slack and distances from the range are measured as log(1 + x), because the number has a long tail.
    beyond
        Values of sold homes outside it, ascending, shape (m,).
    """

    low: float
    high: float
    slack: float
    logarithmic: bool
    beyond: FloatArray

    @classmethod
    def fit(cls, values: FloatArray) -> Self:
        """Find the range of n ≥ 1 known values."""
        values, most = np.sort(values), float(np.median(values))
        # A value that most homes have, such as a basement of 0 ft², says nothing about how far the others reach.
        others = values[values != most]
        if len(others) < MIN_HOMES:
            return cls._between(values, float(values[0]), float(values[-1]))
        n_beyond = n_doubtful(len(others))
        # Sizes are compared by their ratios; so are years, which hardly makes a difference.
        logarithmic = bool(others[n_beyond] >= 0)
        scaled = _transform(values, logarithmic=logarithmic)
        low, median, high = _transform(
            np.array([others[n_beyond], np.median(others), others[-1 - n_beyond]]), logarithmic=logarithmic
        )
        low, high = low - TAIL_FACTOR * (median - low), high + TAIL_FACTOR * (high - median)
        inside = ((scaled >= low) & (scaled <= high)) | (values == most)
        return cls._between(values, *values[inside][[0, -1]].tolist())

    @classmethod
    def _between(cls, values: FloatArray, low: float, high: float) -> Self:
        """Return the range with these ends of n known values, ascending."""
        logarithmic = has_long_tail(values)
        start, end = _transform(np.array([low, high]), logarithmic=logarithmic)
        slack = float(SLACK_HOMES / len(values) * (end - start))
        return cls(low, high, slack, logarithmic, values[(values < low) | (values > high)])

    def is_far_from_beyond(self, values: FloatArray, step: float) -> BoolArray:
        """Return where values, shape (n,), are unlike all sold ones outside the range.

        A value is like one of these if it differs by no more than a step, or than the smaller one of two margins:
        of the range's length and of the value itself.
        """
        if len(self.beyond) == 0:
            return np.ones(len(values), np.bool_)
        index = np.searchsorted(self.beyond, values).clip(1, max(1, len(self.beyond) - 1))
        ends = self.beyond[[index - 1, index.clip(max=len(self.beyond) - 1)]]
        margin = np.maximum(MARGIN * np.minimum(np.abs(ends), self.high - self.low), step)
        far: BoolArray = np.logical_and.reduce(np.abs(values - ends) > margin + _TOLERANCE)
        return far


@dataclass(frozen=True)
class SizeLine:
    """A number's expected value given the size, and the range of the sold homes' deviations from it.

    Parameters
    ----------
    level, slope
        Of the straight line over the logarithm of the size.
    low, high
        Smallest and largest deviation; see `RANGE_QUANTILE`.
    slack
        How far outside a home still counts as inside; see `SLACK_HOMES`.
    logarithmic
        Whether the number is taken as log(1 + x), because it has a long tail.
    beyond
        Size and number of the sold homes that are outside by more than the margin, shape (m, 2).
    """

    level: float
    slope: float
    low: float
    high: float
    slack: float
    logarithmic: bool
    beyond: FloatArray


@dataclass(frozen=True)
class NumberDomain:
    """Ranges of the numbers of sold homes; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market.
    ranges
        Feature name → its range.
    lines
        Name of the size → feature name → its line.
    """

    market: Market
    ranges: Mapping[str, NumberRange]
    lines: Mapping[str, Mapping[str, SizeLine]]

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Measure the ranges of n sold homes."""
        # The numbers that are compared one by one: not coordinates, not booleans.
        features = [feature for feature in market.numbers if feature.fact_kind.has_range]
        known = {feature.name: facts[feature.name][facts.known(feature.name)] for feature in features}
        ranges = {name: NumberRange.fit(values) for name, values in known.items() if len(values) >= MIN_HOMES}
        lines = {}
        for size in features:
            if size.required and size.name in ranges and ranges[size.name].low > 0:
                others = [feature for feature in features if feature.name in ranges and feature != size]
                lines[size.name] = dict(_fit_lines(facts, size.name, ranges[size.name], others))
        return cls(market, ranges, lines)

    def checks(self, facts: Facts) -> Iterator[Check]:
        """Compare n homes with the sold ones: each number by itself, then each given the size."""
        yield from self._check_numbers(facts)
        for size, lines in self.lines.items():
            yield from self._check_at_size(facts, size, lines)

    def _check_numbers(self, facts: Facts) -> Iterator[Check]:
        names, (low, high, margin, logarithmic) = list(self.ranges), self._bounds_and_margin
        values = _take_logarithms(facts.numbers(names), logarithmic)
        for index, outside, far_outside in _outside(values, low, high, margin):
            name, found = names[index], self.ranges[names[index]]
            unlike_any = far_outside & found.is_far_from_beyond(facts[name], self._step(name))
            yield Check(name, outside, unlike_any, partial(self._number_message, facts, name))

    def _number_message(self, facts: Facts, name: str, row: int) -> str:
        found = self.ranges[name]
        value, low, high = (self._format(name, number) for number in (facts[name][row], found.low, found.high))
        n_beyond = len(found.beyond)
        all_but = f"all but {n_beyond} of the " if n_beyond else ""
        return f"{value} is outside the range of {all_but}sold homes: {low} to {high}"

    def _step(self, name: str) -> float:
        return self.market.by_name[name].fact_kind.range_step

    @cached_property
    def _bounds_and_margin(self) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
        """Smallest and largest value inside each of f ranges, its margin, and which are of logarithms."""
        logarithmic = np.array([found.logarithmic for found in self.ranges.values()], np.bool_)
        ends = np.array([(found.low, found.high) for found in self.ranges.values()]).reshape(-1, 2)
        ends[logarithmic] = _transform(ends[logarithmic], logarithmic=True)
        slack = np.array([found.slack for found in self.ranges.values()], np.float64)
        step = np.where(logarithmic, 0.0, [self._step(name) for name in self.ranges])
        low, high = ends.T
        return low - slack, high + slack, np.maximum(MARGIN * (high - low), step), logarithmic

    def _check_at_size(self, facts: Facts, size: str, lines: Mapping[str, SizeLine]) -> Iterator[Check]:
        names, (level, slope, low, high, margin), logarithmic = list(lines), *self._line_arrays[size]
        expected = level + slope * _log_size(facts[size], self.ranges[size])[:, None]
        values = _take_logarithms(facts.numbers(names), logarithmic)
        for index, outside, far_outside in _outside(values - expected, low, high, margin):
            name, equals_sold = names[index], np.zeros(len(facts), np.bool_)
            for sold_size, sold_value in lines[names[index]].beyond:
                equals_sold |= (facts[size] == sold_size) & (facts[name] == sold_value)
            message = partial(self._size_message, facts, size, name, expected[:, index])
            yield Check(name, outside, far_outside & ~equals_sold, message)

    def _size_message(self, facts: Facts, size: str, name: str, expected: FloatArray, row: int) -> str:
        line, found = self.lines[size][name], self.ranges[name]
        ends = (_inverse(expected[row] + end, logarithmic=line.logarithmic) for end in (line.low, line.high))
        low, high = (self._format(name, float(np.clip(end, found.low, found.high))) for end in ends)
        value, of_size = self._format(name, facts[name][row]), self._format(size, facts[size][row])
        return f"{value} is outside the range of sold homes with {size} {of_size}: {low} to {high}"

    @cached_property
    def _line_arrays(self) -> Mapping[str, tuple[FloatArray, BoolArray]]:
        """Name of the size → its f lines' levels, slopes and bounds, shape (5, f), and which have logs.

        The bounds are the smallest and the largest deviation inside, and the margin.
        """
        arrays = {}
        for size, lines in self.lines.items():
            rows = [(line.level, line.slope, line.low, line.high, line.slack) for line in lines.values()]
            level, slope, low, high, slack = np.array(rows).reshape(-1, 5).T
            inside = np.array([level, slope, low - slack, high + slack, MARGIN_AT_SIZE * (high - low)])
            arrays[size] = inside, np.array([line.logarithmic for line in lines.values()], np.bool_)
        return arrays

    def _format(self, name: str, value: float) -> str:
        return format_fact(self.market.by_name[name], value)

    def state(self) -> dict[str, Any]:
        """Return the fitted values as plain values and arrays, for `from_state`."""
        return {
            "ranges": {name: vars(found).copy() for name, found in self.ranges.items()},
            "lines": {
                size: {name: vars(line).copy() for name, line in lines.items()}
                for size, lines in self.lines.items()
            },
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore it from its state."""
        return cls(
            market,
            {name: NumberRange(**found) for name, found in state["ranges"].items()},
            {
                size: {name: SizeLine(**line) for name, line in lines.items()}
                for size, lines in state["lines"].items()
            },
        )


def _fit_lines(
    facts: Facts, size: str, sizes: NumberRange, features: list[Feature]
) -> Iterator[tuple[str, SizeLine]]:
    """Fit each feature's line over the logarithm of the size, by least squares."""
    for feature in features:
        both_known = facts.known(feature.name) & facts.known(size)
        if both_known.sum() < MIN_HOMES:
            continue
        value, log_size = facts[feature.name][both_known], _log_size(facts[size][both_known], sizes)
        logarithmic = has_long_tail(value)
        y = _transform(value, logarithmic=logarithmic)
        slope = 0.0
        if np.ptp(log_size) > 0:  # the variance of equal sizes is a rounding error
            slope = float(np.mean((log_size - log_size.mean()) * y) / log_size.var())
        level = float(y.mean() - slope * log_size.mean())
        deviation = y - level - slope * log_size
        share = max(RANGE_QUANTILE, 1 / (len(deviation) - 1))
        low, high = (float(end) for end in np.quantile(deviation, [share, 1 - share]))
        slack, margin = SLACK_HOMES / len(deviation) * (high - low), MARGIN_AT_SIZE * (high - low)
        far = np.fmax(low - deviation, deviation - high) > slack + margin
        beyond = np.column_stack((facts[size][both_known], value))[far]
        yield feature.name, SizeLine(level, slope, low, high, slack, logarithmic, beyond)


def _log_size(size: FloatArray, sizes: NumberRange) -> FloatArray:
    """Return the logarithms of sizes; one outside the range, such as a mistyped one, is taken as the end of it."""
    log_size: FloatArray = np.log(np.minimum(np.maximum(size, sizes.low), sizes.high))
    return log_size


def _take_logarithms(values: FloatArray, which: BoolArray) -> FloatArray:
    """Replace those columns of values (n, f) that are on a logarithmic scale, and return all."""
    return np.log1p(np.maximum(values, 0.0), out=values, where=which)


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
    outside = distance > 0
    for index in np.logical_or.reduce(outside).nonzero()[0]:
        yield int(index), outside[:, index], distance[:, index] > margin[index]
