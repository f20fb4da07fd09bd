"""The appraiser's adjustment grid, learned: what each comparable suggests for a subject, and how much it counts.

A comparable's log price is adjusted for how the subject differs from it, fact by fact and in time. Comparables
are weighed by how near, alike and recent they are. What a difference is worth, and how much it counts against
likeness, is learned from subjects whose price is known. Knows arrays alone: no market, no dates, no search.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import lsq_linear

from estimator.market.arrays import BoolArray, Float32Array, FloatArray
from estimator.network import AdamW, cosine

NEAR_KM = 0.05
"""Distances are taken as log(km + this): coordinates are no more exact than some 50 m."""
STEPS = 320
"""Steps of learning: on King County's validation sales (random split) half as many gave .1704 log RMSE, as many as
these .1683."""
BATCH = 512
"""Subjects in a step."""
_LEARNING_RATE = 0.05
"""Of Adam, with a cosine to 0."""
_RIDGE = 1.0
"""As if one sale of each kind said that a difference is worth nothing: what no sales tell of stays 0."""
_END = 3.0
"""Where the scale of the facts ends, on either side; see `NumberScales`."""


@dataclass(frozen=True)
class Homes:
    """n homes as the grid sees them.

    Parameters
    ----------
    facts
        Scaled, shape (n, f), or (…, n, f) where the same homes are seen in several ways; 0 where unknown.
    known
        1 where a fact is known, 0 elsewhere, shape as `facts`.
    time
        Days of sale or of valuation in any unit, shape (n,).
    """

    facts: Float32Array
    known: Float32Array
    time: Float32Array

    def take(self, rows: Any) -> "Homes":
        """Return some of them."""
        return Homes(self.facts[rows], self.known[rows], self.time[rows])


@dataclass(frozen=True)
class Near:
    """The comparables of n subjects: their places among the sold homes and distances in km, shape (n, count).

    Where there are no more, the distance is infinite.
    """

    rows: NDArray[np.intp]
    km: FloatArray

    def take(self, rows: Any) -> "Near":
        """Return those of some subjects."""
        return Near(self.rows[rows], self.km[rows])

    @cached_property
    def there(self) -> BoolArray:
        """Where there is a comparable, shape (n, count)."""
        there: BoolArray = np.isfinite(self.km)
        return there

    @cached_property
    def log_km(self) -> FloatArray:
        """log(km + ε), shape (n, count); of any value where there is no comparable."""
        log_km: FloatArray = np.log(np.where(self.there, self.km, 1.0) + NEAR_KM)
        return log_km


class Terms:
    """What is learned, θ, taken apart: one flat vector of 3f + 3 numbers, and names for its parts.

    Parameters
    ----------
    theta
        Shape (3f + 3,). The parts are views.

    Attributes
    ----------
    likeness
        Log of how much each fact's squared difference counts against likeness, shape (f,).
    nearness, age
        Log of how much the log distance and the time since the sale do, shape (1,).
    worth, bend
        What a difference of a fact is worth in log price, and of its square, shape (f,).
    trend
        What a unit of time is worth in log price, shape (1,).
    """

    def __init__(self, theta: FloatArray) -> None:
        f = len(theta) // 3 - 1
        self.likeness, self.nearness, self.age = theta[:f], theta[f : f + 1], theta[f + 1 : f + 2]
        self.worth, self.bend, self.trend = theta[f + 2 : 2 * f + 2], theta[2 * f + 2 : -1], theta[-1:]

    @staticmethod
    def start(alike: BoolArray) -> FloatArray:
        """Return θ to learn from: likeness counts a little, the nearest most, no difference is worth anything.

        Parameters
        ----------
        alike
            Which facts count for likeness, shape (f,); the others never will.
        """
        theta = np.zeros(3 * len(alike) + 3)
        terms = Terms(theta)
        terms.likeness[:] = np.where(alike, np.log(0.3), -np.inf)
        terms.age[:] = np.log(0.05)
        return theta


@dataclass(frozen=True)
class Weighed:
    """The grid of n subjects: comparables' weights and suggested log prices (n, count), and the estimates (n,).

    Of subjects seen in several ways, (…, n, count) and (…, n).
    """

    weight: Float32Array
    suggested: Float32Array
    estimate: Float32Array


@dataclass(frozen=True)
class Differences:
    """What each difference between n subjects and their comparables comes to.

    Parameters
    ----------
    adjustment
        Of each fact and then of the time between, log price, shape (n, count, f + 1). Added to the comparable's
        log price they are what it suggests.
    against
        Of each fact, of the distance and of the time, shape (n, count, f + 2). Two comparables' sums differ by
        the log of how many times the weight of one is the other's.
    """

    adjustment: Float32Array
    against: Float32Array


class AdjustmentGrid:
    """Sold homes whose prices can be adjusted for a subject.

    The estimate of a subject is Σ wᵢ·(log priceᵢ + β·Δᵢ + γ·Δᵢ(x²) + τ·Δtimeᵢ) over its comparables, where Δ is
    the subject's facts less the comparable's, and w = softmax(−Σ aⱼΔⱼ² − c·log(km + ε) − r·Δtime). A fact that
    either home lacks makes no difference between them.

    Parameters
    ----------
    sold
        The sold homes.
    log_price
        Theirs, shape (n,).
    """

    def __init__(self, sold: Homes, log_price: Float32Array) -> None:
        # Every difference is a product of something of the subject's and one of these of the comparable's.
        self._table = np.hstack((sold.known, sold.facts, sold.facts**2))
        self._time = sold.time
        self._log_price = log_price

    def weigh(self, subjects: Homes, near: Near, theta: FloatArray) -> Weighed:
        """Return the grid of n subjects; none of it depends on the other subjects."""
        return self._weigh(subjects, near, theta)[0]

    def differences(self, subjects: Homes, near: Near, theta: FloatArray) -> Differences:
        """Return what `weigh` sums up, difference by difference; of no meaning where there is no comparable."""
        terms = Terms(theta.astype(np.float32))
        theirs_known, theirs, theirs_square = np.split(self._table[near.rows], 3, axis=2)
        x, both = subjects.facts[:, None], subjects.known[:, None] * theirs_known
        since = (subjects.time[:, None] - self._time[near.rows])[:, :, None]
        worth = both * (terms.worth * (x - theirs) + terms.bend * (x**2 - theirs_square))
        unlike = both * np.exp(terms.likeness) * (x - theirs) ** 2
        far = np.exp(terms.nearness) * near.log_km.astype(np.float32)[:, :, None]
        return Differences(
            np.concatenate((worth, terms.trend * since), axis=2),
            np.concatenate((unlike, far, np.exp(terms.age) * since), axis=2),
        )

    def learn_worth(
        self, subjects: Homes, near: Near, log_price: Float32Array, theta: FloatArray, direction: FloatArray
    ) -> FloatArray:
        """Return θ with what differences are worth learned again, from n subjects that hide nothing.

        Where a fact of the subjects is hidden from `learn`, what it finds the fact to be worth stands for more: a
        large comparable also says that the subject is likely to be large. Here each amount is the difference's.

        Parameters
        ----------
        direction
            1 or −1 for a fact that may only raise or only lower the price, 0 for the others, shape (f,).

        Notes
        -----
        Ridge least squares with the weights held. The unknowns are a fact's slopes β + 2γx at the ends of the
        scale, x = ±3: where neither has the wrong sign, none between them has.
        """
        unknowns = 2 * len(direction) + 1
        triangle = np.column_stack((np.sqrt(_RIDGE) * np.eye(unknowns), np.zeros(unknowns)))
        for start in range(0, len(log_price), BATCH):
            rows = slice(start, start + BATCH)
            some, theirs = subjects.take(rows), near.take(rows)
            grid, table, since, _ = self._weigh(some, theirs, theta)
            known, mean, mean_square = np.split((grid.weight[:, None] @ table)[:, 0], 3, axis=1)
            worth = some.facts * known - some.known * mean
            bend = some.facts**2 * known - some.known * mean_square
            trend = (grid.weight * since).sum(axis=1)
            miss = log_price[rows] - (grid.weight * self._log_price[theirs.rows]).sum(axis=1)
            ends = np.hstack((worth / 2 + bend / (4 * _END), worth / 2 - bend / (4 * _END)))
            equations = np.column_stack((ends, trend, miss))[theirs.there[:, 0]].astype(np.float64)
            triangle = np.asarray(np.linalg.qr(np.vstack((triangle, equations)), mode="r"))
        sign = np.concatenate((direction, direction, [0.0]))
        bounds = np.where(sign > 0, 0.0, -np.inf), np.where(sign < 0, 0.0, np.inf)
        found = lsq_linear(triangle[:, :-1], triangle[:, -1], bounds).x
        upper, lower = np.split(found[:-1], 2)
        again = theta.copy()
        terms = Terms(again)
        terms.worth[:], terms.bend[:], terms.trend[:] = (
            (upper + lower) / 2,
            (upper - lower) / (4 * _END),
            found[-1],
        )
        return again

    def _weigh(self, subjects: Homes, near: Near, theta: FloatArray) -> tuple[Weighed, Any, Any, Any]:
        """Return the grid, and the comparables' rows of the table, times since the sales and log distances."""
        terms = Terms(theta.astype(np.float32))
        against = np.exp(terms.likeness)
        x, square, known = subjects.facts, subjects.facts**2, subjects.known
        f = x.shape[-1]
        by_table = np.empty((*x.shape[:-1], 3 * f, 2), np.float32)
        unlike, worth = by_table[..., 0], by_table[..., 1]
        unlike[..., :f], unlike[..., f : 2 * f], unlike[..., 2 * f :] = (
            against * square,
            -2 * against * x,
            against * known,
        )
        worth[..., :f] = terms.worth * x + terms.bend * square
        worth[..., f : 2 * f], worth[..., 2 * f :] = -terms.worth * known, -terms.bend * known
        table = self._table[near.rows]
        # A product for each subject by itself: the last bits of one larger product would depend on the others.
        products = table @ by_table
        unlikeness, adjustment = products[..., 0], products[..., 1]
        since = subjects.time[:, None] - self._time[near.rows]
        there, distance = near.there, near.log_km.astype(np.float32)
        suggested = self._log_price[near.rows] + adjustment + terms.trend * since
        score = -unlikeness - np.exp(terms.nearness) * distance - np.exp(terms.age) * since
        score = np.where(there, score, -np.inf)
        highest = np.where(there[:, :1], score.max(axis=-1, keepdims=True), 0.0)
        weight = np.exp(score - highest)
        weight /= weight.sum(axis=-1, keepdims=True).clip(min=1e-30)
        return Weighed(weight, suggested, (weight * suggested).sum(axis=-1)), table, since, distance

    def learn(
        self, subjects: Homes, near: Near, log_price: Float32Array, start: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Return θ with a small mean squared error of the estimates, from the subjects' log prices, shape (n,)."""
        theta = start.copy()
        some = np.flatnonzero(near.there[:, 0])
        optimiser = AdamW(_LEARNING_RATE, weight_decay=0.0)
        optimiser.reset(theta)
        for step in range(STEPS if len(some) else 0):
            rows = rng.choice(some, min(BATCH, len(some)), replace=False)
            slope = self.gradient(subjects.take(rows), near.take(rows), log_price[rows], theta)[1]
            optimiser.step(theta, slope, cosine(step / STEPS))
        return theta

    def gradient(
        self, subjects: Homes, near: Near, log_price: Float32Array, theta: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return L = ½ mean of (estimate − log price)² and ∂L/∂θ.

        With e = (estimate − log price)/n and s a comparable's score: ∂L/∂suggestedᵢ = e·wᵢ and
        ∂L/∂sᵢ = e·wᵢ(suggestedᵢ − estimate), the softmax's slope.
        """
        grid, table, since, distance = self._weigh(subjects, near, theta)
        terms, slope = Terms(theta), np.empty_like(theta)
        by = Terms(slope)
        miss = grid.estimate - log_price
        by_suggested = (miss / len(miss))[:, None] * grid.weight
        by_score = by_suggested * (grid.suggested - grid.estimate[:, None])
        # Σ over comparables, then over subjects: of Δ² for the scores, of Δ and Δ(x²) for the suggestions.
        by_table = np.stack((by_score, by_suggested), axis=1) @ table
        x, square, known = subjects.facts, subjects.facts**2, subjects.known
        theirs_known, theirs, theirs_square = np.split(by_table[:, 0], 3, axis=1)
        squared = square * theirs_known - 2 * x * theirs + known * theirs_square
        by.likeness[:] = -np.exp(terms.likeness) * squared.sum(axis=0)
        by.nearness[:] = -np.exp(terms.nearness) * (by_score * distance).sum()
        by.age[:] = -np.exp(terms.age) * (by_score * since).sum()
        theirs_known, theirs, theirs_square = np.split(by_table[:, 1], 3, axis=1)
        by.worth[:] = (x * theirs_known - known * theirs).sum(axis=0)
        by.bend[:] = (square * theirs_known - known * theirs_square).sum(axis=0)
        by.trend[:] = (by_suggested * since).sum()
        return float(miss @ miss) / (2 * len(miss)), slope
