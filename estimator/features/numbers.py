"""The numbers among the facts of homes: read once, and scaled in one pass for everyone who needs them scaled.

A pass takes a dozen steps, and each of them costs one home nearly as much as a thousand homes.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from estimator.features.scaling import NumberScales
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market


class Numbers(NamedTuple):
    """The numbers of n homes.

    Parameters
    ----------
    values
        All m numbers of the market, in its order, NaN where unknown, shape (n, m).
    unknown
        Where they are unknown, shape (n, m).
    scaled
        For each one who needs some of them scaled: these, 0 where unknown, shape (n, ·).
    """

    values: FloatArray
    unknown: BoolArray
    scaled: Sequence[FloatArray]


class NumberReader:
    """Reads the numbers of homes.

    Parameters
    ----------
    market
        The market.
    uses
        Of each one who needs some of them scaled: the names of these, and their scales.
    """

    def __init__(self, market: Market, uses: Sequence[tuple[Sequence[str], NumberScales]]) -> None:
        self._names = [feature.name for feature in market.numbers]
        self._columns = number_columns(market, [name for names, _ in uses for name in names])
        self._scales = NumberScales.joined([scales for _, scales in uses])
        ends = np.cumsum([len(names) for names, _ in uses]).tolist()
        self._parts = [slice(end - len(names), end) for (names, _), end in zip(uses, ends, strict=True)]

    def read(self, facts: Facts) -> Numbers:
        """Return the numbers of n homes."""
        values = facts.numbers(self._names)
        unknown = np.isnan(values)
        scaled = self._scales.transform(values.take(self._columns, axis=1))
        scaled[np.isnan(scaled)] = 0.0
        return Numbers(values, unknown, [scaled[:, part] for part in self._parts])


def number_columns(market: Market, names: Sequence[str]) -> NDArray[np.intp]:
    """Return the columns of `Numbers.values` that hold some numbers, shape (len(names),)."""
    position = {feature.name: column for column, feature in enumerate(market.numbers)}
    return np.array([position[name] for name in names], np.intp)
