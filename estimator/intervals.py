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

ONE_SIGMA = 0.6827
"""Share of a normal distribution within one standard deviation: how the field reads an FSD."""


@dataclass(frozen=True)
class ConformalRange:
    """Ranges of log price.

    The expected miss of a subject is `base` plus, for each fact it lacks, that fact's `penalty` ≥ 0: knowing
    less never narrows a range.

    Parameters
    ----------
    base
        Expected |residual| with every fact known, log price.
    penalty
        What lacking each of f facts adds, shape (f,), log price.
    scores
        |residual| / expected miss of the calibration sales, sorted, shape (m,).
    """

    base: float
    penalty: FloatArray
    scores: FloatArray

    @classmethod
    def fit(cls, residual: FloatArray, unknown: BoolArray) -> Self:
        """Calibrate on sales that the network did not learn from.

        Parameters
        ----------
        residual
            log(price) − log(estimate), shape (m,), m ≥ 1.
        unknown
            Which of f facts each estimate lacked, shape (m, f).

        Notes
        -----
        Locally weighted split conformal: Lei et al. (2018), Distribution-free predictive inference for
        regression, section 5.2, with a scale that is additive in what is unknown.
        """
        size = np.abs(residual)
        design = np.column_stack((np.ones(len(size)), unknown)).astype(np.float64)
        weights, _ = nnls(design, size)
        # A calibration part without a miss (one sale, say) still gives a positive scale.
        base = max(float(weights[0]), np.finfo(np.float64).eps)
        return cls(base, weights[1:], np.sort(size / (base + unknown @ weights[1:])))

    def half_width(self, unknown: BoolArray, confidence: float) -> FloatArray:
        """Return how far the range reaches on either side, log price, shape (n,).

        Parameters
        ----------
        unknown
            Which of f facts each subject lacks, shape (n, f).
        confidence
            Share of prices the range is to hold, between 0 and 1.

        Notes
        -----
        The ⌈confidence·(m + 1)⌉-th smallest score covers with at least that probability. Too few calibration
        sales for the confidence asked have no such score; the largest one stands in.
        """
        rank = min(math.ceil(confidence * (len(self.scores) + 1)), len(self.scores))
        width: FloatArray = (self.base + unknown @ self.penalty) * self.scores[rank - 1]
        return width

    def state(self) -> dict[str, Any]:
        """Return the range as plain values and arrays; `from_state` takes it back."""
        return {"base": self.base, "penalty": self.penalty, "scores": self.scores}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the range again from its state."""
        return cls(**state)
