"""Ranges around a value, by split conformal prediction.

They are as wide as the misses on sales that the network did not see. A miss grows with what is unknown, so each
is measured against the miss expected at that knowledge. No normal distribution is assumed: valuation errors
have fatter tails. Knows residuals, nothing of homes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from scipy.optimize import nnls

from estimator.facts import BoolArray, FloatArray

LEAST_PENALTY = 0.01
"""Least penalty of a gap, in shares of the base. Calibration sales that show none could not tell it from 0."""

ONE_SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation: how the field reads an FSD."""


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected miss of a subject is `base` plus, for each gap in what is known, that gap's `penalty` > 0:
    knowing less always widens a range.

    Parameters
    ----------
    base
        Expected |residual| without any gap, log price.
    penalty
        What each of g possible gaps adds, shape (g,), log price.
    scores
        |residual| / expected miss of the calibration sales, sorted, shape (m,).
    """

    base: float
    penalty: FloatArray
    scores: FloatArray

    @classmethod
    def fit(cls, residual: FloatArray, gaps: BoolArray) -> Self:
        """Calibrate on sales that the network did not learn from.

        Parameters
        ----------
        residual
            log(price) − log(estimate), shape (m,), m ≥ 1.
        gaps
            Which of g possible gaps each estimate had, shape (m, g).

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2, with a scale that is additive in the gaps.
        """
        size = np.abs(residual)
        design = np.column_stack((np.ones(len(size)), gaps)).astype(np.float64)
        weights, _ = nnls(design, size)
        # A calibration part without a miss (one sale, say) still gives a positive scale.
        base = max(float(weights[0]), np.finfo(np.float64).eps)
        penalty = weights[1:].clip(min=LEAST_PENALTY * base)
        return cls(base, penalty, np.sort(size / (base + gaps @ penalty)))

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
        The ⌈confidence·(m + 1)⌉-th smallest score covers with at least that probability. Too few calibration
        sales for the confidence asked have no such score; the largest one stands in.
        """
        rank = min(math.ceil(confidence * (len(self.scores) + 1)), len(self.scores))
        width: FloatArray = (self.base + gaps @ self.penalty) * self.scores[rank - 1]
        return width

    def state(self) -> dict[str, Any]:
        """Return the range as plain values and arrays; `from_state` takes it back."""
        return {"base": self.base, "penalty": self.penalty, "scores": self.scores}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the range again from its state."""
        return cls(**state)
