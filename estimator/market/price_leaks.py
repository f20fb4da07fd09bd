"""Facts that leak the price, as a list price does: no model may learn from them."""

import math
from collections.abc import Mapping

import numpy as np

from estimator.errors import DataError
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales_source import SalesSource

MAX_LEAK_DEVIATION = 0.05
"""A fact leaks the price if the median deviation of its values from a multiple of the price is a smaller
share than this. List prices deviate less; valuations from all other facts deviate more."""
_MAX_LEAK_MULTIPLE = 2.0
"""The multiple is at most this, and at least its inverse. Other multiples are no leak: in many towns the size
alone predicts the price within a few percent."""
_MIN_LEAK_SALES = 30
"""With fewer known values, a small deviation could be chance."""


def refuse_leaks(
    market: Market, source: SalesSource, facts: Facts, price: FloatArray, columns: Mapping[str, str]
) -> None:
    """Refuse a fact that leaks the price.

    Parameters
    ----------
    columns
        Name of a feature → its column in this file.

    Raises
    ------
    DataError
        The values of a fact are nearly the same multiple of the price in most rows.
    """
    for feature in market.numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.log(facts[feature.name] / price)
        log_ratio = log_ratio[np.isfinite(log_ratio)]
        if len(log_ratio) < _MIN_LEAK_SALES:
            continue
        median = float(np.median(log_ratio))
        deviation = float(np.expm1(np.median(np.abs(log_ratio - median))))
        if deviation < MAX_LEAK_DEVIATION and abs(median) < math.log(_MAX_LEAK_MULTIPLE):
            raise DataError(
                f"{source}: column '{columns[feature.name]}' ({feature.name}) leaks the price, as a list price"
                f" does: half of its values are within {100 * deviation:.1f}% of {math.exp(median):.4g} times the"
                " price; list the column under ignore in market.toml"
            )
