"""Comparables: the sold homes nearest a subject, and what they say of its price once adjusted for differences.

It is the appraiser's adjustment grid, learned. Every comparable's price is adjusted for how the subject differs
from it, and the comparables are weighed by how near, alike and recent they are. What a difference is worth and how
much it counts against likeness are learned from sales whose price is known, each seen without itself.

Only what a valuer could have known is used: sales closed before the valuation date, and none of the home itself.
Training sales are looked up by the same rule as every other subject, so that whoever learns from these facts
learns from what it will see.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.areas import kilometres
from estimator.encoding import NumberScales, numbers_of
from estimator.facts import DateArray, Facts, FloatArray
from estimator.market import Market
from estimator.network import AdamW, cosine
from estimator.sales import Sales

NAMES = ("comparables_log_price", "comparables_log_count", "comparables_spread")
"""The facts given: the log price that the comparables suggest, the log of how many of them count (1/Σw²), and the
standard deviation of what they suggest one by one."""

COUNT = 64
"""Nearest sold homes that are weighed; some 16 of them come to count in King County."""

_SMALLEST_TREE = 256
"""Sales below which a tree of its own saves nothing."""
_NEAR_KM = 0.05
"""Distances are taken as log(km + this): coordinates are no more exact than some 50 m."""
_DAYS_PER_UNIT = 100.0
"""Days in one unit of time, so that a year's trend is a number like the others."""
_CHUNK = 1024
"""Subjects at a time: an array of their 64 comparables' 20 facts then takes 5 MB, whatever the file's size."""
_STEPS = 320
"""Steps of learning the grid: on King County's validation sales (random split) half as many gave .1704 log RMSE,
as many as these .1683."""
_BATCH = 512
"""Sales in a step."""
_LEARNING_RATE = 0.05
"""Of Adam, with a cosine to 0."""


