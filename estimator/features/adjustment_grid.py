"""The appraiser's adjustment grid with learned adjustments: each comparable's suggested price and its weight.

A comparable's log price, adjusted for time beforehand, is adjusted for every difference between the subject and
it, fact by fact. Comparables that are nearer, more similar and more recent get more weight. Adjustments and
weights are learned from subjects whose price is known. Works on arrays alone: no market, no dates, no search.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import lsq_linear

from estimator.features.grid_inputs import GridFactors, GridHomes, GridParameters, Neighbours
from estimator.market.arrays import Float32Array, FloatArray
from estimator.network import AdamW, cosine

N_STEPS = 320
"""Gradient steps; see benchmarks/DECISIONS.md, "Steps of the adjustment grid"."""
BATCH_SIZE = 512
"""Subjects in a gradient step."""
_LEARNING_RATE = 0.05
"""Of Adam at the first step; falls to 0 by a cosine."""
_RIDGE_PENALTY = 1.0
"""Ridge penalty on price effects: those that the sales say nothing about stay 0."""
_LOWEST = np.finfo(np.float32).min
"""Stands in for the highest score of a subject without comparables, which would be −∞."""
_SCALE_LIMIT = 3.0
"""Scaled facts lie between −3 and 3; see `NumberScales`."""


class GridEstimates(NamedTuple):
    """For n subjects: weights and adjusted log prices of the comparables (n, count), and the estimates (n,).

    For several versions of the subjects (…, n, count) and (…, n).
    """

    weight: Float32Array
    adjusted_log_price: Float32Array
    estimate: Float32Array


@dataclass(frozen=True)
class GridDifferences:
    """The effect of each difference between n subjects and their comparables.

    Parameters
    ----------
    adjustment
        To the comparable's log price, for each fact, shape (n, count, f). Log price plus the sum of adjustments is
        the adjusted log price.
    penalty
        For each fact, for distance and for age, shape (n, count, f + 2). The weights of two comparables have the
        ratio exp(difference of their summed penalties).
    """

    adjustment: Float32Array
    penalty: Float32Array


class _Evaluation(NamedTuple):
    """Estimates and their intermediate results.

    Parameters
    ----------
    estimates
        Of the n subjects.
    table
        The comparables' known flags, facts and squared facts, shape (n, count, 3f).
    age
        Of the sales, shape (n, count).
    log_km
        Log distances, shape (n, count).
    """

    estimates: GridEstimates
    table: Float32Array
    age: Float32Array
    log_km: Float32Array


class AdjustmentGrid:
    """Sold homes whose prices can be adjusted to a subject.

    The estimate of a subject is Σ wᵢ·(log priceᵢ + β·Δᵢ + γ·Δᵢ(x²)) over its comparables, where Δ is the subject's
    facts minus the comparable's, and w = softmax(−Σ aⱼΔⱼ² − c·log(km + ε) − r·ageᵢ). A fact that is unknown for
    either home is ignored.

    Parameters
    ----------
    sold
        The sold homes.
    log_price
        Their log prices, adjusted for time, shape (n,).
    age
        Time since their sale, seen from any fixed day and in any unit, shape (n,). Another day changes no weight.
    """

    def __init__(self, sold: GridHomes, log_price: Float32Array, age: Float32Array) -> None:
        # Every difference is a product of a term of the subject and one of these terms of the comparable.
        self._table = np.hstack((sold.known, sold.facts, sold.facts**2))
        self._log_price = log_price
        self._age = age

    def estimate(self, subjects: GridHomes, neighbours: Neighbours, factors: GridFactors) -> GridEstimates:
        """Return the estimates of n subjects; each is independent of the other subjects."""
        return self._evaluate(subjects, neighbours, factors).estimates

    def differences(self, subjects: GridHomes, neighbours: Neighbours, theta: FloatArray) -> GridDifferences:
        """Return the terms that `estimate` sums up; arbitrary where there is no comparable."""
        parameters = GridParameters(theta.astype(np.float32))
        sold_known, sold_facts, sold_squares = np.split(self._table[neighbours.rows], 3, axis=2)
        x, both_known = subjects.facts[:, None], subjects.known[:, None] * sold_known
        age = self._age[neighbours.rows][:, :, None]
        effect = both_known * (parameters.slope * (x - sold_facts) + parameters.curvature * (x**2 - sold_squares))
        by_fact = both_known * np.exp(parameters.log_fact_penalty) * (x - sold_facts) ** 2
        by_distance = np.exp(parameters.log_distance_penalty) * neighbours.log_km[:, :, None]
        return GridDifferences(
            effect,
            np.concatenate((by_fact, by_distance, np.exp(parameters.log_age_penalty) * age), axis=2),
        )

    def fit_price_effects(
        self,
        subjects: GridHomes,
        neighbours: Neighbours,
        log_price: Float32Array,
        theta: FloatArray,
        direction: FloatArray,
    ) -> FloatArray:
        """Return θ with slope and curvature fitted again to n subjects that hide no fact.

        In `fit`, some facts of the subjects are hidden. The slope of such a fact is then not its own effect: a
        large comparable also says that the subject is likely to be large. Here every effect is that of the
        difference.

        Parameters
        ----------
        direction
            1 or −1 for a fact that may only raise or only lower the price, 0 for the others, shape (f,).

        Notes
        -----
        Ridge regression with the weights fixed. The unknowns are each fact's slopes β + 2γx at the limits of the
        scale, x = ±3: if neither has the wrong sign, no slope between them has.
        """
        n_unknowns = 2 * len(direction)
        triangle = np.column_stack((np.sqrt(_RIDGE_PENALTY) * np.eye(n_unknowns), np.zeros(n_unknowns)))
        for start in range(0, len(log_price), BATCH_SIZE):
            rows = slice(start, start + BATCH_SIZE)
            batch, near = subjects.take(rows), neighbours.take(rows)
            estimates, table, _, _ = self._evaluate(batch, near, GridFactors.of(theta))
            weight = estimates.weight
            known, mean, mean_square = np.split((weight[:, None] @ table)[:, 0], 3, axis=1)
            slope = batch.facts * known - batch.known * mean
            curvature = batch.facts**2 * known - batch.known * mean_square
            residual = log_price[rows] - (weight * self._log_price[near.rows]).sum(axis=1)
            at_limits = np.hstack(
                (slope / 2 + curvature / (4 * _SCALE_LIMIT), slope / 2 - curvature / (4 * _SCALE_LIMIT))
            )
            equations = np.column_stack((at_limits, residual))[near.is_present[:, 0]].astype(np.float64)
            triangle = np.asarray(np.linalg.qr(np.vstack((triangle, equations)), mode="r"))
        sign = np.concatenate((direction, direction))
        bounds = np.where(sign > 0, 0.0, -np.inf), np.where(sign < 0, 0.0, np.inf)
        solution = lsq_linear(triangle[:, :-1], triangle[:, -1], bounds).x
        upper, lower = np.split(solution, 2)
        fitted = theta.copy()
        parameters = GridParameters(fitted)
        parameters.slope[:], parameters.curvature[:] = (upper + lower) / 2, (upper - lower) / (4 * _SCALE_LIMIT)
        return fitted

    def _evaluate(self, subjects: GridHomes, neighbours: Neighbours, factors: GridFactors) -> _Evaluation:
        table = self._table.take(neighbours.rows, axis=0)  # a third of the time of an index
        # One product per subject: the last bits of a single larger product would depend on the other subjects.
        products = table @ _subject_terms(subjects, factors)
        similarity, adjustment = products[..., 0], products[..., 1]
        age, log_km = self._age.take(neighbours.rows), neighbours.log_km
        adjusted = self._log_price.take(neighbours.rows) + adjustment
        score = similarity - factors.distance * log_km
        score -= factors.age * age
        if not neighbours.are_all_present:
            score = np.where(neighbours.is_present, score, -np.inf)
        highest = np.maximum(np.maximum.reduce(score, axis=-1, keepdims=True), _LOWEST)
        weight = np.exp(np.subtract(score, highest, out=score), out=score)
        weight /= np.maximum(np.add.reduce(weight, axis=-1, keepdims=True), 1e-30)
        estimates = GridEstimates(weight, adjusted, np.add.reduce(weight * adjusted, axis=-1))
        return _Evaluation(estimates, table, age, log_km)

    def fit(
        self,
        subjects: GridHomes,
        neighbours: Neighbours,
        log_price: Float32Array,
        initial_theta: FloatArray,
        rng: np.random.Generator,
    ) -> FloatArray:
        """Return θ fitted to the subjects' log prices, shape (n,), by mean squared error."""
        theta = initial_theta.copy()
        usable = np.flatnonzero(neighbours.is_present[:, 0])
        optimiser = AdamW(_LEARNING_RATE, weight_decay=0.0)
        optimiser.reset(theta)
        for step in range(N_STEPS if len(usable) else 0):
            rows = rng.choice(usable, min(BATCH_SIZE, len(usable)), replace=False)
            gradient = self.loss_gradient(subjects.take(rows), neighbours.take(rows), log_price[rows], theta)[1]
            optimiser.step(theta, gradient, cosine(step / N_STEPS))
        return theta

    def loss_gradient(
        self, subjects: GridHomes, neighbours: Neighbours, log_price: Float32Array, theta: FloatArray
    ) -> tuple[float, FloatArray]:
        """Return the loss L = ½ mean of (estimate − log price)², and ∂L/∂θ.

        With e = (estimate − log price)/n and s a comparable's score: ∂L/∂adjustedᵢ = e·wᵢ and
        ∂L/∂sᵢ = e·wᵢ(adjustedᵢ − estimate), by the derivative of the softmax.
        """
        estimates, table, age, log_km = self._evaluate(subjects, neighbours, GridFactors.of(theta))
        parameters, theta_gradient = GridParameters(theta), np.empty_like(theta)
        gradient = GridParameters(theta_gradient)
        error = estimates.estimate - log_price
        by_adjusted = (error / len(error))[:, None] * estimates.weight
        by_score = by_adjusted * (estimates.adjusted_log_price - estimates.estimate[:, None])
        # Sums over comparables, then over subjects: of Δ² for the scores, of Δ and Δ(x²) for the adjusted prices.
        by_table = np.stack((by_score, by_adjusted), axis=1) @ table
        x, square, known = subjects.facts, subjects.facts**2, subjects.known
        sold_known, sold_facts, sold_squares = np.split(by_table[:, 0], 3, axis=1)
        squared_difference = square * sold_known - 2 * x * sold_facts + known * sold_squares
        gradient.log_fact_penalty[:] = -np.exp(parameters.log_fact_penalty) * squared_difference.sum(axis=0)
        by_distance = by_score * np.where(neighbours.is_present, log_km, 0.0)
        gradient.log_distance_penalty[:] = -np.exp(parameters.log_distance_penalty) * by_distance.sum()
        gradient.log_age_penalty[:] = -np.exp(parameters.log_age_penalty) * (by_score * age).sum()
        sold_known, sold_facts, sold_squares = np.split(by_table[:, 1], 3, axis=1)
        gradient.slope[:] = (x * sold_known - known * sold_facts).sum(axis=0)
        gradient.curvature[:] = (square * sold_known - known * sold_squares).sum(axis=0)
        return float(error @ error) / (2 * len(error)), theta_gradient


def _subject_terms(subjects: GridHomes, factors: GridFactors) -> Float32Array:
    """Return what a comparable's known flags, facts and squared facts are multiplied by, shape (…, n, 3f, 2).

    The sums of the products are the similarity and the adjustment of its price.
    """
    x, square, known = subjects.facts, subjects.facts**2, subjects.known
    f = x.shape[-1]
    terms = np.empty((*x.shape[:-1], 3 * f, 2), np.float32)
    similarity, effect = terms[..., 0], terms[..., 1]
    np.multiply(np.concatenate((square, x, known), axis=-1), factors.similarity, out=similarity)
    np.add(factors.slope * x, factors.curvature * square, out=effect[..., :f])
    np.multiply(np.concatenate((known, known), axis=-1), factors.by_known, out=effect[..., f:])
    return terms
