"""Ranges around a value, by split conformal prediction.

They are as wide as the misses on sales that the network did not see. Misses grow with what is unknown, and where
sold homes are far or disagree; so each is measured against the miss to be expected there. No normal distribution
is assumed: valuation errors have fatter tails, and lean. Knows residuals, nothing of homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.optimize import nnls

from estimator.facts import BoolArray, FloatArray, check_within

LEAST_SHARE = 0.01
"""Least penalty of a gap, and least base, in shares of the mean miss: calibration sales that show none could not
tell it from 0, and least squares then gives exactly 0."""

LEAST_CONFIDENCE, GREATEST_CONFIDENCE = 0.5, 0.99
"""What may be asked for. Below a half a range says little; beyond .99 it rests on a handful of sales."""

_CLUE_PENALTY = 5.0
"""Of the clues' squared slopes, in sales: a clue that some ten sales speak for moves nothing."""
_FARTHEST_CLUE = 3.0
"""Standard deviations from the mean beyond which a clue says no more."""
_ROUNDS = 50
"""Of Newton's method, which needs some five."""


class Checked(NamedTuple):
    """What calibration saw at one state of knowledge.

    Parameters
    ----------
    residual
        log(price) − log(estimate) of m sales, shape (m,), m ≥ 1.
    gaps
        Which of g possible gaps each estimate had, shape (m, g).
    clues
        Numbers that may tell how far off an estimate is, shape (m, c); NaN where not known.
    """

    residual: FloatArray
    gaps: BoolArray
    clues: FloatArray


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected miss of a subject is (`base` + each gap's `penalty` > 0)·exp(Σ `slope`·clue): of two subjects with
    the same clues, the one less known has the wider range.

    Parameters
    ----------
    base
        Expected |residual| without any gap, at mean clues, log price.
    penalty
        What each of g possible gaps adds, shape (g,), log price.
    centre, spread
        The clues' means and standard deviations, shape (c,).
    slope
        By how much the log of the expected miss rises with each standard deviation, shape (c,).
    scores
        residual / expected miss of the calibration sales, sorted, an array for each state of knowledge.
    deviation
        Standard deviation of (estimate − price)/price, in expected misses.
    """

    base: float
    penalty: FloatArray
    centre: FloatArray
    spread: FloatArray
    slope: FloatArray
    scores: tuple[FloatArray, ...]
    deviation: float

    @classmethod
    def fit(cls, states: Sequence[Checked], lesser: int = 0) -> Self:
        """Calibrate on sales that the network did not learn from.

        Parameters
        ----------
        states
            For each state of knowledge the sales were valued at, what was seen.
        lesser
            How many of the last gaps are lesser forms of the first ones, in the same order: looking a fact up
            never costs more than not knowing it.

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2. Calibrated for each state apart, so that homes that are well known do not owe
        their coverage to the ones that are not; and for each end of the range, since misses lean.
        """
        residual, gaps, clues = (np.concatenate(column) for column in zip(*states, strict=True))
        base, penalty = _additive(np.abs(residual), gaps, lesser)
        known = np.maximum((~np.isnan(clues)).sum(axis=0), 1)
        centre = np.nansum(clues, axis=0) / known
        spread = np.sqrt(np.nansum((clues - centre) ** 2, axis=0) / known)
        spread = np.where(spread > 0, spread, 1.0)
        standardised = _standardised(clues, centre, spread)
        slope = _slope(np.abs(residual) / (base + gaps @ penalty), standardised)
        expected = (base + gaps @ penalty) * np.exp(standardised @ slope)
        scores = np.split(residual / expected, np.cumsum([len(state.residual) for state in states])[:-1])
        deviation = max(float(np.sqrt(np.mean((np.expm1(-residual) / expected) ** 2))), LEAST_SHARE)
        return cls(base, penalty, centre, spread, slope, tuple(np.sort(each) for each in scores), deviation)

    def expected_miss(self, gaps: BoolArray, clues: FloatArray) -> FloatArray:
        """Return the expected |residual| of n subjects, log price, shape (n,).

        Parameters
        ----------
        gaps, clues
            Of each subject, shape (n, g) and (n, c).
        """
        # Row by row: the last bits of a matrix product depend on what else is in it.
        steepness = np.einsum("nc,c->n", _standardised(clues, self.centre, self.spread), self.slope)
        miss: FloatArray = (self.base + gaps @ self.penalty) * np.exp(steepness)
        return miss

    def reach(self, confidence: float) -> tuple[float, float]:
        """Return how far a range goes down (≤ 0) and up (≥ 0), in expected misses.

        Parameters
        ----------
        confidence
            Share of prices the range is to hold, between 0 and 1.

        Notes
        -----
        An equal share of prices is left out at either end. Of m sales the ⌈(1 + confidence)/2·(m + 1)⌉-th score
        from the other end covers with at least that probability; the farthest of the states' stands for all. Too
        few calibration sales for the confidence asked have no such score; the greatest, either way, stands in.
        """
        share = (1 + confidence) / 2
        lows, highs = [], []
        for scores in self.scores:
            rank = math.ceil(share * (len(scores) + 1) - 1e-9)
            enough, greatest = rank <= len(scores), np.abs(scores).max()
            lows.append(scores[len(scores) - rank] if enough else -greatest)
            highs.append(scores[rank - 1] if enough else greatest)
        return min(0.0, float(min(lows))), max(0.0, float(max(highs)))

    def state(self) -> dict[str, Any]:
        """Return the range as plain values and arrays; `from_state` takes it back."""
        return {**vars(self), "scores": list(self.scores)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the range again from its state."""
        return cls(**{**state, "scores": tuple(state["scores"])})


def check_confidence(confidence: float) -> float:
    """Return the confidence.

    Raises
    ------
    ValueError
        It is not within what may be asked for.
    """
    return check_within(confidence, LEAST_CONFIDENCE, GREATEST_CONFIDENCE)


def _additive(size: FloatArray, gaps: BoolArray, lesser: int) -> tuple[float, FloatArray]:
    """Return the base and the gaps' penalties, by least squares."""
    weights, _ = nnls(np.column_stack((np.ones(len(size)), gaps)).astype(np.float64), size)
    # A calibration part without a miss (one sale, say) still gives a positive scale.
    least = max(LEAST_SHARE * float(size.mean()), np.finfo(np.float64).eps)
    penalty = weights[1:].clip(min=least)
    penalty[len(penalty) - lesser :] = penalty[len(penalty) - lesser :].clip(max=penalty[:lesser])
    return max(float(weights[0]), least), penalty


def _standardised(clues: FloatArray, centre: FloatArray, spread: FloatArray) -> FloatArray:
    """Return clues in standard deviations from the mean, which stands for those not known; shape (n, c)."""
    standardised: FloatArray = np.nan_to_num((clues - centre) / spread, nan=0.0).clip(
        -_FARTHEST_CLUE, _FARTHEST_CLUE
    )
    return standardised


def _slope(size: FloatArray, clues: FloatArray) -> FloatArray:
    """Return the slopes (c,) by which the clues (m, c) best tell the sizes of misses (m,), whose mean is some 1.

    The likelihood of Laplace's distribution, Σ s·z + |r|·exp(−s·z), has one minimum, and Newton's steps find it.
    """
    with_level = np.column_stack((np.ones(len(clues)), clues))
    weights = np.zeros(with_level.shape[1])
    ridge = np.diag([1e-9, *np.full(len(weights) - 1, _CLUE_PENALTY)])
    for _ in range(_ROUNDS):
        left = size * np.exp(-with_level @ weights)
        gradient = with_level.T @ (1 - left) + ridge @ weights
        step = np.linalg.solve((with_level * left[:, None]).T @ with_level + ridge, gradient)
        weights -= step.clip(-1.0, 1.0)  # from far away a full step would overshoot
        if np.abs(step).max() < 1e-10:
            break
    return weights[1:]
