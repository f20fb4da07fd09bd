"""The checks that a file's values pass, a column at a time: the same that `facts` makes of single values.

A million rows take array operations alone; only what is wrong is looked at one by one. Knows no files.
"""

import datetime as dt
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from estimator.market.facts import (
    DATE_PATTERN,
    MAX_LABEL_LENGTH,
    BoolArray,
    DateArray,
    Facts,
    FloatArray,
    LabelArray,
    check_value,
    shown,
)
from estimator.market.market import Feature, Market

_FIRST_DAY, _LAST_DAY = np.datetime64(dt.date.min), np.datetime64(dt.date.max)
_NUMBER = r"^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$"
_TRUTH = dict.fromkeys(("true", "yes", "y", "1", "1.0"), 1.0) | dict.fromkeys(
    ("false", "no", "n", "0", "0.0"), 0.0
)
_LARGEST_EXACT = 2.0**53
"""Whole numbers beyond it are not all floats: a label read from one could be another label."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that cannot be used: the row (from 0), the field, and what is wrong with its value."""

    row: int
    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def check_table(features: Sequence[Feature], table: pa.Table) -> tuple[Facts, list[Problem]]:
    """Check the columns of a file, found by a feature's name, its column or an alias.

    Parameters
    ----------
    features
        The facts to find.
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
    found = find_columns(features, table.column_names)
    columns: dict[str, NDArray[Any]] = {}
    problems: list[Problem] = []
    for feature in features:
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


def find_columns(features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
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
    by_name = {name: feature for feature in features for name in feature.names}
    found: dict[str, str] = {}
    for name in names:
        feature = by_name.get(name)
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


def check_values(feature: Feature, values: Sequence[object]) -> tuple[NDArray[Any], list[Problem]]:
    """Check one column of JSON's typed values.

    What array operations cannot tell to be good is asked of `check_value` one by one, so that both judge alike.

    Parameters
    ----------
    values
        n values as JSON gives them; None is an unknown fact.

    Returns
    -------
    values
        Shape (n,), as `Facts` holds them; unknown where the value is None or has a problem.
    problems
        The values that cannot be used.
    """
    kinds = set(map(type, values))
    if kinds <= {type(None)}:
        return _all_unknown(feature, len(values)), []
    if feature.is_label or feature.kind == "date":
        return _judged_once(feature, values)
    plain = {int, float, type(None)} | ({bool} if feature.kind == "boolean" else set())
    known = values if kinds <= plain else [value if type(value) in plain else None for value in values]
    try:
        numbers = np.array(known, np.float64)
    except OverflowError:  # an integer beyond all floats
        numbers = np.full(len(values), np.nan)
    doubtful = _doubtful(feature, numbers)
    if type(None) in kinds:
        doubtful &= np.array([value is not None for value in values])
    problems: list[Problem] = []
    for row in _rows(doubtful):
        numbers[row], message = _judged(feature, values[row], np.nan)
        if message is not None:
            problems.append(Problem(row, feature.name, message))
    return numbers, problems


def _doubtful(feature: Feature, numbers: FloatArray) -> BoolArray:
    """Return where a number is not surely one that the fact may be, shape (n,)."""
    low = -np.inf if feature.minimum is None else feature.minimum
    high = np.inf if feature.maximum is None else feature.maximum
    doubtful: BoolArray = ~np.isfinite(numbers) | (numbers < low) | (numbers > high)
    if feature.kind == "boolean":
        doubtful |= (numbers != 0) & (numbers != 1)
    if feature.kind == "integer":
        doubtful |= numbers != np.trunc(numbers)
    return doubtful


def check_date_values(name: str, values: Sequence[object]) -> tuple[DateArray, list[Problem]]:
    """Check one column of JSON's dates: datetime64[D], shape (n,), NaT where None or wrong."""
    days, problems = _judged_once(Feature(name, "date", name), values)
    return _as_dates(days), problems


def _judged_once(feature: Feature, values: Sequence[object]) -> tuple[NDArray[Any], list[Problem]]:
    """Ask `check_value` about each different text once: a column has few labels and days."""
    unknown: float | str = "" if feature.is_label else np.nan
    verdicts = {
        text: _judged(feature, text, unknown) for text in {value for value in values if type(value) is str}
    }
    judged = [verdicts[value] if type(value) is str else _judged(feature, value, unknown) for value in values]
    problems = [
        Problem(row, feature.name, message) for row, (_, message) in enumerate(judged) if message is not None
    ]
    kind = np.str_ if feature.is_label else np.float64
    return np.array([value for value, _ in judged], kind), problems


