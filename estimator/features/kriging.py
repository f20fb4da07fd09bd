"""Kriging: a home's worth by its facts in a line, and by how sold homes near and alike depart from that line.

Gaussian process regression (Cressie 1993, Statistics for Spatial Data, ch. 3; Rasmussen and Williams 2006, ch. 2)
with a covariance of place, of facts, and of both. Of low rank, by pivots (Williams and Seeger 2001, Using the
Nyström method), so that learning takes n·m² steps and a home m. Knows arrays alone: no market, no search.

A sale tells on its own estimate. Whoever learns from the estimates of the sales themselves must take them as they
would be without (`LeaveHomeOut`), or learns to trust them more than any other home's.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial import KDTree

from estimator.features.triangular import LowerTriangle
from estimator.market.facts import Float32Array, FloatArray
from estimator.network import matmul_row_stable
from estimator.threads import parallel_map

PIVOTS = 2500
"""Sold homes that stand for all of them. On King County's training sales (random split), each left out: .1546 log
RMSE with 1,000, .1530 with 2,000, .1520 with 4,000, which take four times as long."""
MOST_SALES = 50_000
"""Sales learned from, at most, drawn by lot: with so many a pivot, more tell little."""
NEIGHBOURS = 32
RANGE = 10.0
"""Covariance falls to 1/e over this many times the usual distance of the 32nd nearest sale: some 9 km in King
County, 36 km in California. A third and three times as much did as well or worse in both."""
FACTS_RANGE = 8.0
"""The same over this distance between the scaled facts; 12 did as well."""
_SQUARES = 0.5
"""Weight of the facts' squares among the straight terms; without them .1545 for .1533."""
_FLAGS = 0.3
"""Weight of what is no number: labels, unknowns and the date."""
_DIRECTED = 25.0
"""Weight of the directed numbers, which are small."""
_CONSTANT = 30.0
"""Weight of the constant: all but free."""
_JITTER = 3e-3
"""Added to the pivots' own covariance: two homes in one house would make it singular."""
_CHUNK = 256
"""Homes at a time: their covariances with the pivots take 2.5 MB, which caches hold."""
_LARGE_CHUNK = 4096
"""Homes at a time where all columns are multiplied with all: few, for what comes of each takes 26 MB."""


@dataclass(frozen=True)
class Homes:
    """n homes.

    Parameters
    ----------
    facts
        Numbers, scaled, 0 where unknown, shape (n, f).
    flags
        What else is known of them, shape (n, g).
    directed
        Numbers that the price may only rise with, shape (n, r).
    place
        North and east in km, NaN where unknown, shape (n, 2); None in a market without places.
    """

    facts: Float32Array
    flags: Float32Array
    directed: Float32Array
    place: FloatArray | None

    def __len__(self) -> int:
        return len(self.facts)

    def take(self, rows: Any) -> "Homes":
        """Return some of them."""
        place = None if self.place is None else self.place[rows]
        return Homes(self.facts[rows], self.flags[rows], self.directed[rows], place)

    def straight(self) -> Float32Array:
        """Return what the line is of but for the directed numbers, shape (n, 1 + 2f + g)."""
        f = self.facts.shape[1]
        straight = np.empty((len(self), 1 + 2 * f + self.flags.shape[1]), np.float32)
        straight[:, 0] = _CONSTANT
        straight[:, 1 : 1 + f] = self.facts
        straight[:, 1 + f : 1 + 2 * f] = _SQUARES * self.facts**2
        straight[:, 1 + 2 * f :] = _FLAGS * self.flags
        return straight


