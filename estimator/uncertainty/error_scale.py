"""How far off a value may be, in proportion to others: learned from misses on sales whose own price was left out.

Thousands of training sales, each estimated by kriging as if it had not been sold, tell more than the validation
sales could: which homes are often missed, how far downwards and how far upwards, and how fat the tails are. Knows
no prices: how wide ranges must be is for whoever calibrates (`intervals`).

A fact that a subject need not tell only ever makes it surer: what it takes off the expected miss ends where the
surer half of homes ends, and an unknown one takes nothing off. So whoever tells less never looks the surer for it.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from estimator.features.monotone import knots_of
from estimator.market.facts import Facts, FloatArray
from estimator.market.market import Market

DOWN, UP, DEVIATION = range(3)
"""What there is a proportion of: how far a price may lie below its estimate, how far above, and the standard
deviation of (estimate − price)/price."""

LEARNED_FROM = 20_000
"""Misses, at most, that some hundred slopes are learned from."""
PIECES = 6
"""Pieces of a fact's range, at most, beside the outer ones; 4, 8 and 12 did as well."""
SUREST = 0.45
"""Share of homes for which knowing a fact takes something off the expected miss. On King County's validation sales
(by time, cross-validated, seeds 0 to 2) .35 lowered the Winkler score of the 90 % ranges with all facts by 2.7 %,
.4 by 3.5, .45 by 4.0, .5 by 4.2; with .6 the ranges of place and size alone held 93 % of prices."""
LEAN = 0.03
"""By how much a standard deviation of what bare comparables suggest lengthens ranges upwards and shortens them
downwards, beyond what the misses say: what seems cheap may be cheaper still, what seems dear dearer. The ranges
of the cheapest and of the dearest fifth hold .5 % more prices; twice as much cost .3 % of the Winkler score."""
LEAN_OF_DEVIATION = 2 * LEAN
"""By how much it lessens the deviation: the worst errors are of homes that sold for a fraction of their value, and
more are cheap than the others' misses say. With all facts, realised over claimed deviations differed 1.52-fold
from one fifth of the prices to another, 1.58-fold with `LEAN` alone, 1.84-fold with one scale for either side."""
DEAR = 0.1
"""By how much the same widens the ranges of homes that seem dear, where no optional fact is told: kriging, which
was told them all, cannot have shown that a mansion may be hidden there. Of the dearest fifth, the ranges of place
and size alone held 87.3 % of prices with it, 85.0 without; .15 cost .7 % of the Winkler score there."""

_PENALTY = 20.0
"""Of the squared slopes, in sales; 5 and 60 did as well."""
_FARTHEST = 2.5
"""Standard deviations from the mean beyond which a clue says no more."""
_ROUNDS = 50
"""Of Newton's method, which needs some eight."""
_CHUNK = 4096
"""Homes at a time: what their facts say, piece by piece, takes some 10 MB."""
_NORMAL_TAIL = math.sqrt(math.pi / 2)
"""Root mean square over mean size, of a normal distribution: where there are no misses to learn from."""


