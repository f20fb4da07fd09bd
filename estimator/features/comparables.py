"""Comparables: the sold homes nearest a subject, and what they say of its price.

They say it twice: once as the appraiser's adjustment grid has it, which adjusts every comparable's price for how
the subject differs, and once as they are, the few nearest.

Only what a valuer could have known is used: sales closed before the valuation date, and none of the home itself.
Training sales are looked up by the same rule as every other subject, so that whoever learns from these facts
learns from what it will see.

Of a subject's facts whose effect on the price has a declared direction, only that they are known is looked at:
comparables are adjusted to what is usual. Their own effect on the price is then all that they have.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.adjustment_grid import (
    BATCH,
    NEAR_KM,
    STEPS,
    AdjustmentGrid,
    Differences,
    Homes,
    Near,
    Terms,
)
from estimator.features.encoding import NumberScales
from estimator.features.sold_homes import SoldHomes
from estimator.market.areas import kilometres
from estimator.market.arrays import DateArray, Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

FEATURE_NAMES = (
    "comparables_log_price",
    "comparables_log_count",
    "comparables_spread",
    "nearest_log_price",
    "nearest_log_km",
    "farthest_log_km",
)
"""The facts given. Of the grid: the log price that the comparables suggest, the log of how many of them count
(1/Σw²), and the standard deviation of what they suggest one by one. Of the nearest `NEAREST` as they are: their
mean log price, weighed by 1/km, and the distance of the last. The distance of the last of all comparables."""

N_COMPARABLES = 64
"""Nearest sold homes that the grid weighs; some 16 of them come to count in King County."""
NEAREST = 4
"""Nearest sold homes whose prices are given as they are. On California Housing's validation blocks these three
facts lowered the error from .403 to .391; in King County they made no difference by time, .0007 at random."""
TOLD_FROM = 8192
"""Sales, at most, from which what people read of a difference's worth is learned: some 50 numbers."""

_SIGN = {"increasing": 1.0, "decreasing": -1.0, None: 0.0}
_DAYS_PER_UNIT = 100.0
"""Days in one unit of time, so that a year's trend is a number like the others."""
_CHUNK = 512
"""Subjects at a time: the rows of their 64 comparables then take some 10 MB, whatever the file's size."""


@dataclass(frozen=True)
class Grid:
    """The adjustment grid of one subject: its m comparables, m ≤ `N_COMPARABLES`, the nearest first.

    Parameters
    ----------
    sold
        The comparables.
    km
        How far they are, shape (m,).
    weight
        Each one's share in what they say together, shape (m,).
    differences
        What lies between subject and comparables, shape (m, ·), in all that is known of the subject.
    """

    sold: Sales
    km: FloatArray
    weight: Float32Array
    differences: Differences


