"""What the checks of the applicability domain share: the result of one check, and how many sales may be wrong."""

import math
from collections.abc import Callable
from typing import NamedTuple

from estimator.market.arrays import BoolArray

MIN_HOMES = 100
"""Sold homes that must have a fact before its range is used: with fewer, the ranges of values are wide enough to
show how little is known."""
DOUBTFUL_SHARE = 0.0025
"""This share of the sold homes may have a wrong fact without widening what is accepted, and at least one: files of
sales have a mistyped value in some hundreds of rows, seldom more."""


class Check(NamedTuple):
    """Result of comparing one fact of n homes with the sold homes.

    Parameters
    ----------
    feature
        Name of the fact.
    outside, far_outside
        Where it is outside the range of the sold homes, and where by more than the margin, shape (n,).
    message
        Row → why that home is refused.
    """

    feature: str
    outside: BoolArray
    far_outside: BoolArray
    message: Callable[[int], str]


def n_doubtful(n: int) -> int:
    """Return how many of the most extreme of n ≥ 1 values may be mistakes."""
    return math.ceil(DOUBTFUL_SHARE * n)