@dataclass(frozen=True)
class ErrorScale:
    """Made by `fit` or `from_state`, then never changed.

    The logarithm of each proportion is a sum: of the clues' shares, of the shares of facts that all homes have,
    and of those of the f optional facts that are known, none of which is positive. A fact's share is piecewise
    linear.

    Parameters
    ----------
    required, optional
        Names of the numbers it looks at. Labels tell little that the place does not.
    usual
        What an unknown fact is taken for before it is left out, shape (r + f,).
    start, width
        Of each fact's p pieces, shape (r + f, p); a piece that is not there has an infinite width.
    rise
        By how much each share rises over each piece, shape (3, r + f, p).
    ceiling
        Of the optional facts' shares, shape (3, f).
    centre, spread
        Of the c clues, shape (c,); the first clue is the log price that the bare comparables suggest.
    slope
        Of the clues, by standard deviation, shape (3, c).
    tail
        Root mean square of (estimate − price)/price over its mean size, both in proportion.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    usual: FloatArray
    start: FloatArray
    width: FloatArray
    rise: FloatArray
    ceiling: FloatArray
    centre: FloatArray
    spread: FloatArray
    slope: FloatArray
    tail: float

    @classmethod
    def fit(cls, market: Market, facts: Facts, clues: FloatArray, residual: FloatArray) -> Self:
        """Learn from n sales.

        Parameters
        ----------
        facts
            As they were told: nothing looked up.
        clues
            Of facts that all homes have, NaN where not known, shape (n, c).
        residual
            log(price) − log(estimate), the sale's own price left out, shape (n,); NaN for those to leave out.

        Notes
        -----
        Downwards and upwards, the misses are taken for exponentially distributed (Laplace's distribution, either
        half with a scale of its own), the squares of relative errors too; the slopes have the greatest likelihood
        less a penalty. Those of what all homes have are learned by themselves: they must do where nothing else is
        known. In place of one scale for both directions, fitted to six clues on the validation sales, this lowered
        the Winkler score of King County's 90 % validation ranges (by time, cross-validated, seeds 0 to 2) by 4.0 %
        with all facts and by 3.9 % with place and size. Learned from the oldest 60 % of sales, calibrated on the
        next 10 and judged on the validation sales, seeds 0 and 1: by 3.5 and 2.9 %, and by .4 and .6 % with place
        and size. Boosted trees of one direction within the same bounds: by 4.6 and 1.4 %.
        """
        there = np.flatnonzero(~np.isnan(residual))
        there = there[:: max(1, -(-len(there) // LEARNED_FROM))]
        facts, clues, residual = facts.take(there), clues[there], residual[there]
        numbers = [feature for feature in market.numbers if feature.kind not in ("latitude", "longitude")]
        required = tuple(feature.name for feature in numbers if feature.required)
        told = [feature.name for feature in numbers if facts.known(feature.name).any()]
        optional = tuple(feature.name for feature in numbers if not feature.required and feature.name in told)
        usual, start, width = _pieces(facts, (*required, *optional))
        centre, spread = _centre_and_spread(clues)
        nothing = np.zeros((3, *start.shape)), np.zeros((3, len(optional))), np.zeros((3, clues.shape[1]))
        flat = cls(required, optional, usual, start, width, *nothing[:2], centre, spread, nothing[2], _NORMAL_TAIL)
        return flat if len(residual) == 0 else flat._learned(facts, clues, residual)

    def scales(self, facts: Facts, clues: FloatArray) -> FloatArray:
        """Return how far off the values of n homes may be, in proportion, positive, shape (n, 3).

        Parameters
        ----------
        facts
            As they were told: what is looked up is not what is known of the home itself.
        clues
            As in `fit`, shape (n, c).
        """
        values = facts.numbers(self.required + self.optional)
        if len(values) <= _CHUNK:
            return self._scales(values, clues)
        pieces = [slice(begin, begin + _CHUNK) for begin in range(0, len(values), _CHUNK)]
        return np.vstack([self._scales(values[rows], clues[rows]) for rows in pieces])

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values and arrays; `from_state` takes it back."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return state | {"required": list(self.required), "optional": list(self.optional)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build it again from its state; it says the same, bit for bit."""
        return cls(**{**state, "required": tuple(state["required"]), "optional": tuple(state["optional"])})

    def _scales(self, values: FloatArray, clues: FloatArray) -> FloatArray:
        """Return the proportions of homes that a core's memory holds, from the values of their facts."""
        # Sums along the last axis alone: the last bits of a matrix product would depend on the other homes.
        r = len(self.required)
        shares = np.add.reduce(self._ways(values)[:, None] * self.rise, axis=-1)
        optional, unknown = shares[:, :, r:], np.isnan(values[:, r:])
        optional -= self.ceiling
        np.minimum(optional, 0.0, out=optional)
        optional *= ~unknown[:, None]
        log_scale = np.add.reduce(shares, axis=-1)
        if clues.shape[1]:
            standardised = self._standardised(clues)
            log_scale += np.add.reduce(standardised[:, None] * self.slope, axis=-1)
            untold = np.add.reduce(unknown, axis=-1, keepdims=True) * (DEAR / max(len(self.optional), 1))
            log_scale += untold * np.maximum(standardised[:, :1], 0.0)
        scales: FloatArray = np.exp(log_scale)
        return scales

    def _ways(self, values: FloatArray) -> FloatArray:
        """Return how far through each piece of each fact n homes are, 0 to 1, shape (n, r + f, p)."""
        told = np.where(np.isnan(values), self.usual, values)
        ways: FloatArray = (told[:, :, None] - self.start) / self.width
        np.maximum(ways, 0.0, out=ways)
        return np.minimum(ways, 1.0, out=ways)

    def _standardised(self, clues: FloatArray) -> FloatArray:
        """Return clues in standard deviations from the mean, which stands for those not known; shape (n, c)."""
        standardised = (np.where(np.isnan(clues), self.centre, clues) - self.centre) / self.spread
        np.maximum(standardised, -_FARTHEST, out=standardised)
        return np.minimum(standardised, _FARTHEST, out=standardised)

    def _learned(self, facts: Facts, clues: FloatArray, residual: FloatArray) -> Self:
        """Return the same with what these misses say, n ≥ 1."""
        values = facts.numbers(self.required + self.optional)
        ways, standardised = self._ways(values), self._standardised(clues)
        r, c = len(self.required), clues.shape[1]
        always = np.hstack((standardised, ways[:, :r].reshape(len(ways), -1)))
        every = np.hstack((always, ways[:, r:].reshape(len(ways), -1)))
        error = np.expm1(-residual)
        seen = (residual < 0, np.abs(residual)), (residual > 0, np.abs(residual)), (error != 0, error**2)
        rise, slope = np.empty((3, *self.start.shape)), np.empty((3, c))
        for which, (rows, size) in enumerate(seen):
            half = 0.5 if which == DEVIATION else 1.0  # of a square, for its root
            alone, beside = (half * _slopes(size[rows], columns[rows]) for columns in (always, every))
            slope[which] = alone[:c]
            rise[which] = np.concatenate((alone[c:], beside[len(alone) :])).reshape(self.start.shape)
        slope[:, :1] += np.array([[-LEAN], [LEAN], [-LEAN_OF_DEVIATION]])
        shares = (ways[:, None, r:] * rise[:, r:]).sum(axis=-1)
        ceiling = np.quantile(shares, SUREST, axis=0)
        about = self.required, self.optional, self.usual, self.start, self.width
        learned = type(self)(*about, rise, ceiling, self.centre, self.spread, slope, _NORMAL_TAIL)
        relative = np.abs(error) / learned._scales(values, clues)[:, DEVIATION]
        mean = float(relative.mean())
        tail = float(np.sqrt(np.mean(relative**2))) / mean if mean > 0 else _NORMAL_TAIL
        return type(self)(*about, rise, ceiling, self.centre, self.spread, slope, tail)