def _judged(feature: Feature, value: object, unknown: float | str) -> tuple[Any, str | None]:
    """Return a value as `Facts` holds it, and what is wrong with it."""
    if value is None:
        return unknown, None
    try:
        return check_value(feature, value), None
    except ValueError as error:
        return unknown, str(error)


def _as_dates(days: FloatArray) -> DateArray:
    unknown = np.isnan(days)
    dates: DateArray = np.where(unknown, 0, days).astype(np.int64).astype("datetime64[D]")
    dates[unknown] = np.datetime64("NaT")
    return dates


def number_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Read a column of finite numbers: shape (n,), NaN where empty or wrong."""
    column = _decoded(column)
    if not _is_text(column):
        if not _is_number(column):
            return _all_wrong(name, column, "not a number")
        # Unsafe: a whole number too long for a float is rounded, as in text, and not a fault of its column.
        values = _to_floats(column.cast(pa.float64(), safe=False))
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
    column = _decoded(column)
    complaint = "not a date like 2015-05-27"
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        dates = column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
        outside = (dates < _FIRST_DAY) | (dates > _LAST_DAY)
        problems = [Problem(row, name, f"{dates[row]} is {complaint}") for row in _rows(outside)]
        dates[outside] = np.datetime64("NaT")
        return dates, problems
    if not _is_text(column):
        _, problems = _all_wrong(name, column, complaint)
        return np.full(len(column), "NaT", "datetime64[D]"), problems
    text = _trimmed(column)
    shaped = pc.if_else(pc.match_substring_regex(text, DATE_PATTERN), text, pa.scalar(None, pa.string()))
    parsed = pd.to_datetime(pd.Series(shaped.to_numpy()), format="%Y-%m-%d", errors="coerce")
    dates = parsed.to_numpy().astype("datetime64[D]")
    dates[dates < _FIRST_DAY] = np.datetime64("NaT")  # numpy has a year 0, the calendar has not
    return dates, _malformed(name, text, pa.array(np.isnat(dates)), complaint)


def valuation_dates(market: Market, table: pa.Table) -> tuple[DateArray, list[Problem]]:
    """Read the day each subject of a file is valued at: NaT, shape (n,), where the file does not say."""
    if market.sale_date is None or market.sale_date not in table.column_names:
        return np.full(table.num_rows, "NaT", "datetime64[D]"), []
    return date_column(market.sale_date, table.column(market.sale_date))


def _boolean_column(feature: Feature, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    column = _decoded(column)
    if pa.types.is_boolean(column.type):
        return _to_floats(column.cast(pa.float64())), []
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
    column = _decoded(column)
    problems: list[Problem] = []
    if pa.types.is_floating(column.type):
        column, problems = _whole_numbers(feature.name, column)
    if not (_is_text(column) or pa.types.is_integer(column.type)):
        _, problems = _all_wrong(feature.name, column, "not text")
        return np.full(len(column), "", np.str_), problems
    text = pc.fill_null(_trimmed(column), "")
    if feature.kind == "postal_code":
        # A column of whole numbers with one missing is often written with decimals.
        text = pc.replace_substring_regex(text, r"^([0-9]+)\.0$", r"\1")
    long = pc.greater(pc.utf8_length(text), MAX_LABEL_LENGTH)
    unprintable = pc.and_(pc.not_equal(text, ""), pc.invert(pc.utf8_is_printable(text)))
    problems += _malformed(feature.name, text, long, f"longer than {MAX_LABEL_LENGTH} characters")
    problems += _malformed(
        feature.name, text, pc.and_not(unprintable, long), "text with characters that cannot be printed"
    )
    return pc.if_else(pc.or_(long, unprintable), "", text).to_numpy().astype(np.str_), problems


def _whole_numbers(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[Problem]]:
    """Return labels that came as floats: whole numbers become so as soon as one of their column is missing."""
    values = _to_floats(column.cast(pa.float64()))
    whole = (np.trunc(values) == values) & (np.abs(values) <= _LARGEST_EXACT)
    problems: list[Problem] = []
    _reject(values, ~whole, name, problems, lambda value: f"{value:.15g} is not text")
    return pa.chunked_array([pa.array(values, from_pandas=True).cast(pa.int64())]), problems


def _all_unknown(feature: Feature, n: int) -> NDArray[Any]:
    return np.full(n, "", np.str_) if feature.is_label else np.full(n, np.nan)


def _decoded(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values of a column that stores each of them once and refers to it."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _is_text(column: pa.ChunkedArray) -> bool:
    kinds = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(is_kind(column.type) for is_kind in kinds)


def _is_number(column: pa.ChunkedArray) -> bool:
    kinds = pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null
    return any(is_kind(column.type) for is_kind in kinds)


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
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.string())  # not all of arrow's times are Python's
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
