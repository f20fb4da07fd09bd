"""Kriging: predict a home's log price by a linear model plus a correction from similar sold homes nearby.

Kriging is Gaussian process regression (Cressie 1993, Statistics for Spatial Data, ch. 3; Rasmussen and Williams
2006, ch. 2). The correction follows the residuals of sold homes; a kernel of location, of facts and of both says
how similar two homes are. With all n sales in the kernel matrix, fitting would take n³ steps. Here m of the sales,
the inducing points, stand for all of them (low-rank Nyström approximation, Williams and Seeger 2001, Using the
Nyström method): fitting takes n·m² steps and a prediction m. Works on arrays alone: no market, no search.

`kriging_fit` fits the model; `leave_home_out` predicts the training sales without their own influence.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Self

import numpy as np

from estimator.market.arrays import Float32Array, FloatArray
from estimator.network import matmul_row_stable

FACTS_RANGE = 8.0
"""Distance between scaled facts over which the kernel falls to 1/e; see benchmarks/DECISIONS.md, "Kernel
ranges"."""
_INTERCEPT_SCALE = 30.0
"""Value of the intercept's column. It is large, so that the ridge penalty of 1 hardly shrinks the intercept."""
_SQUARE_SCALE = 0.5
"""Multiplies the squared facts in the linear model; see benchmarks/DECISIONS.md, "Squares in kriging's linear
model"."""
_OTHER_SCALE = 0.3
"""Multiplies the columns that are not numbers: labels, missing-value flags and years."""
MONOTONE_SCALE = 25.0
"""Multiplies the monotone columns in the linear model. They are small, so their coefficients are large."""
CHUNK_SIZE = 256
"""Homes in a chunk of a fit: their kernel values with the inducing points take 2.5 MB."""
_ESTIMATE_CHUNK_SIZE = 64
"""Homes in a chunk of an estimate: their kernel values take .6 MB, which fits the second cache of a core."""


@dataclass(frozen=True)
class KrigingInputs:
    """n encoded homes.

    Parameters
    ----------
    facts
        Scaled numbers, 0 where unknown, shape (n, f).
    other
        Other columns of the encoding, shape (n, g).
    monotone
        Columns that the price may only rise with, shape (n, r).
    location
        North and east in km, NaN where unknown, shape (n, 2); None in a market without coordinates.
    """

    facts: Float32Array
    other: Float32Array
    monotone: Float32Array
    location: FloatArray | None

    def __len__(self) -> int:
        return len(self.facts)

    def take(self, rows: Any) -> "KrigingInputs":
        """Return the homes in some rows."""
        n = len(self)
        if isinstance(rows, slice) and rows.indices(n) == (0, n, 1):
            return self
        location = None if self.location is None else self.location[rows]
        return KrigingInputs(self.facts[rows], self.other[rows], self.monotone[rows], location)

    def linear_terms(self) -> Float32Array:
        """Return the columns of the linear model except the monotone ones, shape (n, 1 + 2f + g)."""
        f = self.facts.shape[1]
        terms = np.empty((len(self), 1 + 2 * f + self.other.shape[1]), np.float32)
        terms[:, 0] = _INTERCEPT_SCALE
        terms[:, 1 : 1 + f] = self.facts
        terms[:, 1 + f : 1 + 2 * f] = _SQUARE_SCALE * self.facts**2
        terms[:, 1 + 2 * f :] = _OTHER_SCALE * self.other
        return terms


