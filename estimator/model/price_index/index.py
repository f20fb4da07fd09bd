"""The price index of a market: by day, by area and by segment, with its standard error and a forecast.

It is estimated from sales whose homes' worth is known without regard to the date: log price − worth, averaged by
month. A value as of any day is worth + index.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts, find_labels
from estimator.market.market import Market
from estimator.market.robust import SIGMAS_OF_MAD
from estimator.model.price_index.deviations import fit_deviations
from estimator.model.price_index.segments import Grouping, candidates
from estimator.model.price_index.trend import fit_trend

MAX_FORECAST_MONTHS = 24
"""Months after the newest sale for which the index is forecast. Later days are valued as of the last of them: no
market's sales say what prices will be in three years."""
MAX_GROUPINGS = 3
"""Groupings that an index may have; see benchmarks/DECISIONS.md, "Areas and segments of the price index"."""
MIN_GAIN = 3.0
"""Gain in log likelihood that a grouping must bring: twenty to one that its groups really move apart."""
MIN_TOGETHER = 20
"""Sales that show how far residuals scatter around a level. Months with fewer are taken together: the median of
four sales is so near to two of them that they seem to scatter by a third less, and noise passes for movement. See
benchmarks/DECISIONS.md, "Months with few sales are judged together"."""
_HUBER = 0.7
"""Standard deviations beyond which a residual pulls its month's level with constant force, as in a median."""
_HUBER_STEPS = 20
_MIN_SPREAD = 1e-3


@dataclass(frozen=True)
class IndexSales:
    """The n sales that an index is estimated from.

    Parameters
    ----------
    facts
        Of the homes, areas' figures filled in.
    date
        Days of sale, shape (n,).
    residual
        log(price) − worth, shape (n,), each worth estimated without the sale's own price.
    """

    facts: Facts
    date: DateArray
    residual: FloatArray


