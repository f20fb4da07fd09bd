"""Horizontal equity: whether homes that are alike get values that are alike."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from estimator.assessment.rounding import rounded_figures
from estimator.market.arrays import FloatArray

MIN_HOMES = 30
"""Below this there is no figure: the homes most like one another would hardly be alike."""

MAX_HOMES = 2000
"""Homes that are compared: enough for a median, and the search for like homes takes a second."""

_GROUP = 5
"""A home and the four most like it: as few as have a coefficient of dispersion worth the name."""


@dataclass(frozen=True)
class HorizontalEquity:
    """Coefficients of horizontal dispersion (CHD): the COD of the values of a home and the homes most like it.

    Parameters
    ----------
    homes
        Homes compared.
    chd_values, chd_prices
        Median over the homes, of values and of sale prices, in percent. Values of like homes should differ less
        than their prices, which also hold what buyer and seller happened to agree on.
    widest_tenth
        In a tenth of the groups the values differ more than this, in percent.
    """

    homes: int
    chd_values: float
    chd_prices: float
    widest_tenth: float

    def to_dict(self) -> dict[str, Any]:
        """Return the figures, rounded to four decimals."""
        return rounded_figures(self)


def evenly_spaced(n: int) -> NDArray[np.intp]:
    """Return the rows of at most `MAX_HOMES` of n homes."""
    return np.linspace(0, n - 1, min(n, MAX_HOMES)).astype(np.intp)


def horizontal_equity(columns: FloatArray, price: FloatArray, value: FloatArray) -> HorizontalEquity | None:
    """Compare values and prices among like homes; None with fewer than `MIN_HOMES` homes.

    Parameters
    ----------
    columns
        Facts of n homes as standardised columns, shape (n, d): like homes are near each other.
    price, value
        Shape (n,), in one currency.
    """
    if len(price) < MIN_HOMES:
        return None
    _, like = cKDTree(columns).query(columns, _GROUP)
    values, prices = (_dispersion(amount[like]) for amount in (value, price))
    return HorizontalEquity(
        len(price), float(np.median(values)), float(np.median(prices)), float(np.quantile(values, 0.9))
    )


def _dispersion(amounts: FloatArray) -> FloatArray:
    """Return the COD of each row of amounts, shape (n, k), in percent, shape (n,)."""
    middle = np.median(amounts, axis=1, keepdims=True)
    dispersion: FloatArray = 100 * np.mean(np.abs(amounts - middle), axis=1) / middle[:, 0]
    return dispersion
