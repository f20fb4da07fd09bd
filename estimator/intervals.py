"""Ranges around a value, by split conformal prediction.

They are as wide as the misses on sales that the network did not see. A miss grows with what is unknown, so each
is measured against the miss expected at that knowledge. No normal distribution is assumed: valuation errors
have fatter tails. Knows residuals, nothing of homes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import nnls

from estimator.facts import BoolArray, FloatArray

LEAST_SHARE = 0.01
"""Least penalty of a gap, and least base, in shares of the mean miss: calibration sales that show none could not
tell it from 0, and least squares then gives exactly 0."""

ONE_SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation: how the field reads an FSD."""


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected miss of a subject is `base` plus, for each gap in what is known, that gap's `penalty` > 0:
    knowing less always widens a range. A gap whose effect the calibration sales do not show has the least penalty.

    Parameters
    ----------
    base
        Expected |residual| without any gap, log price.
    penalty
        What each of g possible gaps adds, shape (g,), log price.
    scores
        |residual| / expected miss of the calibration sales, sorted, an array for each state of knowledge.
    """

    base: float
    penalty: FloatArray
    scores: tuple[FloatArray, ...]

    @classmethod
    def fit(cls, states: Sequence[tuple[FloatArray, BoolArray]], lesser: int = 0) -> Self:
        """Calibrate on sales that the network did not learn from.

        Parameters
        ----------
        states
            For each state of knowledge the sales were valued at: the residuals log(price) − log(estimate), shape
            (m,), m ≥ 1, and which of g possible gaps each estimate had, shape (m, g).
        lesser
            How many of the last gaps are lesser forms of the first ones, in the same order: looking a fact up
            never costs more than not knowing it.

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2, with a scale that is additive in the gaps. Calibrated for each state apart, so
        that homes that are well known do not owe their coverage to the ones that are not.
        """
        sizes = [np.abs(residual) for residual, _ in states]
        size, gaps = np.concatenate(sizes), np.concatenate([gaps for _, gaps in states])
        design = np.column_stack((np.ones(len(size)), gaps)).astype(np.float64)
        weights, _ = nnls(design, size)
        # A calibration part without a miss (one sale, say) still gives a positive scale.
        least = max(LEAST_SHARE * float(size.mean()), np.finfo(np.float64).eps)
        base = max(float(weights[0]), least)
        penalty = weights[1:].clip(min=least)
        penalty[len(penalty) - lesser :] = penalty[len(penalty) - lesser :].clip(max=penalty[:lesser])
        scores = [np.sort(size / (base + gaps @ penalty)) for size, (_, gaps) in zip(sizes, states, strict=True)]
        return cls(base, penalty, tuple(scores))

    def half_width(self, gaps: BoolArray, confidence: float) -> FloatArray:
        """Return how far the range reaches on either side, log price, shape (n,).

        Parameters
        ----------
        gaps
            Which of g possible gaps each subject has, shape (n, g).
        confidence
            Share of prices the range is to hold, between 0 and 1.

        Notes
        -----
        The ⌈confidence·(m + 1)⌉-th smallest score covers with at least that probability; the largest of the
        states' stands for all. Too few calibration sales for the confidence asked have no such score; the
        greatest one stands in.
        """
        score = max(
            scores[min(math.ceil(confidence * (len(scores) + 1)), len(scores)) - 1] for scores in self.scores
        )
        width: FloatArray = (self.base + gaps @ self.penalty) * score
        return width

    def state(self) -> dict[str, Any]:
        """Return the range as plain values and arrays; `from_state` takes it back."""
        return {"base": self.base, "penalty": self.penalty, "scores": list(self.scores)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the range again from its state."""
        return cls(state["base"], state["penalty"], tuple(state["scores"]))
