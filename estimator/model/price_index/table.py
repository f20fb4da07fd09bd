"""The price index for people: by month, by area and by segment, relative to the newest month with sales.

A price of that newest month times the factor of another month is the same home's price in the other month. The
factor of the newest month is 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts, format_fact
from estimator.market.market import Market
from estimator.model.price_index.index import PriceIndex
from estimator.model.price_index.segments import Grouping

CONFIDENCE = 0.9
"""Probability that a month's index lies in its band: the level of the ranges of values."""
_Z = 1.645
"""The central 90% of a normal distribution lie within this many standard deviations of its mean."""
_DECIMALS = 5
"""A month's index has a standard error of some tenths of a percent: more decimals would say nothing."""
_CENTRE_DECIMALS = 3
"""Of an area's centre in degrees: 100 metres, which is enough to find an area."""


@dataclass(frozen=True)
class IndexTable:
    """The index of a market in n months; without months in a market without dates.

    Parameters
    ----------
    month
        datetime64[M], shape (n,).
    index, low, high
        Factors in the middle of each month and their 90% band, shape (n,).
    n_known
        Months up to the newest one with sales; the others are a forecast.
    """

    month: DateArray
    index: FloatArray
    low: FloatArray
    high: FloatArray
    n_known: int

    @property
    def newest_month(self) -> str | None:
        """The newest month with sales, such as '2015-05'; None without months."""
        return str(self.month[self.n_known - 1]) if self.n_known else None

    def change(self, start: int, end: int) -> float | None:
        """Return the relative change between two months, counted from the newest one: −3, 0 for the last three.

        None where there is no such month.
        """
        first, last = self.n_known - 1 + start, self.n_known - 1 + end
        if first < 0 or last >= len(self.index):
            return None
        return round(float(self.index[last] / self.index[first]) - 1, _DECIMALS)

    def summary(self) -> dict[str, Any] | None:
        """Return the newest month, recent changes and the next month's forecast; None without months."""
        if not self.n_known:
            return None
        return {
            "newest_month": self.newest_month,
            "change_3_months": self.change(-3, 0),
            "change_12_months": self.change(-12, 0),
            "forecast_next_month": self.change(0, 1),
        }

    def as_dict(self) -> dict[str, Any]:
        """Return the table by column, as JSON gives it."""
        return {
            "newest_month": self.newest_month,
            "month": self.month.astype(str).tolist(),
            "index": rounded(self.index),
            "low": rounded(self.low),
            "high": rounded(self.high),
            "is_forecast": (np.arange(len(self.month)) >= self.n_known).tolist(),
        }


@dataclass(frozen=True)
class GroupIndex:
    """The index of one area or segment.

    Parameters
    ----------
    name
        Its label, its number with the unit, or the centre of an area as 'latitude, longitude'.
    sales
        Sales in the group, rounded; a home between two groups counts partly for each.
    centre
        Latitude and longitude, of an area of the map only.
    index
        Factors in the same months as the market's table, relative to the group's own newest month, shape (n,).
    """

    name: str
    sales: int
    centre: tuple[float, float] | None
    index: FloatArray

    def as_dict(self) -> dict[str, Any]:
        """Return the group as JSON gives it."""
        latitude, longitude = self.centre or (None, None)
        return {
            "name": self.name,
            "sales": self.sales,
            "latitude": latitude,
            "longitude": longitude,
            "index": rounded(self.index),
        }


@dataclass(frozen=True)
class GroupingIndex:
    """The index of each group of one grouping, the largest first; `name` is the fact's, or 'area'."""

    name: str
    groups: tuple[GroupIndex, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the grouping as JSON gives it."""
        return {"name": self.name, "groups": [group.as_dict() for group in self.groups]}


def index_table(index: PriceIndex) -> IndexTable:
    """Return the index by month, with its forecast."""
    n = index.n_months
    month = np.arange(index.first_month, index.first_month + len(index.level)).astype("datetime64[M]")
    level = index.level - index.level[n - 1 : n]
    margin = _Z * index.deviation
    return IndexTable(month, np.exp(level), np.exp(level - margin), np.exp(level + margin), n)


def grouping_tables(market: Market, index: PriceIndex, sold: Facts) -> list[GroupingIndex]:
    """Return the index by area and by segment: groups that move apart from the market.

    Parameters
    ----------
    sold
        The homes that the index was estimated from, their areas' figures filled in.
    """
    ahead = len(index.level) - index.n_months
    tables = []
    for grouping, path in zip(index.groupings, index.paths, strict=True):
        membership = grouping.memberships(market, sold)
        level = index.level[:, None] + np.concatenate((path, path[-1:].repeat(ahead, axis=0)))
        factor = np.exp(level - level[index.n_months - 1])
        sales = membership.sum(axis=0)
        centres = _centres(market, grouping, sold, membership)
        names = _names(market, grouping, centres)
        groups = tuple(
            GroupIndex(names[group], round(float(sales[group])), centres[group], factor[:, group])
            for group in np.argsort(-sales, kind="stable").tolist()
        )
        tables.append(GroupingIndex(grouping.name, groups))
    return tables


def factor_to_dates(market: Market, index: PriceIndex, facts: Facts, date: DateArray | None) -> FloatArray:
    """Return the factor from prices of the newest month with sales to those of n homes' dates, shape (n,).

    It includes how the areas and segments of each home have moved. It is 1 in a market without dates.
    """
    if date is None or not index.n_months:
        return np.ones(len(facts))
    newest = np.full(len(facts), index.level[index.n_months - 1])
    for grouping, path in zip(index.groupings, index.paths, strict=True):
        newest += grouping.memberships(market, facts) @ path[-1]
    factor: FloatArray = np.exp(index.at(market, facts, date) - newest)
    return factor


def rounded(column: FloatArray) -> list[float]:
    """Return factors as JSON gives them."""
    values: list[float] = column.round(_DECIMALS).tolist()
    return values


def _centres(
    market: Market, grouping: Grouping, sold: Facts, membership: FloatArray
) -> list[tuple[float, float] | None]:
    """Return the mean latitude and longitude of the homes in each area of the map; None for other groups."""
    if grouping.boxes is None:
        return [None] * membership.shape[1]
    assert market.coordinates is not None  # noqa: S101  # areas of the map are made from coordinates
    place = np.nan_to_num(sold.numbers(market.coordinates))
    centres = (membership.T @ place / membership.sum(axis=0)[:, None]).round(_CENTRE_DECIMALS)
    return [(latitude, longitude) for latitude, longitude in centres.tolist()]


def _names(market: Market, grouping: Grouping, centres: list[tuple[float, float] | None]) -> list[str]:
    """Return a name for each group that a person can read."""
    if grouping.boxes is not None:
        return [", ".join(f"{degrees:g}" for degrees in centre or ()) for centre in centres]
    if grouping.centres is None:
        return grouping.group_names()
    feature = next(feature for feature in market.features if feature.name == grouping.name)
    return [format_fact(feature, centre) for centre in grouping.centres.tolist()]
