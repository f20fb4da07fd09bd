"""Ranges around a value, by split conformal prediction.

They are as wide as the misses on sales that the network did not see. Misses grow with what is unknown, and where
`certainty` says; so each is measured against the miss to be expected there, and in its own direction. No normal
distribution is assumed: valuation errors have fatter tails, and lean. Knows residuals, nothing of homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.optimize import nnls

from estimator.market.facts import BoolArray, FloatArray, check_within
from estimator.uncertainty.error_scale import DEVIATION, DOWN, UP

LEAST_SHARE = 0.01
"""Least base, in shares of the mean miss: least squares may give exactly 0."""
LEAST_PENALTY = 0.001
"""The same of a gap's penalty: calibration sales that show none could not tell it from 0. Ten times as much made
ranges of place and size alone 15 % wider, in King County, where some fifteen facts are then unknown."""

LEAST_CONFIDENCE, GREATEST_CONFIDENCE = 0.5, 0.99
"""What may be asked for. Below a half a range says little; beyond .99 it rests on a handful of sales."""

_EVEN_AT = 0.9
"""Confidence at which ranges are to be as wide as they must at the least and the greatest knowledge: the one they
are published at. Mean misses alone would give the homes known least too wide ranges, since their misses have the
thinner tails: King County's validation ranges of place and size held 93 % of prices."""


class Checked(NamedTuple):
    """What calibration saw at one state of knowledge.

    Parameters
    ----------
    residual
        log(price) − log(estimate) of m sales, shape (m,), m ≥ 1.
    gaps
        Which of g possible gaps each estimate had, shape (m, g).
    scales
        How far off each was expected to be, in proportion, shape (m, 3): downwards, upwards, and the deviation of
        (estimate − price)/price; see `ErrorScale.scales`.
    """

    residual: FloatArray
    gaps: BoolArray
    scales: FloatArray


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected misses of a subject are its scales times (`base` + each gap's `penalty` > 0): of two subjects with
    the same scales, the one less known has the wider range.

    Parameters
    ----------
    base
        Expected |residual| without any gap, at scales of 1, log price.
    penalty
        What each of g possible gaps adds, shape (g,), log price.
    scores
        residual / expected miss in its direction, of the calibration sales, sorted, an array for each state of
        knowledge.
    deviation
        Standard deviation of (estimate − price)/price, in expected misses.
    """

    base: float
    penalty: FloatArray
    scores: tuple[FloatArray, ...]
    deviation: float

    @classmethod
    def fit(cls, states: Sequence[Checked], tail: float, lesser: int = 0) -> Self:
        """Calibrate on sales that the network did not learn from.

        Parameters
        ----------
        states
            For each state of knowledge the sales were valued at, what was seen: of the greatest first, of the
            least last.
        tail
            Root mean square of (estimate − price)/price over its mean size, both in proportion to their scales.
        lesser
            How many of the last gaps are lesser forms of the first ones, in the same order: looking a fact up
            never costs more than not knowing it.

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2. Calibrated for each state apart, so that homes that are well known do not owe
        their coverage to the ones that are not; and for each end of the range, since misses lean.

        The deviation is `tail` times the mean relative error found here. The root mean square found here would
        hang on the few sales at a third of their value: it differs by 4 % from one resampling of King County's
        2,161 validation sales to the next.
        """
        residual, gaps, scales = (np.concatenate(column) for column in zip(*states, strict=True))
        ends = np.cumsum([len(state.residual) for state in states])[:-1]
        expected = _in_its_direction(residual, scales)
        base, penalty = _additive(np.abs(residual) / expected, gaps, lesser)
        scores = np.split(residual / (expected * (base + gaps @ penalty)), ends)
        penalty = _evened(base, penalty, states[-1].gaps, scores)
        level = base + gaps @ penalty
        scores = np.split(residual / (expected * level), ends)
        relative = np.abs(np.expm1(-residual)) / (level * scales[:, DEVIATION])
        deviation = max(tail * float(relative.mean()), LEAST_SHARE)
        return cls(base, penalty, tuple(np.sort(each) for each in scores), deviation)

    def expected_miss(self, gaps: BoolArray, scales: FloatArray) -> FloatArray:
        """Return the expected misses of n subjects, as their scales, shape (n, 3).

        Parameters
        ----------
        gaps, scales
            Of each subject, shape (n, g) and (n, 3).
        """
        miss: FloatArray = (self.base + gaps @ self.penalty)[:, None] * scales
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
        lows, highs = zip(*(_ends(scores, confidence) for scores in self.scores), strict=True)
        return min(0.0, *lows), max(0.0, *highs)

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
    penalty = weights[1:].clip(min=least * LEAST_PENALTY / LEAST_SHARE)
    penalty[len(penalty) - lesser :] = penalty[len(penalty) - lesser :].clip(max=penalty[:lesser])
    return max(float(weights[0]), least), penalty


def _evened(base: float, penalty: FloatArray, least_known: BoolArray, scores: Sequence[FloatArray]) -> FloatArray:
    """Return the penalties, all by one factor less or more, at which the first and the last state's ranges agree.

    Parameters
    ----------
    least_known
        Gaps of the last state's sales, shape (m, g).
    scores
        Of each state, by these penalties.
    """
    widths = []
    for each in (scores[0], scores[-1]):
        low, high = _ends(np.sort(each), _EVEN_AT)
        widths.append(high - low)
    usual = float((least_known @ penalty).mean())
    if min(widths) <= 0 or usual <= 0:
        return penalty
    wanted = max(widths[1] / widths[0] * (base + usual) - base, 0.0)
    return np.maximum(wanted / usual * penalty, LEAST_PENALTY * base)


def _ends(scores: FloatArray, confidence: float) -> tuple[float, float]:
    """Return the two of m sorted scores between which a share of prices lies; see `ConformalRange.reach`."""
    rank = math.ceil((1 + confidence) / 2 * (len(scores) + 1) - 1e-9)
    if rank <= len(scores):
        return float(scores[len(scores) - rank]), float(scores[rank - 1])
    greatest = float(np.abs(scores).max())
    return -greatest, greatest


def _in_its_direction(residual: FloatArray, scales: FloatArray) -> FloatArray:
    """Return the scale of each residual's own direction, shape (m,)."""
    return np.where(residual < 0, scales[:, DOWN], scales[:, UP])