@dataclass(frozen=True)
class Kriging:
    """Estimates log prices; made by `learn` or from its state.

    Parameters
    ----------
    facts, place
        The pivots', shape (m, f) and (m, 2); `place` is None in a market without places.
    range_km
        Over which the covariance of places falls to 1/e.
    line
        Coefficients of `Homes.straight`.
    worth
        Coefficients of `Homes.directed`, shape (r,), none negative.
    weight
        Of the covariance with each pivot, shape (m,).
    mean
        Log price.
    """

    facts: Float32Array
    place: FloatArray | None
    range_km: float
    line: Float32Array
    worth: Float32Array
    weight: Float32Array
    mean: float

    def estimate(self, homes: Homes) -> FloatArray:
        """Return the log prices of n homes but for what their directed numbers are worth, shape (n,)."""
        estimates = np.empty(len(homes))
        for rows in _chunks(len(homes)):
            some = homes.take(rows)
            # Row by row: the last bits of a matrix product depend on what else is in it.
            by_line = np.einsum("np,p->n", some.straight(), self.line)
            estimates[rows] = by_line + np.einsum("nm,m->n", self.covariance(some), self.weight)
        return estimates + self.mean

    def worth_of(self, directed: Float32Array) -> FloatArray:
        """Return what n homes' directed numbers add to their log prices, shape (n,)."""
        worth: Float32Array = np.einsum("nr,r->n", directed, self.worth)
        return worth.astype(np.float64)

    def covariance(self, homes: Homes) -> Float32Array:
        """Return the covariance of n homes with the pivots, in units of the noise's, shape (n, m).

        k = e_f + e_p + e_f·e_p with e = exp(−distance/range), of the facts and of the places.
        """
        squares = np.empty((len(homes), len(self.facts)), np.float32)
        matmul_row_stable(homes.facts, self._facts, out=squares)
        squares *= -2
        squares += np.einsum("nf,nf->n", homes.facts, homes.facts)[:, None]
        squares += self._squares
        alike = _fade(np.maximum(squares, 0, out=squares), FACTS_RANGE)
        if homes.place is None or self._plane is None:
            return alike
        # Not by a product as above: it would be off by some hundred metres at the ends of a large market.
        north, east = homes.place.T.astype(np.float32)[:, :, None] - self._plane[:, None, :]
        north *= north
        east *= east
        near = _fade(np.add(north, east, out=north), self.range_km)
        near[np.isnan(near[:, 0])] = 0.0  # an unknown place is near none
        # e_f + e_p + e_f·e_p = (1 + e_f)(1 + e_p) − 1
        alike += 1
        near += 1
        alike *= near
        alike -= 1
        return alike

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build it again from its state; it estimates the same, bit for bit."""
        return cls(**state)

    @cached_property
    def _facts(self) -> Float32Array:
        """The pivots' facts, shape (f, m): a product with them as they are takes three times as long."""
        return np.ascontiguousarray(self.facts.T)

    @cached_property
    def _squares(self) -> Float32Array:
        """The pivots' squared lengths, shape (m,)."""
        squares: Float32Array = np.einsum("mf,mf->m", self.facts, self.facts)
        return squares

    @cached_property
    def _plane(self) -> Float32Array | None:
        """The pivots' places, north and east, shape (2, m); None in a market without places."""
        return None if self.place is None else np.ascontiguousarray(self.place.T, np.float32)


class LeaveHomeOut:
    """What kriging would estimate had it not seen a home's own sales.

    Parameters
    ----------
    kriging
        As it was learned.
    columns
        Of the n sales learned from, shape (n, p): the directed ones first.
    whiten
        Turns covariances with the pivots into the last columns, of m.
    factor
        Cholesky's of the columns' regularised products, of p.
    sums
        Half of the coefficients: what its product with a home's half is, is the home's log price, shape (p,).
    home
        Which was sold, shape (n,).
    log_price
        Theirs, shape (n,).
    """

    def __init__(
        self,
        kriging: Kriging,
        columns: Float32Array,
        whiten: LowerTriangle,
        factor: LowerTriangle,
        sums: FloatArray,
        home: NDArray[np.int64],
        log_price: FloatArray,
    ) -> None:
        self._kriging = kriging
        self._columns = columns
        self._whiten = whiten
        self._factor = factor
        self._sums = sums.astype(np.float32)
        self._home = home
        self._log_price = log_price

    def estimate(self, homes: Homes, home: NDArray[np.int64]) -> FloatArray:
        """Return the log prices of n homes by the sales of other homes, but for the directed numbers; shape (n,).

        Parameters
        ----------
        home
            Which homes they are; those of which no sale was learned from have nothing to leave out.
        """
        estimates = np.empty(len(homes))
        halves, missed = self._halves, self._missed

        def estimate(rows: slice) -> None:
            half = self._factor.solve(_columns(self._kriging, homes.take(rows), self._whiten))
            subject, own = _pairs(home[rows], self._home)
            told = np.einsum("np,np->n", half[subject], halves[own])
            estimates[rows] = half @ self._sums - np.bincount(subject, told * missed[own], len(half))

        parallel_map(estimate, _chunks(len(homes)))
        return estimates + self._kriging.mean

    @cached_property
    def _halves(self) -> Float32Array:
        """Half of how much each sale tells, shape (n, p): a product of two is what they tell on each other.

        In the memory of the columns, which are of no more use.
        """
        parallel_map(lambda rows: self._factor.solve(self._columns[rows]), _chunks(len(self._columns)))
        return self._columns

    @cached_property
    def _missed(self) -> FloatArray:
        """Each sale's residual had its home's sales not been learned from, shape (n,).

        e₋ = (I − H)⁻¹e over the sales of one home, H being how much they tell on each other's estimates.
        """
        halves = self._halves
        residual = self._log_price - self._kriging.mean - halves @ self._sums
        missed: FloatArray = residual / (1 - np.einsum("np,np->n", halves, halves))
        order = np.argsort(self._home, kind="stable")
        starts = np.flatnonzero(np.diff(self._home[order], prepend=self._home[order[0]] - 1))
        for own in np.split(order, starts[1:]):
            if len(own) > 1:
                half = halves[own]
                missed[own] = np.linalg.solve(np.eye(len(own)) - half @ half.T, residual[own])
        return missed


