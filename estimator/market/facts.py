"""Facts about homes, and the checks that a single value passes.

One subject and a million take the same form: an array per feature, NaN or the empty string where a fact is
unknown. What a value may be is said here, for JSON and forms; `columns` holds whole files to the same.
"""

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.market.market import Feature, Market

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]
LabelArray = NDArray[np.str_]
BoolArray = NDArray[np.bool_]
DateArray = NDArray[np.datetime64]
Value = float | int | bool | str
"""A known fact as JSON gives it."""

MAX_LABEL_LENGTH = 200
"""Characters in a label: longer than any neighbourhood's name, short enough to store by the million."""

_EPOCH = dt.date(1970, 1, 1)
DATE_PATTERN = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_SHOWN_CHARACTERS = 60
_LONGEST_SHOWN = 10**_SHOWN_CHARACTERS


@dataclass(frozen=True)
class Facts:
    """What is known of n homes.

    Parameters
    ----------
    columns
        Feature name → array of shape (n,): float64 with NaN for unknown, or text with '' for unknown.
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
        """Return the m facts of those names, which are numbers, shape (n, m); NaN where unknown."""
        numbers = np.empty((len(self), len(names)))
        for place, name in enumerate(names):
            numbers[:, place] = self.columns[name]
        return numbers

    def unknown(self, names: Sequence[str]) -> BoolArray:
        """Return which of m facts are unknown, shape (n, m)."""
        numbers = np.zeros((len(self), len(names)))
        labels = []
        for place, name in enumerate(names):
            column = self.columns[name]
            if column.dtype.kind == "U":
                labels.append(place)
            else:
                numbers[:, place] = column
        unknown: BoolArray = np.isnan(numbers)
        for place in labels:
            unknown[:, place] = self.columns[names[place]] == ""
        return unknown

    def take(self, rows: NDArray[Any] | slice) -> "Facts":
        """Return the homes at some rows."""
        if isinstance(rows, slice) and rows.indices(len(self)) == (0, len(self), 1):
            return self
        return Facts({name: column[rows] for name, column in self.columns.items()})

    def replace(self, columns: Mapping[str, NDArray[Any]]) -> "Facts":
        """Return the same homes with some columns exchanged."""
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
        """Return what is known of one home as JSON gives it; `check_value` takes each value back."""
        values: dict[str, Value] = {}
        for feature in market.features:
            if not self.known(feature.name)[row]:
                continue
            values[feature.name] = json_value(feature, self[feature.name][row])
        return values

    @classmethod
    def of(cls, market: Market, subjects: Sequence[Mapping[str, float | str]]) -> Self:
        """Gather checked values, a mapping a subject; what a mapping lacks is unknown."""
        columns: dict[str, NDArray[Any]] = {
            feature.name: np.array([subject.get(feature.name, np.nan) for subject in subjects], np.float64)
            for feature in market.numbers
        }
        for feature in market.labels:
            columns[feature.name] = np.array([subject.get(feature.name, "") for subject in subjects], np.str_)
        return cls(columns)


def json_value(feature: Feature, value: float | str) -> Value:
    """Return a known value, as a column of `Facts` holds it, as JSON gives it; `check_value` takes it back."""
    if feature.is_label:
        return str(value)
    number = float(value)
    if feature.kind == "date":
        return (_EPOCH + dt.timedelta(days=int(number))).isoformat()
    if feature.kind == "boolean":
        return bool(number)
    return int(number) if number.is_integer() else number


def check_within(value: float, least: float, greatest: float) -> float:
    """Return a number that was asked for.

    Raises
    ------
    ValueError
        It is not from `least` to `greatest`; the message names all three.
    """
    if not least <= value <= greatest:
        raise ValueError(f"{value} is not from {least} to {greatest}")
    return value


def in_words(feature: Feature, value: float | str) -> str:
    """Return a known value, as a column of `Facts` holds it, as a sentence gives it: with its unit."""
    known = json_value(feature, value)
    if isinstance(known, bool):
        return str(known).lower()
    if isinstance(known, str):
        return known
    # Commas help to read a size, and make a year unreadable.
    number = f"{round(known, 2):,.15g}" if feature.unit else f"{round(known, 2):.15g}"
    return f"{number} {feature.unit}".rstrip()


def check_value(feature: Feature, value: object) -> float | str:
    """Check one typed value, as JSON gives it.

    Returns
    -------
    float or str
        The value as the columns of `Facts` hold it.

    Raises
    ------
    ValueError
        The value is of the wrong type, malformed or out of bounds; the message names it and the bound.
    """
    if feature.is_label:
        return _check_label(value)
    if feature.kind == "boolean":
        if value in (0, 1):
            return float(value == 1)
        raise ValueError(f"{shown(value)} is neither true nor false")
    if feature.kind == "date":
        return float((check_date(value) - _EPOCH).days)
    number = _check_number(value)
    if feature.kind == "integer" and not number.is_integer():
        raise ValueError(f"{shown(value)} is not a whole number")
    problem = feature.out_of_bounds(number)
    if problem is not None:
        raise ValueError(problem)
    return number


def check_date(value: object) -> dt.date:
    """Check a date written as text.

    Raises
    ------
    ValueError
        It is not a calendar date of the form 2015-05-27.
    """
    if isinstance(value, str) and re.fullmatch(DATE_PATTERN, value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not a date like 2015-05-27")


def shown(value: object) -> str:
    """Return a value as an error message shows it, cut where it is long."""
    if isinstance(value, int) and abs(value) >= _LONGEST_SHOWN:
        return f"a number of more than {_SHOWN_CHARACTERS} digits"  # Python refuses to write out thousands
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _check_number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{shown(value)} is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("the number is not finite, or too large")
    return number


def _check_label(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < _LONGEST_SHOWN:
        value = str(value)  # a postal code typed without quotes is still that postal code
    if not isinstance(value, str):
        raise ValueError(f"{shown(value)} is not text")
    label = value.strip()
    if not label:
        raise ValueError("the text is empty; leave out what is unknown")
    if len(label) > MAX_LABEL_LENGTH:
        raise ValueError(f"{shown(label)} is longer than {MAX_LABEL_LENGTH} characters")
    if not label.isprintable():
        raise ValueError(f"{label!a} holds characters that cannot be printed")
    return label
