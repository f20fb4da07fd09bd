"""What n homes may sell for: around each value, the errors that the calibration sales showed.

Knows log prices and expected errors, nothing of homes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray
from estimator.uncertainty.conformal import ConformalRange
from estimator.uncertainty.error_scale import DOWNWARD, FSD, UPWARD

NEAR_BOUNDARY_FACTOR = 1.5
"""How much wider ranges are for homes just outside the sold ones. There are too few sales to measure it, so it is
a cautious choice."""


@dataclass(frozen=True, eq=False)
class PriceDistribution:
    """The prices that n homes may sell for.

    Parameters
    ----------
    log_price
        Log of the values, shape (n,); NaN where a home is refused.
    error
        Expected errors of the log prices, shape (n, 3); NaN if there are too few sales for ranges.
    ranges
        The distribution of errors, in expected errors.
    """

    log_price: FloatArray
    error: FloatArray
    ranges: ConformalRange

    def price_low_high(self, confidence: float) -> FloatArray:
        """Return the values and both ends of their ranges, in the currency, shape (3, n)."""
        lower, upper = self.ranges.quantiles(confidence)
        away = np.zeros((3, len(self.log_price)))
        away[1], away[2] = lower * self.error[:, DOWNWARD], upper * self.error[:, UPWARD]
        amounts: FloatArray = np.exp(self.log_price + away)
        return amounts

    @property
    def fsd(self) -> FloatArray:
        """Forecast standard deviations, shape (n,)."""
        fsd: FloatArray = self.ranges.fsd_factor * self.error[:, FSD]
        return fsd

    def probability_within(self, share: float) -> FloatArray:
        """Return the probability that |value/price − 1| is at most a share below 1, shape (n,)."""
        return self.ranges.probability_within(share, self.error)

    def probability_above(self, price: float) -> FloatArray:
        """Return the probability of a price above a positive one, shape (n,)."""
        return 1 - self.ranges.probability_below(np.log(price) - self.log_price, self.error)


def distribute_prices(
    ranges: ConformalRange,
    log_price: FloatArray,
    error: FloatArray,
    near_boundary: Mapping[str, BoolArray],
    refused: Iterable[int],
) -> PriceDistribution:
    """Return what n homes may sell for; overwrites the arrays.

    Parameters
    ----------
    log_price, error
        By the model, shape (n,) and (n, 3).
    near_boundary
        Warning → the homes that are just outside the sold ones, shape (n,).
    refused
        Rows of the homes that get no value.
    """
    if near_boundary:
        error[np.logical_or.reduce(list(near_boundary.values()))] *= NEAR_BOUNDARY_FACTOR
    if not ranges.are_offered:
        error[:] = np.nan
    log_price[list(refused)] = np.nan
    return PriceDistribution(log_price, error, ranges)
