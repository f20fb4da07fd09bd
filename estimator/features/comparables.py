"""Comparables: the sold homes nearest to a subject, and the price features computed from them.

There are two kinds of price features: those of the appraiser's adjustment grid, which adjusts every comparable's
price for its differences from the subject, and those of the few nearest sales, unadjusted.

Prices are adjusted for time beforehand, so that a home's features do not depend on its valuation date. Sales of
the home itself are never used. Where values are compared with sale prices, and for the training sales, later sales
are not used either: a valuer could not have known them. See benchmarks/DECISIONS.md, "Comparables of training
sales".

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

from estimator.features.adjustment_grid import BATCH_SIZE, N_STEPS, AdjustmentGrid, GridDifferences
from estimator.features.comparable_features import FEATURE_NAMES, N_GRID_FEATURES, grid_features, nearest_features
from estimator.features.grid_inputs import GridFactors, GridHomes, GridParameters, Neighbours, Subjects
from estimator.features.numbers import NumberReader, NumberUse
from estimator.features.scaling import NumberScales
from estimator.features.sold_homes import SoldHomes, day_numbers
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import kilometres
from estimator.market.sales import Sales

N_COMPARABLES = 64
"""Nearest sold homes in the grid; see benchmarks/DECISIONS.md, "Number of comparables"."""
MAX_DISPLAY_SALES = 8192
"""Sales that the price effects shown to people are fitted to, at most: they are some 50 numbers."""

_SIGN = {"increasing": 1.0, "decreasing": -1.0, None: 0.0}
_DAYS_PER_UNIT = 100.0
"""Days in one unit of age, so that a year has the size of the other parameters."""
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
    time_adjustment
        What brings their log prices to the day of the price index's zero, shape (m,).
    rows
        Their row numbers in `Comparables.sold`, shape (m,).
    """

    sold: Sales
    km: FloatArray
    weight: Float32Array
    differences: GridDifferences
    time_adjustment: FloatArray
    rows: NDArray[np.intp]


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
    log_price
        Their log prices adjusted for time, shape (n,).
    mean_log_price, mean_latitude
        Of the sales that the grid was fitted to; the latitude in degrees.
    """

    names: ClassVar[tuple[str, ...]] = FEATURE_NAMES

    market: Market
    scales: NumberScales
    theta: FloatArray
    display_theta: FloatArray
    sold: Sales
    log_price: FloatArray
    mean_log_price: float
    mean_latitude: float

    def __post_init__(self) -> None:
        _ = self._grid, self._index  # built now, so that the first valuation is as fast as the next

    @classmethod
    def fit(cls, market: Market, sales: Sales, log_price: FloatArray, rng: np.random.Generator) -> Self | None:
        """Fit the grid to n sales, each without its own home and without later sales.

        Parameters
        ----------
        log_price
            Their log prices adjusted for time, shape (n,).

        Returns
        -------
        Comparables or None
            None if the market has no coordinates, or no sale has a known location.
        """
        rows = _located(market, sales)
        if not len(rows):
            return None
        sold, log_price = sales.take(rows), log_price[rows]
        scales = NumberScales.fit(sold.facts.numbers([feature.name for feature in market.numbers]))
        affects_weight = np.array([feature.price_effect is None for feature in market.numbers], np.bool_)
        theta = GridParameters.initial_theta(affects_weight)
        mean_latitude = float(sold.facts[market.coordinates[0]].mean())  # type: ignore[index]
        unfitted = cls(market, scales, theta, theta, sold, log_price, float(log_price.mean()), mean_latitude)
        n_drawn = N_STEPS * BATCH_SIZE  # the gradient steps use no more sales than this
        if len(sold) > n_drawn:
            drawn = np.sort(rng.choice(len(sold), n_drawn, replace=False))
            sold, log_price = sold.take(drawn), log_price[drawn]
        subjects = unfitted._subjects(sold.facts)
        neighbours = unfitted._neighbours(unfitted._location(sold.facts), sold.home, sold.date)
        theta = unfitted._grid.fit(subjects, neighbours, unfitted._centred(log_price), theta, rng)
        stride = -(-len(sold) // MAX_DISPLAY_SALES)
        shown = np.arange(0, len(sold), stride)
        display_theta = unfitted._fit_display_theta(sold.take(shown), log_price[shown], theta)
        return replace(unfitted, theta=theta, display_theta=display_theta)

    def with_sales(self, sales: Sales, log_price: FloatArray) -> "Comparables":
        """Return the same grid with other sold homes to search, those with a known location; see `fit`."""
        rows = _located(self.market, sales)
        return replace(self, sold=sales.take(rows), log_price=log_price[rows]) if len(rows) else self

    def price_features(
        self, facts: Facts, home: NDArray[np.int64] | None = None, before: DateArray | None = None
    ) -> Float32Array:
        """Return the price features of n homes, shape (n, 6); see `transform`."""
        return self.transform(facts, home, before)[0]

    def transform(
        self,
        facts: Facts,
        home: NDArray[np.int64] | None = None,
        before: DateArray | None = None,
        subjects: Subjects | None = None,
    ) -> tuple[Float32Array, Float32Array]:
        """Return the price features and the error features of n homes.

        NaN where a home's location is unknown, or there is no sale to compare with. The features of a home do not
        depend on the other homes.

        Parameters
        ----------
        home
            Identifies the homes, so that their own sales are left out, shape (n,); None for homes not among the
            sales.
        before
            Only sales before these dates are used, shape (n,); None for all sales.
        subjects
            The homes, if their numbers have been read.

        Returns
        -------
        price_features
            Shape (n, 6); see `FEATURE_NAMES`.
        error_features
            The same features computed from the required facts alone, shape (n, 6). So withholding a fact never
            makes a price look more certain.
        """
        homes, location = self._read(facts) if subjects is None else subjects
        features = np.empty((2, len(location), len(FEATURE_NAMES)), np.float32)
        for start in range(0, len(location), _CHUNK_SIZE):
            rows = slice(start, start + _CHUNK_SIZE)
            neighbours = self._neighbours(
                location[rows],
                None if home is None else home[rows],
                None if before is None else before[rows],
            )
            versions = GridHomes(homes.facts[rows] * self._fact_versions, homes.known[rows] * self._known_versions)
            chunk = features[:, rows]
            grid = self._grid.estimate(versions, neighbours, self._grid_factors)
            grid_features(grid, self.mean_log_price, out=chunk[..., :N_GRID_FEATURES])
            nearest_features(
                neighbours, self._sold_log_price, self.mean_log_price, out=chunk[..., N_GRID_FEATURES:]
            )
            if not neighbours.are_all_present:
                chunk[:, ~neighbours.is_present[:, 0]] = np.nan
        return features[0], features[1]

    def distances(self, facts: Facts) -> FloatArray:
        """Return the distance of every sold home from one home, in km, shape (n,)."""
        km: FloatArray = np.hypot(*(self._index.location - self._location(facts)).T)
        return km

    def grid(self, facts: Facts, rows: NDArray[np.intp] | None = None) -> SubjectGrid:
        """Return the grid of one home that is not among the sales, for people to read.

        The weights are those of `price_features`. The differences include those of monotone features, with the
        price effects of `display_theta`.

        Parameters
        ----------
        rows
            Rows of the sold homes to compare with, nearest first, at least one; None for the nearest ones.
        """
        if rows is None:
            neighbours = self._neighbours(self._location(facts), None, None)
        else:
            neighbours = Neighbours(rows[None], self.distances(facts)[None, rows])
        subject = self._grid_homes(facts)
        is_present = neighbours.is_present[0]
        weight = self._grid.estimate(subject, neighbours, GridFactors.of(self.display_theta)).weight
        differences = self._grid.differences(subject, neighbours, self.display_theta)
        used = neighbours.rows[0, is_present]
        sold = self.sold.take(used)
        return SubjectGrid(
            sold,
            neighbours.km[0, is_present],
            weight[0, is_present],
            GridDifferences(differences.adjustment[0, is_present], differences.penalty[0, is_present]),
            self.log_price[used] - np.log(sold.price),
            used,
        )

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return {
            "scales": self.scales.state(),
            "theta": self.theta,
            "display_theta": self.display_theta,
            "log_price": self.log_price,
            "mean_log_price": self.mean_log_price,
            "mean_latitude": self.mean_latitude,
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any], sales: Sales) -> Self:
        """Restore the comparables from their state and the sales they know; the same features, bit for bit."""
        return cls(
            market,
            NumberScales.from_state(state["scales"]),
            state["theta"],
            state["display_theta"],
            sales.take(_located(market, sales)),
            state["log_price"],
            state["mean_log_price"],
            state["mean_latitude"],
        )

    @cached_property
    def _grid(self) -> AdjustmentGrid:
        day = day_numbers(self.sold.date, len(self.sold))
        age = ((day.max() - day) / _DAYS_PER_UNIT).astype(np.float32)
        return AdjustmentGrid(self._grid_homes(self.sold.facts), self._sold_log_price, age)

    @cached_property
    def _grid_factors(self) -> GridFactors:
        return GridFactors.of(self.theta)

    @cached_property
    def _index(self) -> SoldHomes:
        day = day_numbers(self.sold.date, len(self.sold))
        return SoldHomes(self._location(self.sold.facts), day, self.sold.home)

    @cached_property
    def _sold_log_price(self) -> Float32Array:
        """Centred log prices of the sold homes."""
        return self._centred(self.log_price)

    @property
    def number_use(self) -> NumberUse:
        """What it needs of the numbers: all of them."""
        return NumberUse([feature.name for feature in self.market.numbers], self.scales, self.mean_latitude)

    @cached_property
    def _is_monotone(self) -> BoolArray:
        return np.array([feature.price_effect is not None for feature in self.market.numbers], np.bool_)

    @cached_property
    def _known_versions(self) -> Float32Array:
        """1 for the facts to use: all of them, or the required ones; shape (2, 1, f)."""
        required = [feature.required for feature in self.market.numbers]
        return np.array([np.ones(len(required)), required], np.float32)[:, None]

    @cached_property
    def _fact_versions(self) -> Float32Array:
        """The same for their values: those of monotone features are not used; see `_subjects`."""
        return self._known_versions * ~self._is_monotone

    def _centred(self, log_price: FloatArray) -> Float32Array:
        return (log_price - self.mean_log_price).astype(np.float32)

    def _location(self, facts: Facts) -> FloatArray:
        assert self.market.coordinates is not None  # noqa: S101  # checked in `fit`
        return kilometres(facts, self.market.coordinates, self.mean_latitude)

    def _grid_homes(self, facts: Facts) -> GridHomes:
        """Return n homes as inputs of the grid."""
        return self._read(facts).homes

    def _read(self, facts: Facts) -> Subjects:
        return Subjects.of(NumberReader(self.market, [self.number_use]).read(facts), 0)

    def _subjects(self, facts: Facts) -> GridHomes:
        """Return n homes as inputs of the grid, with monotone features replaced by their medians."""
        homes = self._grid_homes(facts)
        homes.facts[:, self._is_monotone] = 0.0
        return homes

    def _fit_display_theta(self, sales: Sales, log_price: FloatArray, theta: FloatArray) -> FloatArray:
        """Return θ with each difference's own price effect; see `AdjustmentGrid.fit_price_effects`."""
        direction = np.array([_SIGN[feature.price_effect] for feature in self.market.numbers])
        neighbours = self._neighbours(self._location(sales.facts), sales.home, sales.date)
        homes = self._grid_homes(sales.facts)
        return self._grid.fit_price_effects(homes, neighbours, self._centred(log_price), theta, direction)

    def _neighbours(
        self, location: FloatArray, home: NDArray[np.int64] | None, before: DateArray | None
    ) -> Neighbours:
        """Return the comparables of homes in n locations, shape (n, 2)."""
        day = None if before is None else day_numbers(before, len(location))
        return Neighbours(*self._index.nearest(location, day, home, N_COMPARABLES))


def _located(market: Market, sales: Sales) -> NDArray[np.intp]:
    """Return the rows of the sales with a known location, by date."""
    if market.coordinates is None:
        return np.empty(0, np.intp)
    is_located = sales.facts.known(market.coordinates[0]) & sales.facts.known(market.coordinates[1])
    order = np.arange(len(sales)) if sales.date is None else np.argsort(sales.date, kind="stable")
    return order[is_located[order]]
