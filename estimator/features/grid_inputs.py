"""What the adjustment grid is given: homes, their comparables, and its parameters. Arrays alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.numbers import Numbers
from estimator.market.arrays import BoolArray, Float32Array, FloatArray

DISTANCE_OFFSET_KM = 0.05
"""Added to distances before taking logs: coordinates are accurate to some 50 m."""


@dataclass(frozen=True)
class GridHomes:
    """n homes as inputs of the grid.

    Parameters
    ----------
    facts
        Scaled, shape (n, f), or (…, n, f) for several versions of the same homes; 0 where unknown.
    known
        1 where a fact is known, 0 elsewhere, same shape as `facts`.
    """

    facts: Float32Array
    known: Float32Array

    @classmethod
    def of(cls, scaled: FloatArray, unknown: BoolArray) -> Self:
        """Return n homes by their scaled facts, 0 where unknown, and by which are unknown, shape (n, f) each."""
        return cls(scaled.astype(np.float32), (~unknown).astype(np.float32))

    def take(self, rows: Any) -> "GridHomes":
        """Return the homes in some rows."""
        return GridHomes(self.facts[rows], self.known[rows])


class Subjects(NamedTuple):
    """n homes as inputs of the grid, and their locations in km, shape (n, 2)."""

    homes: GridHomes
    location: FloatArray

    @classmethod
    def of(cls, numbers: Numbers, use: int) -> Self:
        """Return homes whose numbers have been read; `use` is the index of the grid's use among all."""
        location = numbers.places[use]
        assert location is not None  # noqa: S101  # `Comparables.number_use` asks for it
        return cls(GridHomes.of(numbers.scaled[use], numbers.unknown), location)


@dataclass(frozen=True)
class Neighbours:
    """The comparables of n subjects: rows of the sold homes and distances in km, shape (n, count).

    The distance is infinite where a subject has fewer than `count` comparables.
    """

    rows: NDArray[np.intp]
    km: FloatArray

    def take(self, rows: Any) -> "Neighbours":
        """Return the comparables of some subjects."""
        return Neighbours(self.rows[rows], self.km[rows])

    @cached_property
    def is_present(self) -> BoolArray:
        """Whether there is a comparable, shape (n, count)."""
        is_present: BoolArray = np.isfinite(self.km)
        return is_present

    @cached_property
    def are_all_present(self) -> bool:
        """Whether every subject has all its comparables, as most have: then there is nothing to leave out."""
        return bool(np.logical_and.reduce(self.is_present, axis=None))

    @cached_property
    def log_km(self) -> Float32Array:
        """log(km + DISTANCE_OFFSET_KM), shape (n, count); −∞ where there is no comparable."""
        log_km: Float32Array = np.log(self.km + DISTANCE_OFFSET_KM).astype(np.float32)
        if not self.are_all_present:
            log_km[~self.is_present] = -np.inf
        return log_km


class GridParameters:
    """Names for the parts of the parameter vector θ of 3f + 2 numbers.

    Parameters
    ----------
    theta
        Shape (3f + 2,). The attributes are views of it.

    Attributes
    ----------
    log_fact_penalty
        Log of how much the squared difference in each fact lowers a weight, shape (f,).
    log_distance_penalty, log_age_penalty
        Log of how much the log distance and the age of the sale lower it, shape (1,).
    slope, curvature
        Effect of a difference in each fact, and in its square, on the log price, shape (f,).
    """

    def __init__(self, theta: FloatArray) -> None:
        f = len(theta) // 3
        self.log_fact_penalty = theta[:f]
        self.log_distance_penalty, self.log_age_penalty = theta[f : f + 1], theta[f + 1 : f + 2]
        self.slope, self.curvature = theta[f + 2 : 2 * f + 2], theta[2 * f + 2 :]

    @staticmethod
    def initial_theta(affects_weight: BoolArray) -> FloatArray:
        """Return θ to start from: distance matters most, other differences a little; no price effects.

        Parameters
        ----------
        affects_weight
            Facts whose difference lowers a weight, shape (f,); for the others this penalty stays 0.
        """
        theta = np.zeros(3 * len(affects_weight) + 2)
        parameters = GridParameters(theta)
        parameters.log_fact_penalty[:] = np.where(affects_weight, np.log(0.3), -np.inf)
        parameters.log_age_penalty[:] = np.log(0.05)
        return theta


class GridFactors(NamedTuple):
    """θ in the form that estimates need, in float32.

    Parameters
    ----------
    similarity
        Factors of a subject's squared facts, facts and known flags in its similarity, which is at most 0, (3f,).
    slope, curvature
        See `GridParameters`, shape (f,).
    by_known
        Factors of a subject's known flags in the adjustment, shape (2f,): −slope, then −curvature.
    distance, age
        How much the log distance and the age of the sale lower a weight, shape (1,).
    """

    similarity: Float32Array
    slope: Float32Array
    curvature: Float32Array
    by_known: Float32Array
    distance: Float32Array
    age: Float32Array

    @staticmethod
    def of(theta: FloatArray) -> "GridFactors":
        """Return the factors of a parameter vector; see `GridParameters`."""
        parameters = GridParameters(theta.astype(np.float32))
        by_fact = np.exp(parameters.log_fact_penalty)
        slope, curvature = (np.asarray(part, np.float32) for part in (parameters.slope, parameters.curvature))
        return GridFactors(
            np.concatenate((-by_fact, 2 * by_fact, -by_fact)),
            slope,
            curvature,
            np.concatenate((-slope, -curvature)),
            np.exp(parameters.log_distance_penalty),
            np.exp(parameters.log_age_penalty),
        )
