"""Recent errors: what the networks got wrong about homes sold since their training, carried over to similar homes.

A new block, a rebuilt street or a new fashion shows first in the errors of the newest sales. Kriging of these
errors corrects similar homes nearby: in full if the networks stay as they were trained, by half if a student
learns from these sales, too. The correction does not depend on monotone facts, so that a price still never falls
where one of them rises. See benchmarks/DECISIONS.md, "Errors of the sales since the training".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from scipy import linalg

from estimator.features.kriging import Kriging, KrigingInputs
from estimator.market.arrays import FloatArray
from estimator.market.robust import median_and_sigma

MIN_SALES = 30
"""With fewer errors their variance and what they share cannot be told apart."""
MAX_SALES = 1000
"""Newest sales whose errors are used. A valuation compares a home with each, as kriging does with 2,500."""
MAX_DEVIATIONS = 3.0
"""Larger errors count as so many standard deviations: one mistyped price must not move its neighbourhood."""
_DISTANCE_FACTOR = 2.0
"""Multiplies the distances between facts that kriging takes: only homes that are much alike share an error of the
networks. Labels count too, unlike in kriging's kernel."""
_SHARED_VARIANCES = (0.01, 0.03, 0.1, 0.3, 1.0)
"""Candidates for the variance that similar homes share, in units of the variance that is each sale's own."""


@dataclass(frozen=True)
class RecentErrors:
    """Corrects log prices; made by `fit_recent_errors` or from its state.

    Parameters
    ----------
    kriging
        Of the errors; its linear terms are all 0.
    """

    kriging: Kriging

    def times(self, share: float) -> Self:
        """Return a correction that adds a share of what this one adds."""
        coefficients = self.kriging.kernel_coefficients * np.float32(share)
        return replace(self, kriging=replace(self.kriging, kernel_coefficients=coefficients))

    def estimate(self, homes: KrigingInputs) -> FloatArray:
        """Return what n homes' log prices are corrected by, shape (n,)."""
        return self.kriging.estimate(_without_monotone_facts(homes))

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return self.kriging.state()

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the correction from its state; its estimates are the same, bit for bit."""
        return cls(Kriging.from_state(state))


def fit_recent_errors(homes: KrigingInputs, error: FloatArray, range_km: float) -> RecentErrors | None:
    """Fit the correction, or return None if there are too few errors or similar homes share none of them.

    Parameters
    ----------
    homes
        The m homes sold since the training, oldest sale first.
    error
        Their log price, adjusted for time, − their worth without this correction, shape (m,).
    range_km
        Distance over which locations' kernel falls to 1/e.

    Notes
    -----
    The shared variance is the candidate with the largest likelihood (Rasmussen and Williams 2006, eq. 5.8, with
    the scale at its maximum); none is used if the errors are more likely to be independent.
    """
    homes, error = homes.take(slice(-MAX_SALES, None)), error[-MAX_SALES:]
    if len(error) < MIN_SALES:
        return None
    inputs = _without_monotone_facts(homes)
    unfitted = Kriging(
        facts=inputs.facts,
        location=inputs.location,
        range_km=range_km,
        linear_coefficients=np.zeros(inputs.linear_terms().shape[1], np.float32),
        monotone_coefficients=np.zeros(0, np.float32),
        kernel_coefficients=np.zeros(len(error), np.float32),
        mean=0.0,
    )
    kernel = unfitted.kernel(inputs).astype(np.float64)
    coefficients = _likeliest_coefficients(kernel, _clipped(error))
    if coefficients is None:
        return None
    return RecentErrors(replace(unfitted, kernel_coefficients=coefficients.astype(np.float32)))


def _without_monotone_facts(homes: KrigingInputs) -> KrigingInputs:
    """Return homes as the kernel compares them: by facts, labels and location, without monotone facts."""
    facts = np.float32(_DISTANCE_FACTOR) * np.hstack((homes.facts, homes.other))
    none = np.empty((len(homes), 0), np.float32)
    return KrigingInputs(facts, none, none, homes.location)


def _clipped(error: FloatArray) -> FloatArray:
    """Return the errors, each at most `MAX_DEVIATIONS` from their median, with a mean of 0.

    Their level is the price index's.
    """
    median, deviation = median_and_sigma(error)
    bound = MAX_DEVIATIONS * deviation
    clipped = np.clip(error - median, -bound, bound)
    centred: FloatArray = clipped - clipped.mean()
    return centred


def _likeliest_coefficients(kernel: FloatArray, error: FloatArray) -> FloatArray | None:
    """Return the kernel's coefficients under the likeliest shared variance; None if that is 0."""
    m = len(error)
    best_likelihood, best = -m / 2 * math.log(max(float(error @ error) / m, np.finfo(np.float64).tiny)), None
    for variance in _SHARED_VARIANCES:
        factor = linalg.cho_factor(variance * kernel + np.eye(m), lower=True)
        weights = linalg.cho_solve(factor, error)
        scale = max(float(error @ weights) / m, np.finfo(np.float64).tiny)
        likelihood = -m / 2 * math.log(scale) - float(np.log(np.diag(factor[0])).sum())
        if likelihood > best_likelihood:
            best_likelihood, best = likelihood, variance * weights
    return best
