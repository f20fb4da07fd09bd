"""Ranges of the facts of sold homes: minimum, maximum, quantiles and median of numbers, and the common labels.

Explanations and what-if values use them. This module knows no prices.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any, Self

import numpy as np

from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.facts import Facts
from estimator.market.market import Market

QUANTILES = (0.005, 0.995)
"""Nearly all homes are between these quantiles; one in a hundred is an extreme or a typing error."""
MAX_LABELS = 25
"""Labels kept for a fact: as many as are easy to read."""


@dataclass(frozen=True, slots=True)
class NumberRange:
    """Range of a fact whose values are numbers, as `Facts` stores them.

    Parameters
    ----------
    minimum, maximum
        Of all values.
    low, high
        Of nearly all values; see `QUANTILES`.
    median
        The lower one of the two middle values if their number is even: a value that a home has.
    """

    minimum: float
    low: float
    median: float
    high: float
    maximum: float


@dataclass(frozen=True, slots=True)
class FactRanges:
    """Range of each fact; a fact that is never known has no entry.

    Parameters
    ----------
    numbers
        Feature name → its range.
    labels
        Feature name → its most frequent labels, most frequent first, at most `MAX_LABELS`.
    """

    numbers: Mapping[str, NumberRange]
    labels: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self:
        """Find the ranges of the facts of n sold homes."""
        known = {
            feature.name: facts[feature.name][facts.known(feature.name)]
            for feature in market.features
            if facts.known(feature.name).any()
        }
        return cls(
            {feature.name: _range(known[feature.name]) for feature in market.numbers if feature.name in known},
            {
                feature.name: _most_frequent(known[feature.name])
                for feature in market.labels
                if feature.name in known
            },
        )

    def state(self) -> dict[str, Any]:
        """Return the ranges as plain values, which `from_state` accepts."""
        return {
            "numbers": {name: list(astuple(values)) for name, values in self.numbers.items()},
            "labels": {name: list(labels) for name, labels in self.labels.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the ranges with this state."""
        return cls(
            {name: NumberRange(*values) for name, values in state["numbers"].items()},
            {name: tuple(labels) for name, labels in state["labels"].items()},
        )


def _range(values: FloatArray) -> NumberRange:
    low, high = np.quantile(values, QUANTILES)
    median = np.quantile(values, 0.5, method="lower")
    return NumberRange(float(values.min()), float(low), float(median), float(high), float(values.max()))


def _most_frequent(labels: LabelArray) -> tuple[str, ...]:
    values, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:MAX_LABELS]  # equally frequent ones by name
    return tuple(str(label) for label in values[order])
