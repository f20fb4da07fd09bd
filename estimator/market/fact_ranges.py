"""What values the facts of sold homes take: where they start and end, what is usual, which labels are common.

Whoever asks what else a fact might be, or whether a home is like any that was sold, asks here. Knows no prices.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np

from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.facts import Facts
from estimator.market.market import Market

ENDS = (0.005, 0.995)
"""Quantiles between which nearly all homes lie: one in a hundred is a mansion, a hut or a slip of the pen."""
COMMON_LABELS = 25
"""Labels kept of a fact, at most: what a person still reads through."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """The values of a fact that is a number: dates are days since 1970-01-01, booleans 0 and 1.

    Parameters
    ----------
    least, greatest
        The ends of all values.
    low, high
        The ends of nearly all; see `ENDS`.
    usual
        The median; of a boolean the commoner value.
    """

    least: float
    low: float
    usual: float
    high: float
    greatest: float


@dataclass(frozen=True, slots=True)
class FactRanges:
    """What values each fact takes; a fact that is never known has no entry.

    Parameters
    ----------
    numbers
        Feature name → its range.
    labels
        Feature name → its commonest labels, the commonest first, at most `COMMON_LABELS`.
    """

    numbers: Mapping[str, NumberRange]
    labels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Learn the values of n sold homes' facts."""
        known = {
            feature.name: facts[feature.name][facts.known(feature.name)]
            for feature in market.features
            if facts.known(feature.name).any()
        }
        return cls(
            {feature.name: _range(known[feature.name]) for feature in market.numbers if feature.name in known},
            {feature.name: _commonest(known[feature.name]) for feature in market.labels if feature.name in known},
        )

    def state(self) -> dict[str, Any]:
        """Return what was learned as plain values; `from_state` takes it back."""
        return {
            "numbers": {name: list(astuple(values)) for name, values in self.numbers.items()},
            "labels": {name: list(labels) for name, labels in self.labels.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Build the ranges again from their state."""
        return cls(
            {name: NumberRange(*values) for name, values in state["numbers"].items()},
            {name: tuple(labels) for name, labels in state["labels"].items()},
        )


def _range(values: FloatArray) -> NumberRange:
    low, high = np.quantile(values, ENDS)
    # The middle one of the two, where their number is even: a value that a home has.
    usual = np.quantile(values, 0.5, method="lower")
    return NumberRange(float(values.min()), float(low), float(usual), float(high), float(values.max()))


def _commonest(labels: LabelArray) -> tuple[str, ...]:
    values, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:COMMON_LABELS]  # those as common as each other by name
    return tuple(str(label) for label in values[order])