def _pieces(facts: Facts, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the median of each of f facts, shape (f,), and where its p pieces start and how wide they are."""
    known = [facts[name][facts.known(name)] for name in names]
    knots = [knots_of(values, PIECES) if len(values) else np.zeros(1) for values in known]
    most = max((len(each) - 1 for each in knots), default=0)
    usual = np.array([np.median(values) if len(values) else 0.0 for values in known])
    start, width = np.zeros((len(names), most)), np.full((len(names), most), np.inf)
    for row, each in enumerate(knots):
        start[row, : len(each) - 1], width[row, : len(each) - 1] = each[:-1], np.diff(each)
    return usual, start, width


def _centre_and_spread(clues: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the standard deviation of each clue, of those known; 0 and 1 where nobody can tell."""
    known = np.maximum((~np.isnan(clues)).sum(axis=0), 1)
    centre = np.nansum(clues, axis=0) / known
    spread = np.sqrt(np.nansum((clues - centre) ** 2, axis=0) / known)
    return centre, np.where(spread > 0, spread, 1.0)


def _slopes(size: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the slopes (d,) by which columns (m, d) best tell sizes (m,), positive.

    The likelihood of the exponential distribution, Σ s·z + size·exp(−s·z), has one minimum, and Newton's steps
    find it. Too few sizes leave the slopes at 0, by the penalty.
    """
    with_level = np.column_stack((np.ones(len(columns)), columns))
    weights = np.zeros(with_level.shape[1])
    ridge = np.diag([1e-9, *np.full(len(weights) - 1, _PENALTY)])
    size = size / size.mean() if len(size) else size
    for _ in range(_ROUNDS if len(size) else 0):
        left = size * np.exp(-with_level @ weights)
        gradient = with_level.T @ (1 - left) + ridge @ weights
        step = np.linalg.solve((with_level * left[:, None]).T @ with_level + ridge, gradient)
        weights -= step.clip(-1.0, 1.0)  # from far away a full step would overshoot
        if np.abs(step).max() < 1e-10:
            break
    return weights[1:]
