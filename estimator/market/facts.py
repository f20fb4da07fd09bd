"""The facts of homes: an array for each feature.

One subject and a million have the same form, with NaN or the empty string where a fact is unknown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.values import Stored, Value


@dataclass(frozen=True)
class Facts:
    """The facts of n homes.

    Parameters
    ----------
    columns
        Feature name → stored values, shape (n,): float64 with NaN for unknown, or text with '' for unknown.
        Booleans are 0 and 1; dates are days since 1970-01-01.
    """

    columns: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def known(self, name: str) -> BoolArray:
        """Return where a fact is known, shape (n,)."""
        column = self.columns[name]
        known: BoolArray = column != "" if column.dtype.kind == "U" else ~np.isnan(column)
        return known

    def numbers(self, names: Sequence[str]) -> FloatArray:
        """Return m facts whose values are numbers, shape (n, m); NaN where unknown."""
        numbers = np.empty((len(self), len(names)))
        by_name = numbers.T
        for index, name in enumerate(names):
            by_name[index] = self.columns[name]
        return numbers

    def unknown(self, names: Sequence[str]) -> BoolArray:
        """Return which of m facts are unknown, shape (n, m)."""
        numbers = np.zeros((len(self), len(names)))
        by_name, labels = numbers.T, []
        for index, name in enumerate(names):
            column = self.columns[name]
            if column.dtype.kind == "U":
                labels.append(index)
            else:
                by_name[index] = column
        unknown: BoolArray = np.isnan(numbers)
        for index in labels:
            unknown[:, index] = self.columns[names[index]] == ""
        return unknown

    def take(self, rows: NDArray[Any] | slice) -> "Facts":
        """Return the homes at some rows."""
        n = len(self)
        if isinstance(rows, slice) and rows.indices(n) == (0, n, 1):
            return self
        return Facts({name: column[rows] for name, column in self.columns.items()})

    def joined(self, more: "Facts") -> "Facts":
        """Return these homes followed by more of the same market."""
        return Facts({name: np.concatenate((column, more[name])) for name, column in self.columns.items()})

    def replace(self, columns: Mapping[str, NDArray[Any]]) -> "Facts":
        """Return the same homes with some columns replaced."""
        return Facts({**self.columns, **columns})

    def without(self, hidden: Mapping[str, BoolArray]) -> "Facts":
        """Return the same homes with some facts unknown: feature name → where, shape (n,)."""
        return self.replace(
            {
                name: np.where(where, "" if self[name].dtype.kind == "U" else np.nan, self[name])
                for name, where in hidden.items()
            }
        )

    def as_values(self, market: Market, row: int) -> dict[str, Value]:
        """Return the known facts of one home as JSON gives them; `check_value` accepts each value."""
        return {
            feature.name: json_value(feature, self[feature.name][row])
            for feature in market.features
            if self.known(feature.name)[row]
        }

    @classmethod
    def of(cls, market: Market, subjects: Sequence[Mapping[str, Stored]]) -> Self:
        """Collect stored values, one mapping for each subject; a fact that a mapping lacks is unknown."""
        columns: dict[str, NDArray[Any]] = {}
        for feature in (*market.numbers, *market.labels):
            kind = feature.fact_kind
            values = [subject.get(feature.name, kind.unknown) for subject in subjects]
            columns[feature.name] = np.array(values, kind.dtype)
        return cls(columns)


def json_value(feature: Feature, stored: Stored) -> Value:
    """Return a known value, as a column of `Facts` stores it, as JSON gives it; `check_value` accepts it."""
    return feature.fact_kind.to_json(stored)


def format_fact(feature: Feature, stored: Stored) -> str:
    """Return a known value, as a column of `Facts` stores it, as a sentence shows it: with its unit."""
    value = json_value(feature, stored)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value
    # A thousands separator helps to read a size, and makes a year unreadable.
    number = f"{round(value, 2):,.15g}" if feature.unit else f"{round(value, 2):.15g}"
    return f"{number} {feature.unit}".rstrip()


def find_labels(values: LabelArray, labels: LabelArray) -> tuple[NDArray[np.intp], BoolArray]:
    """Return the index of each of n values among g sorted labels, shape (n,), and whether it is one of them.

    The index of a value that is none of them is arbitrary.
    """
    if not len(labels):
        return np.zeros(len(values), np.intp), np.zeros(len(values), np.bool_)
    index = np.minimum(labels.searchsorted(values), len(labels) - 1)
    return index, labels[index] == values


def label_columns(values: LabelArray, labels: LabelArray) -> BoolArray:
    """Return which of g sorted labels each of n values is, shape (n, g); by a search, not by n·g comparisons."""
    columns = np.zeros((len(values), len(labels)), np.bool_)
    mark_labels(values, labels, columns)
    return columns


def mark_labels(values: LabelArray, labels: LabelArray, columns: NDArray[Any]) -> None:
    """Set to 1 which of g sorted labels each of n values is, in columns of zeros, shape (n, g)."""
    index, is_found = find_labels(values, labels)
    rows = is_found.nonzero()[0]
    columns[rows, index[rows]] = 1