def learn(
    homes: Homes, log_price: FloatArray, home: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Kriging, LeaveHomeOut]:
    """Learn from n sales.

    Parameters
    ----------
    log_price
        Theirs, shape (n,).
    home
        Which was sold, shape (n,).

    Returns
    -------
    Kriging
        For any home.
    LeaveHomeOut
        For the sales themselves. It is large and need not be kept.
    """
    some = np.sort(rng.permutation(len(homes))[:MOST_SALES])
    homes, log_price, home = homes.take(some), log_price[some], home[some]
    pivots = homes.take(np.sort(rng.permutation(len(homes))[:PIVOTS]))
    mean = float(log_price.mean())
    nothing = np.empty(0, np.float32)
    untaught = Kriging(pivots.facts, pivots.place, _range_km(homes.place), nothing, nothing, nothing, mean)
    own = untaught.covariance(pivots).astype(np.float64)
    root = cholesky(own + _JITTER * np.eye(len(own)), lower=True)
    whiten = LowerTriangle(root)
    columns = np.vstack(
        parallel_map(lambda rows: _columns(untaught, homes.take(rows), whiten), _chunks(len(homes)))
    )
    columns[:, : homes.directed.shape[1]] = _DIRECTED * homes.directed
    factor, sums, coefficients = _regress(columns, (log_price - mean).astype(np.float32), homes.directed.shape[1])
    worth, line, by_pivot = np.split(coefficients, [homes.directed.shape[1], columns.shape[1] - len(own)])
    kriging = replace(
        untaught,
        line=line.astype(np.float32),
        worth=(_DIRECTED * worth).astype(np.float32),
        weight=solve_triangular(root, by_pivot, lower=True, trans="T").astype(np.float32),
    )
    return kriging, LeaveHomeOut(kriging, columns, whiten, LowerTriangle(factor), sums, home, log_price)


def _regress(
    columns: Float32Array, towards: Float32Array, directed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return what comes of ridge regression with a penalty of 1.

    The Cholesky factor L of the columns' regularised products, (p, p); half of the coefficients, L⁻¹ of the
    columns' sums (p,); and the coefficients, L⁻ᵀ of that (p,).

    The first, `directed` coefficients are not to be negative: those that would be are left out, one round after
    the other, and their columns set to 0. An active set without a way back (Lawson and Hanson 1974, ch. 23, has
    one): what is left is a regression like any other, whose leave-one-out is exact.
    """
    own = parallel_map(lambda rows: columns[rows].T @ columns[rows], _chunks(len(columns), _LARGE_CHUNK))
    products = sum(own, start=np.eye(columns.shape[1]))
    with_price = (columns.T @ towards).astype(np.float64)
    while True:
        factor = cholesky(products, lower=True)
        sums = solve_triangular(factor, with_price, lower=True)
        coefficients = solve_triangular(factor, sums, lower=True, trans="T")
        negative = np.flatnonzero(coefficients[:directed] < 0)
        if len(negative) == 0:
            return factor, sums, coefficients
        columns[:, negative] = products[:, negative] = products[negative] = with_price[negative] = 0.0
        products[negative, negative] = 1.0


def _columns(kriging: Kriging, homes: Homes, whiten: LowerTriangle) -> Float32Array:
    """Return n homes' columns, of which the log price is a linear function with independent coefficients.

    The directed ones, the first, are 0.
    """
    by_pivot = whiten.solve(kriging.covariance(homes))
    return np.hstack((np.zeros_like(homes.directed), homes.straight(), by_pivot))


def _pairs(home: NDArray[np.int64], sold: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of places in `home` and in `sold` that hold the same home."""
    order = np.argsort(sold, kind="stable")
    first = np.searchsorted(sold[order], home, side="left")
    count = np.searchsorted(sold[order], home, side="right") - first
    subject = np.repeat(np.arange(len(home)), count)
    turn = np.arange(len(subject)) - np.repeat(np.cumsum(count) - count, count)
    return subject, order[np.repeat(first, count) + turn]


def _range_km(place: FloatArray | None) -> float:
    """Return the range of places; 1 km where it cannot be told."""
    if place is None:
        return 1.0
    known = place[~np.isnan(place).any(axis=1)]
    if len(known) < 2:
        return 1.0
    far, _ = KDTree(known).query(known, k=[min(NEIGHBOURS + 1, len(known))])
    return RANGE * float(np.median(far)) or 1.0


def _fade(squares: Float32Array, over: float) -> Float32Array:
    """Return exp(−distance/over), in the place of the squared distances."""
    np.sqrt(squares, out=squares)
    squares *= np.float32(-1 / over)
    return np.exp(squares, out=squares)


def _chunks(n: int, of: int = _CHUNK) -> Iterator[slice]:
    for start in range(0, n, of):
        yield slice(start, start + of)
