"""How large the error of a value is likely to be, relative to other homes; learned from training sales.

Each of thousands of training sales is estimated by kriging as if it had not been sold. The residuals show which
homes have large errors, downwards and upwards, and how fat the tails are. Knows no prices; `conformal` turns the
relative sizes into ranges.

Withholding a fact never narrows the range: knowing an optional fact can only reduce the expected error (its term
is cut off at 0), and a missing one reduces nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np

from estimator.features.monotone import quantile_knots
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market

DOWNWARD, UPWARD, FSD = range(3)
"""Columns of the scales: how far a price may lie below its estimate, how far above it, and the standard deviation
of (estimate − price)/price."""

MAX_RESIDUALS = 20_000
"""Residuals used at most: enough for some hundred slopes."""
MAX_SEGMENTS = 6
"""Segments of a fact's piecewise linear term, besides the flat outer ones."""
INFORMATIVE_SHARE = 0.45
"""Share of homes for which knowing a fact reduces the expected error: a larger one makes narrower ranges with all
facts, but too wide ones with location and size alone.
See benchmarks/DECISIONS.md, "Share of homes for which a known fact narrows the range"."""
SKEW = 0.03
"""Longer upwards and shorter downwards, per standard deviation of the price that the comparables suggest, beyond
what the residuals show: regression to the mean hides how cheap or expensive such homes are.
See benchmarks/DECISIONS.md, "Skew of the ranges towards cheap and expensive homes"."""
FSD_SKEW = 2 * SKEW
"""Smaller FSD, per the same standard deviation: the largest relative errors are of cheap homes. See the same."""
EXPENSIVE_WIDENING = 0.1
"""Wider, per the same standard deviation above the mean, when all optional facts are missing: the residuals are of
estimates that knew them. See benchmarks/DECISIONS.md, "Wider ranges for homes that look expensive when optional
facts are missing"."""

_RIDGE = 20.0
"""Penalty of the squared slopes, in sales."""
_MAX_Z = 2.5
"""Standard deviations from the mean beyond which an error feature has no further effect."""
_MAX_NEWTON_STEPS = 50
"""Newton's method converges in about eight."""
_CHUNK_SIZE = 4096
"""Homes at a time: the terms of their facts' segments take some 10 MB."""
_NORMAL_TAIL = math.sqrt(math.pi / 2)
"""Root mean square over mean absolute value of a normal distribution, used when there are no residuals."""


