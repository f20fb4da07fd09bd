"""Median and spread of values, of which up to a third may be wrong."""

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray

SIGMAS_OF_MAD = 1.4826
"""Standard deviations in a median absolute deviation of normal values."""
_MAX_ROUNDS = 10
"""The rounds converge in two or three."""


def median_and_sigma(values: FloatArray) -> tuple[float, float]:
    """Return the median of values, and their standard deviation, estimated by the median absolute deviation."""
    median = float(np.median(values))
    return median, SIGMAS_OF_MAD * float(np.median(np.abs(values - median)))


def far_values(values: FloatArray, reference: FloatArray, sigmas: float, least: float) -> tuple[BoolArray, float]:
    """Return which of n values are far from the others, and the median of the others.

    Far values are left out and the others looked at again, until no further one is far: with a third of the values
    at another place, the first look is too generous.

    Parameters
    ----------
    values
        Shape (n,); NaN is never far.
    reference
        Further values to compare with.
    sigmas
        Robust standard deviations from the median beyond which a value is far.
    least
        A value that is nearer than this is not far, however alike the others are.
    """
    far = np.zeros(len(values), np.bool_)
    for _ in range(_MAX_ROUNDS):
        others = np.concatenate((values[~far & ~np.isnan(values)], reference[~np.isnan(reference)]))
        if not len(others):
            return far, np.nan
        median, sigma = median_and_sigma(others)
        again = np.abs(values - median) > max(sigmas * sigma, least)
        if (again == far).all():
            break
        far = again
    return far, median