@dataclass(frozen=True)
class Kriging:
    """Estimates log prices; made by `kriging_fit.fit_kriging` or from its state.

    Parameters
    ----------
    facts, location
        Of the m inducing points, shape (m, f) and (m, 2); `location` is None in a market without coordinates.
    range_km
        Distance over which the kernel of locations falls to 1/e.
    linear_coefficients
        Of `KrigingInputs.linear_terms`, shape (1 + 2f + g,).
    monotone_coefficients
        Of `KrigingInputs.monotone`, shape (r,), none negative.
    kernel_coefficients
        Of the kernel with each inducing point, shape (m,).
    mean
        Mean log price of the training sales.
    """

    facts: Float32Array
    location: FloatArray | None
    range_km: float
    linear_coefficients: Float32Array
    monotone_coefficients: Float32Array
    kernel_coefficients: Float32Array
    mean: float

    def estimate(self, homes: KrigingInputs) -> FloatArray:
        """Return the log prices of n homes without the effect of their monotone columns, shape (n,)."""
        estimates = np.empty(len(homes))
        for rows in chunks(len(homes), _ESTIMATE_CHUNK_SIZE):
            chunk = homes.take(rows)
            # Row by row: the last bits of a matrix product depend on the other rows in it.
            linear = np.einsum("np,p->n", chunk.linear_terms(), self.linear_coefficients)
            estimates[rows] = linear + np.einsum("nm,m->n", self.kernel(chunk), self.kernel_coefficients)
        return estimates + self.mean

    def monotone_effect(self, monotone: Float32Array) -> FloatArray:
        """Return what the monotone columns of n homes add to their log prices, shape (n,)."""
        effect: Float32Array = np.einsum("nr,r->n", monotone, self.monotone_coefficients)
        return effect.astype(np.float64)

    @property
    def points(self) -> KrigingInputs:
        """The inducing points, without the columns that the kernel does not need."""
        none = np.empty((len(self.facts), 0), np.float32)
        return KrigingInputs(self.facts, none, none, self.location)

    def kernel(self, homes: KrigingInputs) -> Float32Array:
        """Return the kernel (covariance) of n homes with the m inducing points, shape (n, m).

        k = k_f + k_l + k_f·k_l with k_f, k_l = exp(−distance/range) of the facts and of the locations, in units of
        the variance of the noise.
        """
        squares = np.empty((len(homes), len(self.facts)), np.float32)
        matmul_row_stable(homes.facts, self._minus_twice_facts, out=squares)
        squares += np.einsum("nf,nf->n", homes.facts, homes.facts)[:, None]
        squares += self._facts_squared
        # With a row of zeros: NumPy's maximum with a scalar takes more than twice as long.
        by_facts = exponential_kernel(np.maximum(squares, self._zeros, out=squares), FACTS_RANGE)
        if homes.location is None or self._location_transposed is None:
            return by_facts
        # Not by a matrix product as above: in float32 it would be off by some 100 m at the ends of a large market.
        # A home without a known location is infinitely far from all points, so it is near none.
        north, east = np.fmax(homes.location.T, -np.inf).astype(np.float32)[:, :, None]
        squares = np.subtract(north, self._location_transposed[0])
        squares *= squares
        squares_east = np.subtract(east, self._location_transposed[1])
        squares_east *= squares_east
        squares += squares_east
        by_location = exponential_kernel(squares, self.range_km)
        # k_f + k_l + k_f·k_l = (1 + k_f)(1 + k_l) − 1
        by_facts += 1
        by_location += 1
        by_facts *= by_location
        by_facts -= 1
        return by_facts

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the model from its state; its estimates are the same, bit for bit."""
        return cls(**state)

    @cached_property
    def _minus_twice_facts(self) -> Float32Array:
        """The inducing points' facts times −2, shape (f, m); products with this layout are three times as fast."""
        return np.ascontiguousarray(self.facts.T) * np.float32(-2)

    @cached_property
    def _zeros(self) -> Float32Array:
        return np.zeros(len(self.facts), np.float32)

    @cached_property
    def _facts_squared(self) -> Float32Array:
        """Squared norms of the inducing points' facts, shape (m,)."""
        squares: Float32Array = np.einsum("mf,mf->m", self.facts, self.facts)
        return squares

    @cached_property
    def _location_transposed(self) -> Float32Array | None:
        """North and east of the inducing points, shape (2, m), ∞ where unknown; None without coordinates.

        Homes without a known location are at −∞: infinitely far from these points too.
        """
        return None if self.location is None else np.fmin(self.location.T, np.inf).astype(np.float32, order="C")


def exponential_kernel(squared_distance: Float32Array, length_scale: float) -> Float32Array:
    """Return exp(−distance/length_scale), computed in place of the squared distances."""
    np.sqrt(squared_distance, out=squared_distance)
    squared_distance *= np.float32(-1 / length_scale)
    return np.exp(squared_distance, out=squared_distance)


def chunks(n: int, size: int = CHUNK_SIZE) -> Iterator[slice]:
    """Yield slices that divide n rows into chunks."""
    for start in range(0, n, size):
        yield slice(start, start + size)