@dataclass(frozen=True)
class ErrorScale:
    """Relative size of the error, larger is less certain; made by `fit` or `from_state`, then never changed.

    The logarithm of each scale is a sum: the terms of the error features, of the r required facts, and of the
    known ones of the f optional facts, none of which is positive. A fact's term is piecewise linear.

    Parameters
    ----------
    required, optional
        Names of the numbers it uses. Labels add little once the location is known.
    median
        Value that stands in for a missing fact until its term is left out, shape (r + f,).
    start, width
        Of each fact's p segments, shape (r + f, p); a segment that does not exist has an infinite width.
    rise
        Rise of each term over each segment, shape (3, r + f, p).
    ceiling
        Value at which an optional fact's term is cut off (it becomes 0), shape (3, f).
    centre, spread
        Mean and standard deviation of the c error features, shape (c,); the first one is the log price that the
        unadjusted comparables suggest.
    slope
        Of the error features, per standard deviation, shape (3, c).
    tail
        Root mean square over mean of |estimate − price|/price, each relative to its scale.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    median: FloatArray
    start: FloatArray
    width: FloatArray
    rise: FloatArray
    ceiling: FloatArray
    centre: FloatArray
    spread: FloatArray
    slope: FloatArray
    tail: float

    @classmethod
    def fit(cls, market: Market, facts: Facts, error_features: FloatArray, residual: FloatArray) -> Self:
        """Fit to n sales.

        Parameters
        ----------
        facts
            As recorded, nothing looked up.
        error_features
            Computed from facts that all homes have, shape (n, c); NaN where not known.
        residual
            log(price) − log(estimate without the sale's own price), shape (n,); rows with NaN are left out.

        Notes
        -----
        The sizes of downward and of upward residuals are modelled as exponentially distributed (a Laplace
        distribution with a scale for each half), and so are the squared relative errors. The slopes maximise the
        penalised likelihood. Those of the error features and required facts are fitted first, without the optional
        facts, because they must also be right where nothing else is known.
        See benchmarks/DECISIONS.md, "Error scale learned from training residuals, a direction at a time".
        """
        rows = np.flatnonzero(~np.isnan(residual))
        rows = rows[:: max(1, -(-len(rows) // MAX_RESIDUALS))]
        facts, error_features, residual = facts.take(rows), error_features[rows], residual[rows]
        numbers = [feature for feature in market.numbers if not feature.fact_kind.is_location]
        required = tuple(feature.name for feature in numbers if feature.required)
        optional = tuple(
            feature.name for feature in numbers if not feature.required and facts.known(feature.name).any()
        )
        median, start, width = _segments(facts, (*required, *optional))
        centre, spread = _mean_and_deviation(error_features)
        constant = cls(
            required,
            optional,
            median,
            start,
            width,
            rise=np.zeros((3, *start.shape)),
            ceiling=np.zeros((3, len(optional))),
            centre=centre,
            spread=spread,
            slope=np.zeros((3, error_features.shape[1])),
            tail=_NORMAL_TAIL,
        )
        return constant if len(residual) == 0 else constant._fitted(facts, error_features, residual)

    def scales(self, facts: Facts, error_features: FloatArray) -> FloatArray:
        """Return the relative size of the error of n homes, positive, shape (n, 3): see `DOWNWARD, UPWARD, FSD`.

        Parameters
        ----------
        facts
            As given, nothing looked up: an area's figure is not a fact about the home itself.
        error_features
            As in `fit`, shape (n, c).
        """
        values = facts.numbers(self.required + self.optional)
        if len(values) <= _CHUNK_SIZE:
            return self._scales(values, error_features)
        chunks = [slice(begin, begin + _CHUNK_SIZE) for begin in range(0, len(values), _CHUNK_SIZE)]
        return np.vstack([self._scales(values[rows], error_features[rows]) for rows in chunks])

    def state(self) -> dict[str, Any]:
        """Return the fitted values as plain values and arrays, for `from_state`."""
        state = {field.name: getattr(self, field.name) for field in fields(self)}
        return state | {"required": list(self.required), "optional": list(self.optional)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore it from its state; its results are the same, bit for bit."""
        return cls(**{**state, "required": tuple(state["required"]), "optional": tuple(state["optional"])})

    def _scales(self, values: FloatArray, error_features: FloatArray) -> FloatArray:
        """Return the scales of one chunk of homes, from the values of their facts, shape (n, r + f)."""
        # Sums along the last axis alone: the last bits of a matrix product would depend on the other homes.
        r = len(self.required)
        terms = np.add.reduce(self._segment_fractions(values)[:, None] * self.rise, axis=-1)
        optional, unknown = terms[:, :, r:], np.isnan(values[:, r:])
        optional -= self.ceiling
        np.minimum(optional, 0.0, out=optional)
        optional *= ~unknown[:, None]
        log_scale = np.add.reduce(terms, axis=-1)
        if error_features.shape[1]:
            standardised = self._standardised(error_features)
            log_scale += np.add.reduce(standardised[:, None] * self.slope, axis=-1)
            n_unknown = np.add.reduce(unknown, axis=-1, keepdims=True)
            widening = n_unknown * (EXPENSIVE_WIDENING / max(len(self.optional), 1))
            log_scale += widening * np.maximum(standardised[:, :1], 0.0)
        scales: FloatArray = np.exp(log_scale)
        return scales

    def _segment_fractions(self, values: FloatArray) -> FloatArray:
        """Return how far through each segment of each fact n homes are, 0 to 1, shape (n, r + f, p)."""
        filled = np.where(np.isnan(values), self.median, values)
        fractions: FloatArray = (filled[:, :, None] - self.start) / self.width
        np.maximum(fractions, 0.0, out=fractions)
        return np.minimum(fractions, 1.0, out=fractions)

    def _standardised(self, error_features: FloatArray) -> FloatArray:
        """Return the error features in standard deviations from the mean, 0 where not known; shape (n, c)."""
        filled = np.where(np.isnan(error_features), self.centre, error_features)
        standardised = (filled - self.centre) / self.spread
        np.maximum(standardised, -_MAX_Z, out=standardised)
        return np.minimum(standardised, _MAX_Z, out=standardised)

    def _fitted(self, facts: Facts, error_features: FloatArray, residual: FloatArray) -> Self:
        """Return this scale with slopes, ceilings and tail fitted to n ≥ 1 residuals."""
        values = facts.numbers(self.required + self.optional)
        fractions, standardised = self._segment_fractions(values), self._standardised(error_features)
        r, c = len(self.required), error_features.shape[1]
        base_columns = np.hstack((standardised, fractions[:, :r].reshape(len(fractions), -1)))
        all_columns = np.hstack((base_columns, fractions[:, r:].reshape(len(fractions), -1)))
        error = np.expm1(-residual)
        targets = (residual < 0, np.abs(residual)), (residual > 0, np.abs(residual)), (error != 0, error**2)
        rise, slope = np.empty((3, *self.start.shape)), np.empty((3, c))
        for column, (rows, size) in enumerate(targets):
            power = 0.5 if column == FSD else 1.0  # the slopes of a square, for its root
            base, full = (power * _slopes(size[rows], columns[rows]) for columns in (base_columns, all_columns))
            slope[column] = base[:c]
            rise[column] = np.concatenate((base[c:], full[len(base) :])).reshape(self.start.shape)
        slope[:, :1] += np.array([[-SKEW], [SKEW], [-FSD_SKEW]])
        terms = (fractions[:, None, r:] * rise[:, r:]).sum(axis=-1)
        fitted = replace(self, rise=rise, slope=slope, ceiling=np.quantile(terms, INFORMATIVE_SHARE, axis=0))
        relative = np.abs(error) / fitted._scales(values, error_features)[:, FSD]
        mean = float(relative.mean())
        return replace(fitted, tail=float(np.sqrt(np.mean(relative**2))) / mean if mean > 0 else _NORMAL_TAIL)


def _segments(facts: Facts, names: tuple[str, ...]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the median of each of f facts, shape (f,), and start and width of its p segments, shape (f, p)."""
    known = [facts[name][facts.known(name)] for name in names]
    knots_by_fact = [quantile_knots(values, MAX_SEGMENTS) if len(values) else np.zeros(1) for values in known]
    p = max((len(knots) - 1 for knots in knots_by_fact), default=0)
    median = np.array([np.median(values) if len(values) else 0.0 for values in known])
    start, width = np.zeros((len(names), p)), np.full((len(names), p), np.inf)
    for row, knots in enumerate(knots_by_fact):
        start[row, : len(knots) - 1], width[row, : len(knots) - 1] = knots[:-1], np.diff(knots)
    return median, start, width


def _mean_and_deviation(columns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the known values of each column; 0 and 1 where there are none."""
    n_known = np.maximum((~np.isnan(columns)).sum(axis=0), 1)
    mean = np.nansum(columns, axis=0) / n_known
    deviation = np.sqrt(np.nansum((columns - mean) ** 2, axis=0) / n_known)
    return mean, np.where(deviation > 0, deviation, 1.0)


def _slopes(size: FloatArray, columns: FloatArray) -> FloatArray:
    """Return the slopes (d,) of a log-linear model of positive sizes (m,) on columns (m, d).

    Minimises the negative log-likelihood of the exponential distribution, Σ s·z + size·exp(−s·z), plus a ridge
    penalty, by Newton's method; it is convex. With few sizes the penalty keeps the slopes near 0.
    """
    with_intercept = np.column_stack((np.ones(len(columns)), columns))
    weights = np.zeros(with_intercept.shape[1])
    ridge = np.diag([1e-9, *np.full(len(weights) - 1, _RIDGE)])
    size = size / size.mean() if len(size) else size
    for _ in range(_MAX_NEWTON_STEPS if len(size) else 0):
        ratio = size * np.exp(-with_intercept @ weights)
        gradient = with_intercept.T @ (1 - ratio) + ridge @ weights
        step = np.linalg.solve((with_intercept * ratio[:, None]).T @ with_intercept + ridge, gradient)
        weights -= step.clip(-1.0, 1.0)  # a full step from far away would overshoot
        if np.abs(step).max() < 1e-10:
            break
    return weights[1:]