class SoldHomes:
    """An index of sold homes: which were sold before a day, and are nearest to a place.

    A k-d tree cannot leave out what was sold later. So there is one of all sales, one of the oldest half, of the
    oldest quarter and so on: the smallest that holds all earlier sales holds at most as many later ones.

    Parameters
    ----------
    place
        North and east in km, shape (n, 2), in the order of the days.
    day
        Days of sale, ascending, shape (n,).
    home
        Which home was sold, shape (n,).
    """

    def __init__(self, place: FloatArray, day: NDArray[np.int64], home: NDArray[np.int64]) -> None:
        self.place = place
        self.day = day
        self.home = home
        sizes = [len(day)]
        while sizes[0] // 2 >= _SMALLEST_TREE:
            sizes.insert(0, sizes[0] // 2)
        self._sizes = np.array(sizes)
        self._trees = [KDTree(place[:size]) for size in sizes]

    def nearest(
        self, place: FloatArray, day: NDArray[np.int64], home: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Return the sales nearest to n places, closed before each one's day and not of its own home.

        Returns
        -------
        rows
            Their places in the index, nearest first, shape (n, count).
        km
            How far they are, shape (n, count); infinite where there are no more.
        """
        rows = np.zeros((len(place), count), np.intp)
        km = np.full((len(place), count), np.inf)
        earlier = np.searchsorted(self.day, day, side="left")
        level = np.searchsorted(self._sizes, earlier)
        for which, tree in enumerate(self._trees):
            size = int(self._sizes[which])
            left = np.flatnonzero((level == which) & (earlier > 0))
            # All of a tree's sales are earlier for a valuation of today; half of them at the worst.
            asked = count + 1 if (earlier[left] == size).all() else 2 * count
            while len(left):
                asked = min(asked, size)
                distance, found = map(np.asarray, tree.query(place[left], k=list(range(1, asked + 1))))
                usable = (found < earlier[left, None]) & (self.home[found] != home[left, None])
                done = (usable.sum(axis=1) >= count) | (asked == size)
                order = np.argsort(~usable[done], axis=1, kind="stable")[:, :count]
                near = np.take_along_axis(np.where(usable[done], distance[done], np.inf), order, axis=1)
                rows[left[done], : near.shape[1]] = np.take_along_axis(found[done], order, axis=1)
                km[left[done], : near.shape[1]] = near
                left, asked = left[~done], 2 * asked
        return rows, km


@dataclass(frozen=True)
class Subjects:
    """n homes as the grid sees them: scaled facts (n, f), which are known, times (n,), comparables (n, count)."""

    facts: NDArray[np.float32]
    known: NDArray[np.float32]
    time: NDArray[np.float32]
    rows: NDArray[np.intp]
    km: FloatArray

    def take(self, rows: Any) -> "Subjects":
        """Return some of them."""
        return Subjects(self.facts[rows], self.known[rows], self.time[rows], self.rows[rows], self.km[rows])


class Comparables:
    """Sold homes and the learned grid; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    market
        The market, with coordinates.
    scales
        Of the facts that are numbers.
    theta
        What was learned, shape (3f + 3,): log of how much each scaled fact's squared difference counts against
        likeness (f), log of how much distance and age do (2), what a difference is worth in log price, straight
        (f) and of its square (f), and what time is (1).
    sold
        The sold homes, in order of their days: facts are looked up in them, and price, date and home.
    centre
        Mean log price and mean latitude of the sales learned from.
    """

    names = NAMES

    def __init__(
        self, market: Market, scales: NumberScales, theta: FloatArray, sold: Sales, centre: tuple[float, float]
    ) -> None:
        self._market = market
        self._scales = scales
        self._theta = theta
        self._sold = sold
        self._centre = centre
        self._log_price = (np.log(sold.price) - centre[0]).astype(np.float32)
        self._facts, self._known = self._scaled(sold.facts)
        self._time = _time(sold.date, len(sold))
        place = self._kilometres(sold.facts)
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
        numbers = numbers_of(market, sold.facts)
        centre = float(np.log(sold.price).mean()), float(sold.facts[market.coordinates[0]].mean())  # type: ignore[index]
        start = _start(numbers.shape[1])
        untaught = cls(market, NumberScales.fit(numbers), start, sold, centre)
        enough = _STEPS * _BATCH  # no more are ever drawn
        some = len(sold) > enough
        seen = sold.take(np.sort(rng.choice(len(sold), enough, replace=False))) if some else sold
        subjects = untaught._subjects(seen.facts, seen.date, seen.home)
        log_price = (np.log(seen.price) - centre[0]).astype(np.float32)
        return cls(market, untaught._scales, untaught._learn(subjects, log_price, rng), sold, centre)

    def extended(self, sales: Sales) -> "Comparables":
        """Return the same grid with more sold homes to look among."""
        more = _with_places(self._market, sales)
        if more is None:
            return self
        return Comparables(
            self._market, self._scales, self._theta, self._sold.joined(more).by_date(), self._centre
        )

    def facts(
        self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return what the comparables of n homes say at their valuation dates, shape (n, 3); see `NAMES`.

        NaN where a home's place is unknown, or nothing was sold before its day. None of it depends on the other
        homes.

        Parameters
        ----------
        home
            Which homes they are, so that their own sales are left out; None: homes that were not sold.
        """
        said = np.empty((len(facts), len(NAMES)), np.float32)
        for start in range(0, len(facts), _CHUNK):
            rows = slice(start, start + _CHUNK)
            subjects = self._subjects(
                facts.take(rows), None if date is None else date[rows], None if home is None else home[rows]
            )
            weight, suggested, estimate = self._weigh(subjects, self._theta)[:3]
            spread = np.sqrt((weight * (suggested - estimate[:, None]) ** 2).sum(axis=1))
            count = 1 / (weight**2).sum(axis=1).clip(min=1 / COUNT)
            said[rows] = np.column_stack((estimate + self._centre[0], np.log(count), spread))
            said[rows][np.isinf(subjects.km[:, 0])] = np.nan
        return said

    def state(self) -> dict[str, Any]:
        """Return everything learned as plain values and arrays; `from_state` takes it back."""
        sold = self._sold
        columns = {name: sold.facts[name] for name in sold.facts.columns}
        return {
            "scales": [self._scales.median, self._scales.spread, self._scales.logarithmic],
            "theta": self._theta,
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
        return cls(market, NumberScales(*state["scales"]), state["theta"], sold, tuple(state["centre"]))

    def _subjects(self, facts: Facts, date: DateArray | None, home: NDArray[np.int64] | None) -> Subjects:
        scaled, known = self._scaled(facts)
        place = self._kilometres(facts)
        somewhere = ~np.isnan(place).any(axis=1)
        rows = np.zeros((len(facts), COUNT), np.intp)
        km = np.full((len(facts), COUNT), np.inf)
        day = _day(date, len(facts), later=True)
        who = np.full(len(facts), -1, np.int64) if home is None else home
        rows[somewhere], km[somewhere] = self._index.nearest(
            place[somewhere], day[somewhere], who[somewhere], COUNT
        )
        return Subjects(scaled, known, _time(date, len(facts)), rows, km)

    def _weigh(self, subjects: Subjects, theta: FloatArray) -> tuple[Any, ...]:
        """Return the comparables' weights (n, count), what each suggests, the estimate (n,), and what led there.

        w = softmax(−Σ aⱼΔⱼ² − c·log(km + ε) − r·Δtime), and the estimate is
        Σ wᵢ(log priceᵢ + β·Δᵢ + γ·Δᵢ(x²) + τ·Δtime).
        A fact that either home lacks makes no difference between them.
        """
        f = subjects.facts.shape[1]
        against, nearness, age = np.exp(theta[:f]), np.exp(theta[f]), np.exp(theta[f + 1])
        worth, bend, trend = theta[f + 2 : 2 * f + 2], theta[2 * f + 2 : 3 * f + 2], theta[-1]
        rows = subjects.rows
        comparable = self._facts[rows]
        both = subjects.known[:, None, :] * self._known[rows]
        difference = (subjects.facts[:, None, :] - comparable) * both
        of_squares = (subjects.facts[:, None, :] ** 2 - comparable**2) * both
        squared = difference**2
        since = subjects.time[:, None] - self._time[rows]
        there = np.isfinite(subjects.km)
        distance = np.log(np.where(there, subjects.km, 1.0) + _NEAR_KM)
        suggested = self._log_price[rows] + trend * since
        suggested = suggested + _dot(difference, worth) + _dot(of_squares, bend)
        score = -_dot(squared, against) - nearness * distance - age * since
        score = np.where(there, score, -np.inf)
        highest = np.where(there[:, :1], score.max(axis=1, keepdims=True), 0.0)
        weight = np.exp(score - highest)
        weight /= weight.sum(axis=1, keepdims=True).clip(min=1e-30)
        estimate = (weight * suggested).sum(axis=1)
        return weight, suggested, estimate, difference, of_squares, squared, since, distance

    def _learn(self, subjects: Subjects, log_price: NDArray[np.float32], rng: np.random.Generator) -> FloatArray:
        """Return θ with a small mean squared error of the estimates of the sold homes themselves."""
        theta = self._theta.copy()
        some = np.flatnonzero(np.isfinite(subjects.km[:, 0]))
        optimiser = AdamW(_LEARNING_RATE, weight_decay=0.0)
        optimiser.start(theta)
        for step in range(_STEPS if len(some) else 0):
            rows = rng.choice(some, min(_BATCH, len(some)), replace=False)
            gradient = self.gradient(subjects.take(rows), log_price[rows], theta)[1]
            optimiser.step(theta, gradient, cosine(step / _STEPS))
        return theta

    def gradient(
        self, subjects: Subjects, log_price: NDArray[np.float32], theta: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return L = ½ mean of (estimate − log price)² and ∂L/∂θ.

        With e = (estimate − log price)/n and s a comparable's score: ∂L/∂suggestedᵢ = e·wᵢ and
        ∂L/∂sᵢ = e·wᵢ(suggestedᵢ − estimate), the softmax's slope.
        """
        weight, suggested, estimate, difference, of_squares, squared, since, distance = self._weigh(
            subjects, theta
        )
        f = subjects.facts.shape[1]
        miss = estimate - log_price
        by_suggested = (miss / len(miss))[:, None] * weight
        by_score = by_suggested * (suggested - estimate[:, None])
        gradient = np.empty_like(theta)
        gradient[:f] = -np.exp(theta[:f]) * _sum(by_score, squared)
        gradient[f] = -np.exp(theta[f]) * (by_score * distance).sum()
        gradient[f + 1] = -np.exp(theta[f + 1]) * (by_score * since).sum()
        gradient[f + 2 : 2 * f + 2] = _sum(by_suggested, difference)
        gradient[2 * f + 2 : 3 * f + 2] = _sum(by_suggested, of_squares)
        gradient[-1] = (by_suggested * since).sum()
        return float(miss @ miss) / (2 * len(miss)), gradient

    def _scaled(self, facts: Facts) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        scaled = self._scales.apply(numbers_of(self._market, facts)).astype(np.float32)
        known = ~np.isnan(scaled)
        return np.where(known, scaled, np.float32(0)), known.astype(np.float32)

    def _kilometres(self, facts: Facts) -> FloatArray:
        assert self._market.coordinates is not None  # noqa: S101  # `fit` has looked
        return kilometres(facts, self._market.coordinates, self._centre[1])


def _start(f: int) -> FloatArray:
    """Return θ to learn from: likeness counts a little, the nearest most, a difference is worth nothing yet."""
    return np.concatenate((np.full(f, np.log(0.3)), [0.0, np.log(0.05)], np.zeros(2 * f + 1)))


def _with_places(market: Market, sales: Sales) -> Sales | None:
    """Return the sales whose place is known, in order of their days; None if there are none."""
    if market.coordinates is None:
        return None
    somewhere = sales.facts.known(market.coordinates[0]) & sales.facts.known(market.coordinates[1])
    return sales.take(np.flatnonzero(somewhere)).by_date() if somewhere.any() else None


def _day(date: DateArray | None, n: int, *, later: bool) -> NDArray[np.int64]:
    """Return days as numbers; without dates every sale is earlier than every valuation."""
    return np.full(n, int(later)) if date is None else date.astype("datetime64[D]").astype(np.int64)


def _time(date: DateArray | None, n: int) -> NDArray[np.float32]:
    """Return times in `_DAYS_PER_UNIT`; 0 without dates."""
    days = np.zeros(n) if date is None else date.astype("datetime64[D]").astype(np.float64)
    return (days / _DAYS_PER_UNIT).astype(np.float32)


def _dot(differences: NDArray[Any], by: FloatArray) -> Any:
    """Σ over the facts, each row on its own: a matrix product's last bits would depend on the other rows."""
    return np.einsum("ncf,f->nc", differences, by.astype(np.float32))


def _sum(by: NDArray[Any], differences: NDArray[Any]) -> Any:
    """Σ over subjects and comparables, shape (f,)."""
    return by.reshape(-1).astype(np.float32) @ differences.reshape(-1, differences.shape[-1])
