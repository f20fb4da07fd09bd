"""Facts about homes as columns, and the checks that every value passes, one by one or a column at a time.

One subject and a million take the same form: an array per feature, NaN or the empty string where a fact is
unknown. The checks here are the only ones: files, JSON and forms all come through them.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from estimator.market import VALUATION_DATE, Feature, Market

FloatArray = NDArray[np.float64]
LabelArray = NDArray[np.str_]
BoolArray = NDArray[np.bool_]
DateArray = NDArray[np.datetime64]

MAX_LABEL_LENGTH = 200
"""Characters in a label: longer than any neighbourhood's name, short enough to store by the million."""

_EPOCH = dt.date(1970, 1, 1)
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_TRUTH = {"true": 1.0, "false": 0.0, "yes": 1.0, "no": 0.0, "1": 1.0, "0": 0.0}
_SHOWN_CHARACTERS = 60


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that cannot be used: the row (from 0), the field, and what is wrong with its value."""

    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


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

    def take(self, rows: NDArray[Any] | slice) -> "Facts":
        """Return the homes at some rows."""
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

    def as_values(self, market: Market, row: int) -> dict[str, float | int | bool | str]:
        """Return what is known of one home as JSON gives it; `check_value` takes each value back."""
        values: dict[str, float | int | bool | str] = {}
        for feature in market.features:
            if not self.known(feature.name)[row]:
                continue
            value = self[feature.name][row]
            if feature.is_label:
                values[feature.name] = str(value)
            elif feature.kind == "date":
                values[feature.name] = (_EPOCH + dt.timedelta(days=int(value))).isoformat()
            elif feature.kind == "boolean":
                values[feature.name] = bool(value)
            else:
                values[feature.name] = int(value) if float(value).is_integer() else float(value)
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
    if isinstance(value, str) and re.fullmatch(_DATE, value):
        try:
            return dt.date.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{shown(value)} is not a date like 2015-05-27")


def shown(value: object) -> str:
    """Return a value as an error message shows it, cut where it is long."""
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
    if isinstance(value, int) and not isinstance(value, bool):
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


def check_table(market: Market, table: pa.Table) -> tuple[Facts, list[Problem]]:
    """Check the columns of a file, found by a feature's name, its column or an alias.

    Parameters
    ----------
    table
        n rows, of text (CSV) or typed (Parquet). Columns that belong to no feature are left alone; an empty
        cell is an unknown fact.

    Returns
    -------
    facts
        The n homes. A value that has a problem is unknown here.
    problems
        Every value that cannot be used, and every required one that is missing, by row.

    Raises
    ------
    ValueError
        Two columns stand for one feature.
    """
    found = find_columns(market, table.column_names)
    columns: dict[str, NDArray[Any]] = {}
    problems: list[Problem] = []
    for feature in market.features:
        name = found.get(feature.name)
        if name is None:
            columns[feature.name] = _all_unknown(feature, table.num_rows)
        else:
            columns[feature.name], broken = check_column(feature, table.column(name))
            problems += broken
        if feature.required:
            faulty = {problem.row for problem in problems if problem.field == feature.name}
            missing = np.flatnonzero(~Facts(columns).known(feature.name))
            problems += [
                Problem(row, feature.name, "is required") for row in missing.tolist() if row not in faulty
            ]
    return Facts(columns), sorted(problems, key=lambda problem: problem.row)


def find_columns(market: Market, names: Sequence[str]) -> dict[str, str]:
    """Find which of the given names stand for which features.

    Returns
    -------
    dict
        Feature name → the one given name that stands for it.

    Raises
    ------
    ValueError
        Two of the names stand for one feature.
    """
    found: dict[str, str] = {}
    for name in names:
        feature = market.by_name.get(name)
        if feature is None:
            continue
        if feature.name in found:
            raise ValueError(f"'{found[feature.name]}' and '{name}' both stand for {feature.name}")
        found[feature.name] = name
    return found


def check_column(feature: Feature, column: pa.ChunkedArray) -> tuple[NDArray[Any], list[Problem]]:
    """Check one column of a file, all rows at once.

    Returns
    -------
    values
        Shape (n,), as `Facts` holds them; unknown where the cell is empty or has a problem.
    problems
        The cells that cannot be used.
    """
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if feature.is_label:
        return _label_column(feature, column)
    if feature.kind == "date":
        dates, problems = date_column(feature.name, column)
        days = dates.astype("datetime64[D]").astype(np.float64)
        return np.where(np.isnat(dates), np.nan, days), problems
    if feature.kind == "boolean":
        return _boolean_column(feature, column)
    values, problems = number_column(feature.name, column)
    if feature.kind == "integer":
        _reject(
            values,
            values % 1 != 0,
            feature.name,
            problems,
            lambda value: f"{value:.15g} is not a whole number",
        )
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    _reject(values, (values < low) | (values > high), feature.name, problems, feature.out_of_bounds)
    return values, problems


def number_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Read a column of finite numbers: shape (n,), NaN where empty or wrong."""
    if not _is_text(column):
        try:
            values = _to_floats(column.cast(pa.float64()))
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _all_wrong(name, column, "not a number")
        problems: list[Problem] = []
        _reject(values, np.isinf(values), name, problems, lambda _: "the number is not finite, or too large")
        return values, problems
    text = _trimmed(column)
    well_formed = pc.match_substring_regex(text, _NUMBER)
    values = _to_floats(pc.if_else(well_formed, text, pa.scalar(None, pa.string())).cast(pa.float64()))
    problems = _malformed(name, text, pc.invert(well_formed), "not a number")
    _reject(values, np.isinf(values), name, problems, lambda _: "the number is not finite, or too large")
    return values, problems


