"""How many listings of a file are deals, and whether their list prices fit the values at all."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from estimator.deals.readings import PAYS, PAYS_BOTH, PAYS_VALUE_ONLY
from estimator.market.arrays import FloatArray

_MAX_MEDIAN_RATIO = 5.0
"""Ratio of list price and value, either way, beyond which half of the listings seem to be in another unit."""


class ScreeningCounts(NamedTuple):
    """How many rows of a file are deals, other listings, and rows with an error.

    Parameters
    ----------
    pay
        Deals that pay under both readings or, with closed listings, by these.
    pay_by_value
        Further deals, which pay only if our value is right.
    others, errors
        Other listings, and rows with an error.
    median_ratio
        Median of list price ÷ value; NaN without listings.
    """

    pay: int
    pay_by_value: int
    others: int
    errors: int
    median_ratio: float

    @classmethod
    def of(cls, label: Sequence[str | None], surplus_percent: FloatArray, n_ranked: int) -> "ScreeningCounts":
        """Count n rows, of which the first n_ranked have no error.

        Parameters
        ----------
        label
            Whether each pays; None for rows with an error.
        surplus_percent
            By how much values are above list prices, shape (n,).
        """
        counts = Counter(label)
        pay, by_value = counts[PAYS_BOTH] + counts[PAYS], counts[PAYS_VALUE_ONLY]
        ratio = median_price_ratio(surplus_percent[:n_ranked])
        return cls(pay, by_value, n_ranked - pay - by_value, len(label) - n_ranked, ratio)

    @property
    def deals(self) -> int:
        """Number of deals of both kinds."""
        return self.pay + self.pay_by_value


def median_price_ratio(surplus_percent: FloatArray) -> float:
    """Return the median of list price ÷ value of n listings, NaN without listings.

    Parameters
    ----------
    surplus_percent
        By how much values are above list prices, shape (n,).
    """
    return float(np.median(1 / (1 + surplus_percent / 100))) if len(surplus_percent) else np.nan


def unit_warning(median_ratio: float, currency: str) -> str | None:
    """Return a warning if list prices are so far from the values that they seem to be in another unit.

    Parameters
    ----------
    median_ratio
        Median of list price ÷ value; NaN without listings.
    currency
        Of the sales.
    """
    if median_ratio > _MAX_MEDIAN_RATIO:
        times = f"{median_ratio:,.0f} times the value of the home or more"
    elif median_ratio < 1 / _MAX_MEDIAN_RATIO:
        times = f"{median_ratio:.2g} times the value of the home or less"
    else:
        return None
    return (
        f"half of the list prices are {times}. Are they in the unit of the prices of the sales, {currency}, or in"
        " thousands?"
    )