class Comparables:
    """Sold homes and the learned grid; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market, with coordinates.
    scales
        Of the facts that are numbers.
    theta
        What the grid learned; see `Terms`.
    told
        The same with what each difference is worth by itself, for people to read.
    sold
        The sold homes, in order of their days: facts are looked up in them, and price, date and home.
    centre
        Mean log price and mean latitude of the sales learned from.
    """

    names = FEATURE_NAMES

    def __init__(
        self,
        market: Market,
        scales: NumberScales,
        theta: FloatArray,
        told: FloatArray,
        sold: Sales,
        centre: tuple[float, float],
    ) -> None:
        self.market = market
        self.sold = sold
        self._scales = scales
        self._theta = theta
        self._told = told
        self._centre = centre
        self._directed = np.array([feature.price_effect is not None for feature in market.numbers], np.bool_)
        # What is seen of a home: all that is told, or only the facts that all homes have.
        required = [feature.required for feature in market.numbers]
        self._ways = np.array([np.ones(len(required)), required], np.float32)[:, None]
        self._log_price = (np.log(sold.price) - centre[0]).astype(np.float32)
        self._grid = AdjustmentGrid(self._homes(sold.facts, sold.date), self._log_price)
        place = kilometres(sold.facts, self._coordinates, centre[1])
        self._index = SoldHomes(place, _day(sold.date, len(sold), later=False), sold.home)

    @classmethod
    def fit(cls, market: Market, sales: Sales, rng: np.random.Generator) -> Self | None:
        """Learn the grid from sales, each seen without its own home and without what was sold later.

        Returns
        -------
        Comparables or None
            None in a market whose homes have no known places.
        """
        sold = _with_places(market, sales)
        if sold is None:
            return None
        numbers = sold.facts.numbers([feature.name for feature in market.numbers])
        alike = np.array([feature.price_effect is None for feature in market.numbers], np.bool_)
        centre = float(np.log(sold.price).mean()), float(sold.facts[market.coordinates[0]].mean())  # type: ignore[index]
        start = Terms.start(alike)
        untaught = cls(market, NumberScales.fit(numbers), start, start, sold, centre)
        enough = STEPS * BATCH  # no more are ever drawn
        some = len(sold) > enough
        seen = sold.take(np.sort(rng.choice(len(sold), enough, replace=False))) if some else sold
        subjects, near = (
            untaught._subjects(seen.facts, seen.date),
            untaught._near(seen.facts, seen.date, seen.home),
        )
        log_price = (np.log(seen.price) - centre[0]).astype(np.float32)
        theta = untaught._grid.learn(subjects, near, log_price, untaught._theta, rng)
        every = -(-len(seen) // TOLD_FROM)
        told = untaught._worth_told(seen.take(np.arange(0, len(seen), every)), theta)
        return cls(market, untaught._scales, theta, told, sold, centre)

    def with_sales(self, sales: Sales) -> "Comparables":
        """Return the same grid with other sold homes to look among, those of a known place."""
        sold = _with_places(self.market, sales)
        return (
            self
            if sold is None
            else Comparables(self.market, self._scales, self._theta, self._told, sold, self._centre)
        )

    def facts(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None) -> Float32Array:
        """Return what the comparables of n homes say at their valuation dates, shape (n, 6); see `look`."""
        return self.look(facts, date, home)[0]

    def look(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None
    ) -> tuple[Float32Array, Float32Array]:
        """Return what the comparables of n homes say at their valuation dates, and how good they are.

        NaN where a home's place is unknown, or nothing was sold before its day. None of it depends on the other
        homes.

        Parameters
        ----------
        home
            Which homes they are, so that their own sales are left out; None: homes that were not sold.

        Returns
        -------
        said
            Shape (n, 6); see `FEATURE_NAMES`.
        clues
            The same, shape (n, 6), of the home as it would be seen were only the facts known that all homes have.
            So whoever tells less does not look the more certain for it.
        """
        said = np.empty((len(facts), len(FEATURE_NAMES)), np.float32)
        error_features = np.empty_like(said)
        for start in range(0, len(facts), _CHUNK):
            rows = slice(start, start + _CHUNK)
            some, day = facts.take(rows), None if date is None else date[rows]
            near = self._near(some, day, None if home is None else home[rows])
            subjects = self._subjects(some, day)
            as_told_and_bare = replace(
                subjects, facts=subjects.facts * self._ways, known=subjects.known * self._ways
            )
            said[rows, :3], bare = self._by_grid(as_told_and_bare, near)
            said[rows, 3:] = self._as_they_are(near)
            error_features[rows, :3], error_features[rows, 3:] = bare, said[rows, 3:]
            nowhere = ~near.there[:, 0]
            said[rows][nowhere], error_features[rows][nowhere] = np.nan, np.nan
        return said, error_features

    def grid(self, facts: Facts, date: DateArray | None) -> Grid:
        """Return the grid of one home that was not sold, at its valuation date, for people to read.

        The weights are those behind `facts`. The differences are from the subject as it is, also in the facts of
        declared direction, which `facts` leaves to whoever learns from it; and what they are worth is learned so.
        """
        near, subject = self._near(facts, date, None), self._homes(facts, date)
        there = np.isfinite(near.km[0])
        weight = self._grid.weigh(subject, near, self._told).weight
        between = self._grid.differences(subject, near, self._told)
        return Grid(
            self.sold.take(near.rows[0, there]),
            near.km[0, there],
            weight[0, there],
            Differences(between.adjustment[0, there], between.against[0, there]),
        )

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        sold = self.sold
        columns = {name: sold.facts[name] for name in sold.facts.columns}
        return {
            "scales": [self._scales.median, self._scales.spread, self._scales.logarithmic],
            "theta": self._theta,
            "told": self._told,
            "facts": columns,
            "price": sold.price,
            "date": None if sold.date is None else sold.date.astype(np.int64),
            "home": sold.home,
            "centre": list(self._centre),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Build the comparables again from their state; they say the same, bit for bit."""
        date = None if state["date"] is None else state["date"].astype("datetime64[D]")
        sold = Sales(Facts(state["facts"]), state["price"], date, state["home"])
        return cls(
            market, NumberScales(*state["scales"]), state["theta"], state["told"], sold, tuple(state["centre"])
        )

    @property
    def _coordinates(self) -> tuple[str, str]:
        assert self.market.coordinates is not None  # noqa: S101  # `fit` has looked
        return self.market.coordinates

    def _homes(self, facts: Facts, date: DateArray | None) -> Homes:
        """Return n homes as the grid sees them."""
        names = [feature.name for feature in self.market.numbers]
        scaled = self._scales.apply(facts.numbers(names)).astype(np.float32)
        known = ~np.isnan(scaled)
        days = np.zeros(len(facts)) if date is None else date.astype("datetime64[D]").astype(np.float64)
        time = (days / _DAYS_PER_UNIT).astype(np.float32)
        return Homes(np.where(known, scaled, np.float32(0)), known.astype(np.float32), time)

    def _subjects(self, facts: Facts, date: DateArray | None) -> Homes:
        """Return n homes as the grid sees them, each the usual one in the facts of declared direction."""
        homes = self._homes(facts, date)
        homes.facts[:, self._directed] = 0.0
        return homes

    def _worth_told(self, seen: Sales, theta: FloatArray) -> FloatArray:
        """Return θ with what each difference is worth by itself; see `AdjustmentGrid.learn_worth`."""
        direction = np.array([_SIGN[feature.price_effect] for feature in self.market.numbers])
        log_price = (np.log(seen.price) - self._centre[0]).astype(np.float32)
        near = self._near(seen.facts, seen.date, seen.home)
        return self._grid.learn_worth(self._homes(seen.facts, seen.date), near, log_price, theta, direction)

    def _near(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None) -> Near:
        """Return the comparables of n homes."""
        place = kilometres(facts, self._coordinates, self._centre[1])
        day = _day(date, len(facts), later=True)
        who = np.full(len(facts), -1, np.int64) if home is None else home
        return Near(*self._index.nearest(place, day, who, N_COMPARABLES))

    def _by_grid(self, subjects: Homes, near: Near) -> Float32Array:
        """Return the grid's three facts, shape (n, 3); of subjects seen in several ways, (…, n, 3)."""
        grid = self._grid.weigh(subjects, near, self._theta)
        spread = np.sqrt((grid.weight * (grid.suggested - grid.estimate[..., None]) ** 2).sum(axis=-1))
        count = 1 / (grid.weight**2).sum(axis=-1).clip(min=1 / N_COMPARABLES)
        return np.stack((grid.estimate + np.float32(self._centre[0]), np.log(count), spread), axis=-1)

    def _as_they_are(self, near: Near) -> Float32Array:
        """Return the three facts of the nearest; of those there are, where there are fewer."""
        weight = 1 / (near.km[:, :NEAREST] + NEAR_KM)  # 0 where there is none, infinitely far away
        total = np.maximum(weight.sum(axis=1), 1e-30)
        price = (weight * self._log_price[near.rows[:, :NEAREST]]).sum(axis=1) / total
        log_km = np.where(near.there, near.log_km, -np.inf)
        nearest, farthest = log_km[:, :NEAREST].max(axis=1), log_km.max(axis=1)
        return np.stack((price + self._centre[0], nearest, farthest), axis=1).astype(np.float32)


def _with_places(market: Market, sales: Sales) -> Sales | None:
    """Return the sales whose place is known, in order of their days; None if there are none."""
    if market.coordinates is None:
        return None
    somewhere = sales.facts.known(market.coordinates[0]) & sales.facts.known(market.coordinates[1])
    return sales.take(np.flatnonzero(somewhere)).by_date() if somewhere.any() else None


def _day(date: DateArray | None, n: int, *, later: bool) -> NDArray[np.int64]:
    """Return days as numbers; without dates every sale is earlier than every valuation."""
    return np.full(n, int(later)) if date is None else date.astype("datetime64[D]").astype(np.int64)