def date_column(name: str, column: pa.ChunkedArray) -> tuple[DateArray, list[Problem]]:
    """Read a column of calendar dates: datetime64[D], shape (n,), NaT where empty or wrong."""
    if pa.types.is_temporal(column.type):
        return column.cast(pa.date32()).to_numpy().astype("datetime64[D]"), []
    if not _is_text(column):
        _, problems = _all_wrong(name, column, "not a date like 2015-05-27")
        return np.full(len(column), "NaT", "datetime64[D]"), problems
    text = _trimmed(column)
    shaped = pc.if_else(pc.match_substring_regex(text, _DATE), text, pa.scalar(None, pa.string()))
    parsed = pd.to_datetime(pd.Series(shaped.to_numpy()), format="%Y-%m-%d", errors="coerce")
    dates = parsed.to_numpy().astype("datetime64[D]")
    return dates, _malformed(name, text, pa.array(np.isnat(dates)), "not a date like 2015-05-27")


def valuation_dates(market: Market, table: pa.Table) -> tuple[DateArray, list[Problem]]:
    """Read the day each subject of a file is valued at: NaT, shape (n,), where the file does not say."""
    names = [name for name in (market.sale_date, VALUATION_DATE) if name and name in table.column_names]
    if not names:
        return np.full(table.num_rows, "NaT", "datetime64[D]"), []
    return date_column(names[0], table.column(names[0]))


def _boolean_column(feature: Feature, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    if not _is_text(column):
        values, problems = number_column(feature.name, column)
        wrong = ~np.isnan(values) & (values != 0) & (values != 1)
        _reject(values, wrong, feature.name, problems, lambda value: f"{value:.15g} is neither true nor false")
        return values, problems
    text = _trimmed(column)
    place = pc.index_in(pc.utf8_lower(text), value_set=pa.array(list(_TRUTH)))
    meaning = np.append(np.array(list(_TRUTH.values())), np.nan)
    values = meaning[pc.fill_null(place, len(_TRUTH)).to_numpy()]
    return values, _malformed(feature.name, text, pc.is_null(place), "neither true nor false")


def _label_column(feature: Feature, column: pa.ChunkedArray) -> tuple[LabelArray, list[Problem]]:
    if pa.types.is_floating(column.type):
        # A column of whole numbers becomes one of floats as soon as one of them is missing.
        try:
            column = column.cast(pa.int64())
        except pa.ArrowInvalid:
            _, problems = _all_wrong(feature.name, column, "not text")
            return np.full(len(column), "", np.str_), problems
    if not (_is_text(column) or pa.types.is_integer(column.type)):
        _, problems = _all_wrong(feature.name, column, "not text")
        return np.full(len(column), "", np.str_), problems
    text = pc.fill_null(_trimmed(column), "")
    unusable = pc.or_(
        pc.greater(pc.utf8_length(text), MAX_LABEL_LENGTH),
        pc.and_(pc.not_equal(text, ""), pc.invert(pc.utf8_is_printable(text))),
    )
    labels = pc.if_else(unusable, "", text).to_numpy().astype(np.str_)
    return labels, _malformed(
        feature.name, text, unusable, f"longer than {MAX_LABEL_LENGTH} characters or not printable"
    )


def _all_unknown(feature: Feature, n: int) -> NDArray[Any]:
    return np.full(n, "", np.str_) if feature.is_label else np.full(n, np.nan)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return text without the blanks around it; what is then empty is null."""
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _to_floats(column: pa.ChunkedArray) -> FloatArray:
    # A copy: arrow's own memory is read-only, and rejected values are blanked in place.
    return np.array(pc.fill_null(column, math.nan).to_numpy(), np.float64)


def _malformed(name: str, text: pa.ChunkedArray, wrong: pa.Array, complaint: str) -> list[Problem]:
    """Return a problem for every cell that is wrong and not empty."""
    rows = np.flatnonzero(pc.fill_null(pc.and_(wrong, pc.is_valid(text)), False).to_numpy(zero_copy_only=False))
    values = text.take(pa.array(rows)).to_pylist()
    return [
        Problem(int(row), name, f"{shown(value)} is {complaint}") for row, value in zip(rows, values, strict=True)
    ]


def _all_wrong(name: str, column: pa.ChunkedArray, complaint: str) -> tuple[FloatArray, list[Problem]]:
    """Return a problem for every cell of a column whose type cannot hold the fact."""
    problems = [
        Problem(row, name, f"{shown(value)} is {complaint}")
        for row, value in enumerate(column.to_pylist())
        if value is not None
    ]
    return np.full(len(column), np.nan), problems


def _reject(
    values: FloatArray,
    wrong: BoolArray,
    name: str,
    problems: list[Problem],
    complaint: Callable[[float], str | None],
) -> None:
    """Blank the values that are wrong and say what is wrong with each; NaN is unknown, not wrong."""
    for row in _rows(wrong & ~np.isnan(values)):
        problems.append(Problem(row, name, complaint(float(values[row])) or "cannot be used"))
        values[row] = np.nan


def _rows(mask: BoolArray) -> Iterator[int]:
    return (int(row) for row in np.flatnonzero(mask))
