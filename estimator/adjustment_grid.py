"""The appraiser's adjustment grid, learned: what each comparable suggests for a subject, and how much it counts.

A comparable's log price is adjusted for how the subject differs from it, fact by fact and in time. Comparables
are weighed by how near, alike and recent they are. What a difference is worth, and how much it counts against
likeness, is learned from subjects whose price is known. Knows arrays alone: no market, no dates, no search.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.facts import BoolArray, Float32Array, FloatArray
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


@dataclass(frozen=True)
class Homes:
    """n homes as the grid sees them.

    Parameters
    ----------
    facts
        Scaled, shape (n, f); 0 where unknown.
    known
        1 where a fact is known, 0 elsewhere, shape (n, f).
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
    """The grid of n subjects: comparables' weights and suggested log prices (n, count), and the estimates (n,)."""

    weight: Float32Array
    suggested: Float32Array
    estimate: Float32Array


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

    def _weigh(self, subjects: Homes, near: Near, theta: FloatArray) -> tuple[Weighed, Any, Any, Any]:
        """Return the grid, and the comparables' rows of the table, times since the sales and log distances."""
        terms = Terms(theta.astype(np.float32))
        against = np.exp(terms.likeness)
        x, square, known = subjects.facts, subjects.facts**2, subjects.known
        unlike = np.hstack((against * square, -2 * against * x, against * known))
        worth = np.hstack((terms.worth * x + terms.bend * square, -terms.worth * known, -terms.bend * known))
        table = self._table[near.rows]
        # A product for each subject by itself: the last bits of one larger product would depend on the others.
        products = table @ np.stack((unlike, worth), axis=2)
        unlikeness, adjustment = products[:, :, 0], products[:, :, 1]
        since = subjects.time[:, None] - self._time[near.rows]
        there = np.isfinite(near.km)
        distance = np.log(np.where(there, near.km, 1.0) + NEAR_KM).astype(np.float32)
        suggested = self._log_price[near.rows] + adjustment + terms.trend * since
        score = -unlikeness - np.exp(terms.nearness) * distance - np.exp(terms.age) * since
        score = np.where(there, score, -np.inf)
        highest = np.where(there[:, :1], score.max(axis=1, keepdims=True), 0.0)
        weight = np.exp(score - highest)
        weight /= weight.sum(axis=1, keepdims=True).clip(min=1e-30)
        return Weighed(weight, suggested, (weight * suggested).sum(axis=1)), table, since, distance

    def learn(
        self, subjects: Homes, near: Near, log_price: Float32Array, start: FloatArray, rng: np.random.Generator
    ) -> FloatArray:
        """Return θ with a small mean squared error of the estimates, from the subjects' log prices, shape (n,)."""
        theta = start.copy()
        some = np.flatnonzero(np.isfinite(near.km[:, 0]))
        optimiser = AdamW(_LEARNING_RATE, weight_decay=0.0)
        optimiser.start(theta)
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
