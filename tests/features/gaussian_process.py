"""Shared by the tests of kriging: made-up homes, and Gaussian process regression written out as in textbooks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.features.kriging import FACTS_RANGE, Kriging, KrigingInputs
from estimator.features.kriging_fit import fit_kriging
from estimator.features.leave_home_out import LeaveHomeOut
from estimator.market.arrays import FloatArray

N = 300
HOME: NDArray[np.int64] = np.random.default_rng(1).integers(0, N, N)
"""The home of each of N sales; more than half of the sales are of homes that were sold at least twice."""


def random_homes(n: int, seed: int) -> tuple[KrigingInputs, FloatArray]:
    """Return homes, and log prices with a hill over the map, a curved effect of one fact, and noise."""
    rng = np.random.default_rng(seed)
    location, facts = rng.uniform(0, 20, (n, 2)), rng.normal(size=(n, 3)).astype(np.float32)
    other = (rng.random((n, 2)) < 0.3).astype(np.float32)
    log_price = 12 + np.sin(location[:, 0] / 3) + 0.4 * facts[:, 0] - 0.2 * facts[:, 1] ** 2 + 0.3 * other[:, 0]
    return KrigingInputs(facts, other, np.zeros((n, 0), np.float32), location), log_price + rng.normal(0, 0.05, n)


def fit(homes: KrigingInputs, log_price: FloatArray) -> tuple[Kriging, LeaveHomeOut]:
    """Fit to N sales."""
    return fit_kriging(homes, log_price, HOME, np.random.default_rng(2))


def exact_gaussian_process(
    sold: KrigingInputs, log_price: FloatArray, subjects: KrigingInputs, range_km: float, mean: float
) -> Any:
    """Return k(subjects, sold)·(k(sold, sold) + I)⁻¹·(log price − mean) + mean."""

    def exponential(a: Any, b: Any, length_scale: float) -> Any:
        return np.exp(-np.linalg.norm(a[:, None].astype(float) - b[None].astype(float), axis=2) / length_scale)

    def covariance(left: KrigingInputs, right: KrigingInputs) -> Any:
        by_facts = exponential(left.facts, right.facts, FACTS_RANGE)
        by_location = exponential(left.location, right.location, range_km)
        linear = left.linear_terms().astype(float) @ right.linear_terms().astype(float).T
        return linear + by_facts + by_location + by_facts * by_location

    weight = np.linalg.solve(covariance(sold, sold) + np.eye(len(sold)), log_price - mean)
    return mean + covariance(subjects, sold) @ weight
