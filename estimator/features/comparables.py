"""Comparables: the sold homes nearest to a subject, and the price features computed from them.

There are two kinds of price features: those of the appraiser's adjustment grid, which adjusts every comparable's
price for its differences from the subject, and those of the few nearest sales, unadjusted.

Only sales that a valuer could have known are used: closed before the valuation date, and not of the home itself.
The features of training sales follow the same rule, so that a network is trained on what it will be given.

The value of a subject's monotone feature (one with a `price_effect`) is not used, only whether it is known: the
comparables are adjusted to the median value. The effect of such a feature then stays with the networks, which keep
it monotone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.adjustment_grid import (
    BATCH_SIZE,
    DISTANCE_OFFSET_KM,
    N_STEPS,
    AdjustmentGrid,
    GridDifferences,
    GridHomes,
    GridParameters,
    Neighbours,
)
from estimator.features.scaling import NumberScales
from estimator.features.sold_homes import SoldHomes
from estimator.market.areas import kilometres
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray
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
"""The price features. From the grid: its estimate, the log of the effective number of comparables (1/Σw²), and the
weighted standard deviation of their adjusted log prices. From the `N_NEAREST` nearest sales: their mean log price,
weighted by 1/km, and the log distance of the farthest of them. Last, the log distance of the farthest
comparable."""
N_GRID_FEATURES = 3
"""The first features are the grid's."""

N_COMPARABLES = 64
"""Nearest sold homes in the grid; see benchmarks/DECISIONS.md, "Number of comparables"."""
N_NEAREST = 4
"""Nearest sold homes whose prices are used unadjusted; see benchmarks/DECISIONS.md, "The nearest sales"."""
MAX_DISPLAY_SALES = 8192
"""Sales that the price effects shown to people are fitted to, at most: they are some 50 numbers."""

_SIGN = {"increasing": 1.0, "decreasing": -1.0, None: 0.0}
_DAYS_PER_UNIT = 100.0
"""Days in one unit of time, so that the trend of a year has the size of the other parameters."""
_CHUNK_SIZE = 512
"""Subjects in a chunk: the rows of their 64 comparables take some 10 MB, whatever the file's size."""


@dataclass(frozen=True)
class SubjectGrid:
    """The adjustment grid of one subject: its m comparables, m ≤ `N_COMPARABLES`, nearest first.

    Parameters
    ----------
    sold
        The comparables.
    km
        Their distances, shape (m,).
    weight
        Their weights in the estimate, shape (m,).
    differences
        Adjustments and penalties for all known facts of the subject, shape (m, ·).
    """

    sold: Sales
    km: FloatArray
    weight: Float32Array
    differences: GridDifferences