@dataclass(frozen=True)
class PriceIndex:
    """Made by `fit_price_index` or `from_state`; without months, the index of a market without dates: 0.

    Parameters
    ----------
    first_month
        Months since 1970-01 of the first month.
    n_months
        Months with sales, from the first to the last one; the forecast follows them.
    level, deviation
        Log price of the market in the middle of each month, and its standard error as the index of a single sale,
        which includes what is irregular about a month, shape (n_months + h,).
    predicted, predicted_deviation
        What was known of each month at its beginning, shape (n_months,). Of the first month nothing was; it has
        the level and the deviation that it has by now.
    groupings, paths
        Groupings, and what each of its groups adds to the market's level in each month, shape (n_months, g).
    spread
        Standard deviation of the residuals within a month, log price.
    """

    first_month: int = 0
    n_months: int = 0
    level: FloatArray = field(default_factory=lambda: np.empty(0))
    deviation: FloatArray = field(default_factory=lambda: np.empty(0))
    predicted: FloatArray = field(default_factory=lambda: np.empty(0))
    predicted_deviation: FloatArray = field(default_factory=lambda: np.empty(0))
    groupings: tuple[Grouping, ...] = ()
    paths: tuple[FloatArray, ...] = ()
    spread: float = 1.0

    def at(self, market: Market, facts: Facts, date: DateArray | None) -> FloatArray:
        """Return what to add to the worth of n homes to value them as of their dates, log price, shape (n,)."""
        if date is None or not self.n_months:
            return np.zeros(len(facts))
        day = self._day(date)
        return self._level_by_day[day] + self._relative(market, facts, day)

    def market_level(self, date: DateArray) -> FloatArray:
        """Return the market's level at n dates, without areas and segments, log price, shape (n,)."""
        level: FloatArray = self._level_by_day[self._day(date)]
        return level

    def before_month(self, market: Market, facts: Facts, date: DateArray | None) -> FloatArray:
        """Return the same as it was known at the beginning of each date's month."""
        if date is None or not self.n_months:
            return np.zeros(len(facts))
        day = self._day(date)
        return self._by_day(self.predicted)[day] + self._relative(market, facts, day)

    def standard_error(self, date: DateArray | None, n: int) -> FloatArray:
        """Return the standard error of the index at n dates, log price, shape (n,)."""
        if date is None or not self.n_months:
            return np.zeros(n)
        standard_error: FloatArray = self._deviation_by_day[self._day(date)]
        return standard_error

    def standard_error_before_month(self, date: DateArray | None, n: int) -> FloatArray:
        """Return the standard error of `before_month`, shape (n,)."""
        if date is None or not self.n_months:
            return np.zeros(n)
        standard_error: FloatArray = self._by_day(self.predicted_deviation)[self._day(date)]
        return standard_error

    def widening(self, standard_error: FloatArray) -> FloatArray:
        """Return the factor, at least 1, by which the index's own error widens a value's error, shape (n,)."""
        widening: FloatArray = np.sqrt(1 + (standard_error / self.spread) ** 2)
        return widening

    def relative(self, market: Market, facts: Facts, date: DateArray) -> FloatArray:
        """Return how far n homes' areas and segments are above the market at their dates, shape (n,)."""
        return self._relative(market, facts, self._day(date))

    def _relative(self, market: Market, facts: Facts, day: NDArray[np.int64]) -> FloatArray:
        """Return the same from the numbers of the days, shape (n,)."""
        total = np.zeros(len(day))
        if not self.groupings:
            return total
        before, after, share = (of_days[day] for of_days in self._months_of_days)
        for grouping, path in zip(self.groupings, self.paths, strict=True):
            if grouping.labels is not None:  # of many groups, a home is in one
                group, is_found = find_labels(facts[grouping.name], grouping.labels)
                on_the_day = (1 - share) * path[before, group] + share * path[after, group]
                total += on_the_day * is_found
            else:
                on_the_day = (1 - share[:, None]) * path[before] + share[:, None] * path[after]
                total += np.einsum("ng,ng->n", grouping.memberships(market, facts), on_the_day)
        return total

    def _day(self, date: DateArray) -> NDArray[np.int64]:
        """Return the number of n days: 0 is the first day of the first month.

        Days before are taken as that one, and days after the forecast as its last: the index is constant there.
        """
        day = date.astype("datetime64[D]").astype(np.int64) - self._first_day
        number: NDArray[np.int64] = np.minimum(np.maximum(day, 0), len(self._positions) - 1)
        return number

    @cached_property
    def _month_starts(self) -> DateArray:
        """First day of each month to the end of the forecast, and of the one after, shape (n_months + h + 1,)."""
        months = np.arange(self.first_month, self.first_month + len(self.level) + 1)
        return months.astype("datetime64[M]").astype("datetime64[D]")

    @cached_property
    def _first_day(self) -> int:
        """Days since 1970-01-01 of the first day of the first month."""
        return int(self._month_starts[0].astype(np.int64))

    @cached_property
    def _positions(self) -> FloatArray:
        """Where each day lies among the months' middles, shape (n_days,): 0 is the middle of the first month."""
        start = self._month_starts
        days = np.arange(start[0], start[-1])
        month = days.astype("datetime64[M]").astype(np.int64) - self.first_month
        day, length = (days - start[month]).astype(np.int64), np.diff(start).astype(np.int64)[month]
        positions: FloatArray = month + (day + 0.5) / length - 0.5
        return positions

    @cached_property
    def _months_of_days(self) -> tuple[NDArray[np.intp], NDArray[np.intp], FloatArray]:
        """The two months whose middles each day lies between, and the share of the later one, (n_days,) each.

        Months after the newest sale have no areas and segments of their own: theirs are those of the last month.
        """
        position = self._positions.clip(0, self.n_months - 1)
        before = position.astype(np.intp)
        return before, np.minimum(before + 1, self.n_months - 1), position - before

    @cached_property
    def _level_by_day(self) -> FloatArray:
        return self._by_day(self.level)

    @cached_property
    def _deviation_by_day(self) -> FloatArray:
        return self._by_day(self.deviation)

    def _by_day(self, monthly: FloatArray) -> FloatArray:
        """Return each day's value, shape (n_days,), straight between those in the middle of each month."""
        values: FloatArray = np.interp(self._positions, np.arange(len(monthly)), monthly)
        return values

    def state(self) -> dict[str, Any]:
        """Return the index as plain values and arrays, for `from_state`."""
        groupings = [grouping.state() for grouping in self.groupings]
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return values | {"groupings": groupings, "paths": list(self.paths)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the index from its state."""
        groupings = tuple(Grouping.from_state(grouping) for grouping in state["groupings"])
        return cls(**{**state, "groupings": groupings, "paths": tuple(state["paths"])})


def fit_price_index(market: Market, sales: IndexSales) -> PriceIndex:
    """Estimate the index of a market from n ≥ 1 sales."""
    calendar_month = sales.date.astype("datetime64[M]").astype(np.int64)
    first_month = int(calendar_month.min())
    month = calendar_month - first_month
    n_months = int(month.max()) + 1
    residual, spread = sales.residual, _spread(sales.residual, month, n_months)
    value, variance = _monthly_levels(residual, month, n_months, spread)
    trend = fit_trend(value, variance, MAX_FORECAST_MONTHS)
    pull = _pull(residual - value[month], spread) + (value - trend.level[:n_months])[month]
    groupings, paths = _fit_groupings(market, sales.facts, pull, month, n_months)
    return PriceIndex(
        first_month,
        n_months,
        trend.level,
        _deviation(trend.variance),
        _known_before(trend.predicted, trend.level),
        _deviation(_known_before(trend.predicted_variance, trend.variance)),
        groupings,
        paths,
        spread,
    )


def _known_before(predicted: FloatArray, by_now: FloatArray) -> FloatArray:
    """Return what was predicted of each month; of the first one, before which no sale is, what is known by now.

    A guess without any sale is no measure of how far off the index is: errors divided by its deviation would be
    tiny, and so would the ranges of a market whose sales are all of one month.
    """
    return np.concatenate((by_now[:1], predicted[1:]))


def _deviation(variance: FloatArray) -> FloatArray:
    deviation: FloatArray = np.sqrt(variance.clip(min=0.0))
    return deviation


def _months_together(month: NDArray[np.int64], n_months: int) -> NDArray[np.int64]:
    """Return the group of each sale, shape (n,): as many months as it takes for `MIN_TOGETHER` sales."""
    group, number, sales = np.zeros(n_months, np.int64), 0, 0
    for position, count in enumerate(np.bincount(month, minlength=n_months).tolist()):
        group[position], sales = number, sales + count
        if sales >= MIN_TOGETHER:
            number, sales = number + 1, 0
    group[group == number] = max(number - 1, 0)  # what is left at the end joins the group before
    return group[month]


def _spread(residual: FloatArray, month: NDArray[np.int64], n_months: int) -> float:
    """Return the standard deviation of the residuals within a month, by the median absolute deviation."""
    group, median = _months_together(month, n_months), np.zeros(n_months)
    for number in np.unique(group):
        median[number] = np.median(residual[group == number])
    return max(SIGMAS_OF_MAD * float(np.median(np.abs(residual - median[group]))), _MIN_SPREAD)


def _monthly_levels(
    residual: FloatArray, month: NDArray[np.int64], n_months: int, spread: float
) -> tuple[FloatArray, FloatArray]:
    """Return Huber's estimate of each month's level and its variance, shape (n_months,); NaN without sales."""
    group, count = _months_together(month, n_months), np.bincount(month, minlength=n_months)
    around_group = residual - _levels(residual, group, n_months, spread)[group]
    variance = max(float(np.mean(_pull(around_group, spread) ** 2)), _MIN_SPREAD**2)
    return _levels(residual, month, n_months, spread), variance / np.maximum(count, 1)


def _levels(residual: FloatArray, group: NDArray[np.int64], n_groups: int, spread: float) -> FloatArray:
    """Return Huber's estimate of the level of each group, shape (n_groups,); NaN without sales."""
    value = np.full(n_groups, np.nan)
    for number in np.unique(group):
        own = residual[group == number]
        level = float(np.median(own))
        for _ in range(_HUBER_STEPS):
            weight = np.minimum(1.0, _HUBER * spread / np.maximum(np.abs(own - level), 1e-12))
            level = float((weight * own).sum() / weight.sum())
        value[number] = level
    return value


def _pull(deviation: FloatArray, spread: float) -> FloatArray:
    """Return how far each sale pulls Huber's estimate of its month (its influence function; Huber 1964).

    The mean of the pulls is 0. Their mean square over the number of sales is the variance of the estimate.
    """
    inside = max(float(np.mean(np.abs(deviation) < _HUBER * spread)), 0.1)
    pull: FloatArray = deviation.clip(-_HUBER * spread, _HUBER * spread) / inside
    return pull


def _fit_groupings(
    market: Market, facts: Facts, residual: FloatArray, month: NDArray[np.int64], n_months: int
) -> tuple[tuple[Grouping, ...], tuple[FloatArray, ...]]:
    """Add the groupings that explain most, one after the other, each by what the ones before leave unexplained."""
    left = candidates(market, facts)
    variance = float(np.mean(residual**2))
    memberships = [grouping.memberships(market, facts) for grouping in left]
    groupings: list[Grouping] = []
    paths: list[FloatArray] = []
    while left and len(groupings) < MAX_GROUPINGS:
        fits = [
            fit_deviations(*_group_means(residual, month, n_months, weight, variance)) for weight in memberships
        ]
        best = int(np.argmax([fit.gain for fit in fits]))
        if fits[best].gain < MIN_GAIN:
            break
        groupings.append(left.pop(best))
        paths.append(fits[best].path)
        residual = residual - np.einsum("ng,ng->n", memberships.pop(best), fits[best].path[month])
    return tuple(groupings), tuple(paths)


def _group_means(
    residual: FloatArray, month: NDArray[np.int64], n_months: int, weight: FloatArray, variance: float
) -> tuple[FloatArray, FloatArray]:
    """Return each group's mean residual in each month and its variance, shape (n_months, g)."""
    count, total = np.zeros((2, n_months, weight.shape[1]))
    np.add.at(count, month, weight)
    np.add.at(total, month, weight * residual[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total / count, np.nan), variance / np.maximum(count, 1e-3)