@dataclass(frozen=True)
class Comparables:
    """Sold homes and the fitted grid; made by `fit` or `from_state`.

    Parameters
    ----------
    market
        The market, with coordinates.
    scales
        Of the facts that are numbers.
    theta
        Parameters of the grid; see `GridParameters`.
    display_theta
        The same weights, with the price effect of each difference by itself, for people to read.
    sold
        The sold homes, by date.
    mean_log_price, mean_latitude
        Of the sales that the grid was fitted to; the latitude in degrees.
    """

    names: ClassVar[tuple[str, ...]] = FEATURE_NAMES

    market: Market
    scales: NumberScales
    theta: FloatArray
    display_theta: FloatArray
    sold: Sales
    mean_log_price: float
    mean_latitude: float

    def __post_init__(self) -> None:
        _ = self._grid, self._index  # built now, so that the first valuation is as fast as the next

    @classmethod
    def fit(cls, market: Market, sales: Sales, rng: np.random.Generator) -> Self | None:
        """Fit the grid to sales, each without its own home and without later sales.

        Returns
        -------
        Comparables or None
            None if the market has no coordinates, or no sale has a known location.
        """
        sold = _located_sales(market, sales)
        if sold is None:
            return None
        scales = NumberScales.fit(sold.facts.numbers([feature.name for feature in market.numbers]))
        affects_weight = np.array([feature.price_effect is None for feature in market.numbers], np.bool_)
        theta = GridParameters.initial_theta(affects_weight)
        mean_latitude = float(sold.facts[market.coordinates[0]].mean())  # type: ignore[index]
        unfitted = cls(market, scales, theta, theta, sold, float(np.log(sold.price).mean()), mean_latitude)
        n_drawn = N_STEPS * BATCH_SIZE  # the gradient steps use no more sales than this
        if len(sold) > n_drawn:
            sold = sold.take(np.sort(rng.choice(len(sold), n_drawn, replace=False)))
        subjects = unfitted._subjects(sold.facts, sold.date)
        neighbours = unfitted._neighbours(sold.facts, sold.date, sold.home)
        theta = unfitted._grid.fit(subjects, neighbours, unfitted._centred_log_price(sold), theta, rng)
        stride = -(-len(sold) // MAX_DISPLAY_SALES)
        display_theta = unfitted._fit_display_theta(sold.take(np.arange(0, len(sold), stride)), theta)
        return replace(unfitted, theta=theta, display_theta=display_theta)

    def with_sales(self, sales: Sales) -> "Comparables":
        """Return the same grid with other sold homes to search, those with a known location."""
        sold = _located_sales(self.market, sales)
        return self if sold is None else replace(self, sold=sold)

    def price_features(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None
    ) -> Float32Array:
        """Return the price features of n homes at their valuation dates, shape (n, 6); see `transform`."""
        return self.transform(facts, date, home)[0]

    def transform(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None
    ) -> tuple[Float32Array, Float32Array]:
        """Return the price features and the error features of n homes at their valuation dates.

        NaN where a home's location is unknown, or nothing was sold before the date. The features of a home do not
        depend on the other homes.

        Parameters
        ----------
        home
            Identifies the homes, so that their own sales are left out, shape (n,); None for homes not among the
            sales.

        Returns
        -------
        price_features
            Shape (n, 6); see `FEATURE_NAMES`.
        error_features
            The same features computed from the required facts alone, shape (n, 6). So withholding a fact never
            makes a price look more certain.
        """
        price_features = np.empty((len(facts), len(FEATURE_NAMES)), np.float32)
        error_features = np.empty_like(price_features)
        for start in range(0, len(facts), _CHUNK_SIZE):
            rows = slice(start, start + _CHUNK_SIZE)
            chunk, day = facts.take(rows), None if date is None else date[rows]
            neighbours = self._neighbours(chunk, day, None if home is None else home[rows])
            subjects = self._subjects(chunk, day)
            versions = replace(
                subjects, facts=subjects.facts * self._versions, known=subjects.known * self._versions
            )
            all_facts, required_facts = self._grid_features(versions, neighbours)
            nearest = self._nearest_features(neighbours)
            price_features[rows] = np.hstack((all_facts, nearest))
            error_features[rows] = np.hstack((required_facts, nearest))
            without = ~neighbours.is_present[:, 0]
            price_features[rows][without], error_features[rows][without] = np.nan, np.nan
        return price_features, error_features

    def grid(self, facts: Facts, date: DateArray | None) -> SubjectGrid:
        """Return the grid of one home that is not among the sales, at its valuation date, for people to read.

        The weights are those of `price_features`. The differences include those of monotone features, with the
        price effects of `display_theta`.
        """
        neighbours, subject = self._neighbours(facts, date, None), self._grid_homes(facts, date)
        is_present = neighbours.is_present[0]
        weight = self._grid.estimate(subject, neighbours, self.display_theta).weight
        differences = self._grid.differences(subject, neighbours, self.display_theta)
        return SubjectGrid(
            self.sold.take(neighbours.rows[0, is_present]),
            neighbours.km[0, is_present],
            weight[0, is_present],
            GridDifferences(differences.adjustment[0, is_present], differences.penalty[0, is_present]),
        )

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        sold = self.sold
        return {
            "scales": self.scales.state(),
            "theta": self.theta,
            "display_theta": self.display_theta,
            "facts": {name: sold.facts[name] for name in sold.facts.columns},
            "price": sold.price,
            "date": None if sold.date is None else sold.date.astype(np.int64),
            "home": sold.home,
            "mean_log_price": self.mean_log_price,
            "mean_latitude": self.mean_latitude,
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore the comparables from their state; their features are the same, bit for bit."""
        date = None if state["date"] is None else state["date"].astype("datetime64[D]")
        return cls(
            market,
            NumberScales.from_state(state["scales"]),
            state["theta"],
            state["display_theta"],
            Sales(Facts(state["facts"]), state["price"], date, state["home"]),
            state["mean_log_price"],
            state["mean_latitude"],
        )

    @cached_property
    def _grid(self) -> AdjustmentGrid:
        return AdjustmentGrid(self._grid_homes(self.sold.facts, self.sold.date), self._sold_log_price)

    @cached_property
    def _index(self) -> SoldHomes:
        day = _day_numbers(self.sold.date, len(self.sold), undated=0)
        return SoldHomes(self._location(self.sold.facts), day, self.sold.home)

    @cached_property
    def _sold_log_price(self) -> Float32Array:
        """Centred log prices of the sold homes."""
        return self._centred_log_price(self.sold)

    @cached_property
    def _is_monotone(self) -> BoolArray:
        return np.array([feature.price_effect is not None for feature in self.market.numbers], np.bool_)

    @cached_property
    def _versions(self) -> Float32Array:
        """1 for the facts to use: all of them, or the required ones; shape (2, 1, f)."""
        required = [feature.required for feature in self.market.numbers]
        return np.array([np.ones(len(required)), required], np.float32)[:, None]

    def _centred_log_price(self, sales: Sales) -> Float32Array:
        return (np.log(sales.price) - self.mean_log_price).astype(np.float32)

    def _location(self, facts: Facts) -> FloatArray:
        assert self.market.coordinates is not None  # noqa: S101  # checked in `fit`
        return kilometres(facts, self.market.coordinates, self.mean_latitude)

    def _grid_homes(self, facts: Facts, date: DateArray | None) -> GridHomes:
        """Return n homes as inputs of the grid."""
        names = [feature.name for feature in self.market.numbers]
        scaled = self.scales.transform(facts.numbers(names)).astype(np.float32)
        known = ~np.isnan(scaled)
        days = np.zeros(len(facts)) if date is None else date.astype("datetime64[D]").astype(np.float64)
        time = (days / _DAYS_PER_UNIT).astype(np.float32)
        return GridHomes(np.where(known, scaled, np.float32(0)), known.astype(np.float32), time)

    def _subjects(self, facts: Facts, date: DateArray | None) -> GridHomes:
        """Return n homes as inputs of the grid, with monotone features replaced by their medians."""
        homes = self._grid_homes(facts, date)
        homes.facts[:, self._is_monotone] = 0.0
        return homes

    def _fit_display_theta(self, sales: Sales, theta: FloatArray) -> FloatArray:
        """Return θ with each difference's own price effect; see `AdjustmentGrid.fit_price_effects`."""
        direction = np.array([_SIGN[feature.price_effect] for feature in self.market.numbers])
        neighbours = self._neighbours(sales.facts, sales.date, sales.home)
        homes, log_price = self._grid_homes(sales.facts, sales.date), self._centred_log_price(sales)
        return self._grid.fit_price_effects(homes, neighbours, log_price, theta, direction)

    def _neighbours(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None) -> Neighbours:
        """Return the comparables of n homes."""
        day = _day_numbers(date, len(facts), undated=1)
        own = np.full(len(facts), -1, np.int64) if home is None else home
        return Neighbours(*self._index.nearest(self._location(facts), day, own, N_COMPARABLES))

    def _grid_features(self, subjects: GridHomes, neighbours: Neighbours) -> Float32Array:
        """Return the grid's features, shape (n, 3); for several versions of the subjects (…, n, 3)."""
        grid = self._grid.estimate(subjects, neighbours, self.theta)
        squares = (grid.adjusted_log_price - grid.estimate[..., None]) ** 2
        spread = np.sqrt((grid.weight * squares).sum(axis=-1))
        count = 1 / (grid.weight**2).sum(axis=-1).clip(min=1 / N_COMPARABLES)
        return np.stack((grid.estimate + np.float32(self.mean_log_price), np.log(count), spread), axis=-1)

    def _nearest_features(self, neighbours: Neighbours) -> Float32Array:
        """Return the features of the nearest sales, at most `N_NEAREST`, shape (n, 3)."""
        weight = 1 / (
            neighbours.km[:, :N_NEAREST] + DISTANCE_OFFSET_KM
        )  # 0 if there is no sale, as km is infinite
        total = np.maximum(weight.sum(axis=1), 1e-30)
        price = (weight * self._sold_log_price[neighbours.rows[:, :N_NEAREST]]).sum(axis=1) / total
        log_km = np.where(neighbours.is_present, neighbours.log_km, -np.inf)
        nearest, farthest = log_km[:, :N_NEAREST].max(axis=1), log_km.max(axis=1)
        return np.stack((price + self.mean_log_price, nearest, farthest), axis=1).astype(np.float32)


def _located_sales(market: Market, sales: Sales) -> Sales | None:
    """Return the sales with a known location, by date; None if there are none."""
    if market.coordinates is None:
        return None
    is_located = sales.facts.known(market.coordinates[0]) & sales.facts.known(market.coordinates[1])
    return sales.take(np.flatnonzero(is_located)).sorted_by_date() if is_located.any() else None


def _day_numbers(date: DateArray | None, n: int, *, undated: int) -> NDArray[np.int64]:
    """Return dates as day numbers, or n times `undated` without dates: 0 for sales, 1 for valuations."""
    return np.full(n, undated) if date is None else date.astype("datetime64[D]").astype(np.int64)
