"""Parse one column of a file, as Arrow gives it, into an array that `Facts` stores.

A million rows take array operations alone; only cells with a problem are looked at one by one. Numbers, dates and
labels are checked as in `values`. This module knows neither features nor their bounds.
"""

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from estimator.market.arrays import BoolArray, DateArray, FloatArray, LabelArray
from estimator.market.cells import python_values
from estimator.market.text.dates import date_fault, days_of_distinct
from estimator.market.text.missing import strip
from estimator.market.text.numbers import NUMBER_PATTERN, number_fault
from estimator.market.values import DATE_PATTERN, MAX_LABEL_LENGTH, ZIP4_PATTERN, format_value

_FIRST_DAY, _LAST_DAY = np.datetime64(dt.date.min), np.datetime64(dt.date.max)
_BOOLEAN_WORDS = dict.fromkeys(("true", "yes", "y", "t", "1", "1.0"), 1.0) | dict.fromkeys(
    ("false", "no", "n", "f", "0", "0.0"), 0.0
)
_MAX_EXACT_INTEGER = 2.0**53
"""Not every whole number above this is a float: a label read from one could become another label."""
_TEXT_ROWS = 16_384
"""Cells of text converted to Python objects at a time: a million of them would take 60 MB."""

_OTHER_ROW = re.compile(r"\bin row [0-9]+$")

FaultKind = Literal["unreadable", "missing", "out_of_bounds", "not_positive", "malformed_row"]
"""What kind of fault a problem is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One value that cannot be used.

    Parameters
    ----------
    row
        Its row, from 0.
    field
        The field that it is a value of; empty if it is the row as a whole.
    message
        What is wrong with the value; it begins with the value, if that is given.
    value
        The value as messages show it; empty if there is none.
    kind
        What kind of fault it is.
    """

    row: int
    field: str
    message: str
    value: str = ""
    kind: FaultKind = "unreadable"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message

    @property
    def fault(self) -> str:
        """What is wrong, without the value or another row: the same for all problems that are alike."""
        fault = self.message.removeprefix(f"{self.value} is ") if self.value else self.message
        return _OTHER_ROW.sub("in another row", fault)


def number_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Parse a column of finite numbers.

    Parameters
    ----------
    name
        The field that problems name.
    column
        n cells, of text or of a numeric type.

    Returns
    -------
    values
        Shape (n,); NaN where the cell is empty or has a problem.
    problems
        The cells that cannot be used.
    """
    column = _decode_dictionary(column)
    if not is_text(column):
        if not _is_number(column):
            return _all_wrong(name, column, "not a number")
        # Unsafe: a whole number too long for a float is rounded, as in text, instead of failing the whole column.
        values = _to_floats(column.cast(pa.float64(), safe=False))
        return values, _reject_infinite(name, values)
    text = strip(column)
    well_formed = pc.match_substring_regex(text, NUMBER_PATTERN)
    values = _to_floats(pc.if_else(well_formed, text, pa.scalar(None, pa.string())).cast(pa.float64()))
    problems = _text_problems(name, text, pc.invert(well_formed), number_fault)
    return values, problems + _reject_infinite(name, values)


def integer_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Parse a column of whole numbers; see `number_column`."""
    values, problems = number_column(name, column)
    fractional = values % 1 != 0
    return values, problems + reject(name, values, fractional, lambda value: f"{value:.15g} is not a whole number")


def boolean_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Parse a column of booleans, of the numbers 0 and 1, or of words such as `yes`: 0.0, 1.0, or NaN."""
    column = _decode_dictionary(column)
    if pa.types.is_boolean(column.type):
        return _to_floats(column.cast(pa.float64())), []
    if not is_text(column):
        values, problems = number_column(name, column)
        wrong = (values != 0) & (values != 1)
        return values, problems + reject(
            name, values, wrong, lambda value: f"{value:.15g} is neither true nor false"
        )
    text = strip(column)
    word = pc.index_in(pc.utf8_lower(text), value_set=pa.array(list(_BOOLEAN_WORDS)))
    value_of_word = np.append(np.array(list(_BOOLEAN_WORDS.values())), np.nan)
    values = value_of_word[pc.fill_null(word, len(_BOOLEAN_WORDS)).to_numpy()]
    return values, _text_problems(name, text, pc.is_null(word), "neither true nor false")


def date_column(name: str, column: pa.ChunkedArray) -> tuple[DateArray, list[Problem]]:
    """Parse a column of dates: datetime64[D], shape (n,), NaT where the cell is empty or has a problem."""
    column = _decode_dictionary(column)
    fault = "not a date like 2015-05-27"
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        dates = column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
        outside = (dates < _FIRST_DAY) | (dates > _LAST_DAY)
        problems = [Problem(row, name, f"{dates[row]} is {fault}", str(dates[row])) for row in _true_rows(outside)]
        dates[outside] = np.datetime64("NaT")
        return dates, problems
    if not is_text(column):
        _, problems = _all_wrong(name, column, fault)
        return np.full(len(column), "NaT", "datetime64[D]"), problems
    text = strip(column)
    well_formed = pc.if_else(pc.match_substring_regex(text, DATE_PATTERN), text, pa.scalar(None, pa.string()))
    dates = days_of_distinct(well_formed, dt.date.fromisoformat)
    return dates, _date_problems(name, text, np.isnat(dates))


def day_column(name: str, column: pa.ChunkedArray) -> tuple[FloatArray, list[Problem]]:
    """Parse a column of dates into days since 1970-01-01; see `date_column`."""
    dates, problems = date_column(name, column)
    days = dates.astype("datetime64[D]").astype(np.float64)
    return np.where(np.isnat(dates), np.nan, days), problems


def text_column(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[Problem]]:
    """Return the n cells of a column of any type as text, null where one is empty or has a problem.

    Whole numbers that came as floats or decimals have no decimals, as in a file in which none is missing. Parquet
    also has columns of lists, of objects and of bytes, which no text stands for.
    """
    try:
        return _without_decimals(column).cast(pa.string()), []
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return pa.chunked_array([pa.nulls(len(column), pa.string())]), _all_wrong(name, column, "not text")[1]


def _without_decimals(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return whole numbers as integers if a column of floats or decimals has no others."""
    if not pa.types.is_floating(column.type) and not pa.types.is_decimal(column.type):
        return column
    try:
        return column.cast(pa.float64()).cast(pa.int64())
    except pa.ArrowInvalid:  # decimals, no number, or too large
        return column


def text_array(column: pa.ChunkedArray) -> LabelArray:
    """Return n cells of text as an array, '' where null. Python's objects exist for some of them at a time."""
    width = pc.max(pc.utf8_length(column)).as_py() or 1
    texts = np.zeros(len(column), f"U{width}")
    for start in range(0, len(column), _TEXT_ROWS):
        cells = pc.fill_null(column.slice(start, _TEXT_ROWS), "")
        texts[start : start + _TEXT_ROWS] = cells.to_numpy()
    return texts


def label_column(name: str, column: pa.ChunkedArray) -> tuple[LabelArray, list[Problem]]:
    """Parse a column of labels: text, shape (n,), '' where the cell is empty or has a problem."""
    return _labels(name, column, is_postal_code=False)


def postal_code_column(name: str, column: pa.ChunkedArray) -> tuple[LabelArray, list[Problem]]:
    """Parse a column of postal codes, as `label_column`; the texts `98001.0` and `98001-1234` are `98001`.

    Programs write a column of whole numbers with decimals as soon as one number is missing.
    """
    return _labels(name, column, is_postal_code=True)


def _labels(name: str, column: pa.ChunkedArray, *, is_postal_code: bool) -> tuple[LabelArray, list[Problem]]:
    column = _decode_dictionary(column)
    problems: list[Problem] = []
    if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
        column, problems = _floats_to_integers(name, column)
    if not (is_text(column) or pa.types.is_integer(column.type)):
        _, problems = _all_wrong(name, column, "not text")
        return np.full(len(column), "", np.str_), problems
    # A column has few labels: each is looked at once, and becomes an object of Python once, not once per row.
    coded = pc.fill_null(column.cast(pa.string()), "").combine_chunks().dictionary_encode()
    text = pc.fill_null(strip(pa.chunked_array([coded.dictionary])), "").combine_chunks()
    if is_postal_code:
        text = pc.replace_substring_regex(text, r"^([0-9]+)\.0$", r"\1")
        text = pc.replace_substring_regex(text, ZIP4_PATTERN, r"\1")
    too_long = pc.greater(pc.utf8_length(text), MAX_LABEL_LENGTH)
    unprintable = pc.and_(pc.not_equal(text, ""), pc.invert(pc.utf8_is_printable(text)))
    usable = pc.if_else(pc.or_(too_long, unprintable), "", text)
    labels: LabelArray = np.array(usable.to_pylist() or [""], np.str_)[coded.indices.to_numpy()]
    for wrong, fault in (
        (too_long, f"longer than {MAX_LABEL_LENGTH} characters"),
        (pc.and_not(unprintable, too_long), "text with characters that cannot be printed"),
    ):
        if pc.any(wrong).as_py():
            cells = pa.chunked_array([text.take(coded.indices)])
            problems += _text_problems(name, cells, pa.chunked_array([wrong.take(coded.indices)]), fault)
    return labels, problems


def _floats_to_integers(name: str, column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, list[Problem]]:
    """Convert labels that came as floats, as whole numbers do as soon as one in their column is missing.

    Databases also give whole numbers as decimals.
    """
    values = _to_floats(column.cast(pa.float64()))
    is_whole = (np.trunc(values) == values) & (np.abs(values) <= _MAX_EXACT_INTEGER)
    problems = reject(name, values, ~is_whole, lambda value: f"{value:.15g} is not text")
    return pa.chunked_array([pa.array(values, from_pandas=True).cast(pa.int64())]), problems


def reject(
    name: str,
    values: FloatArray,
    wrong: BoolArray,
    message: Callable[[float], str],
    kind: FaultKind = "unreadable",
) -> list[Problem]:
    """Set the values that are wrong to NaN, in place, and return a problem for each.

    Parameters
    ----------
    name
        The field that problems name.
    values, wrong
        Shape (n,). NaN is an unknown value and never wrong.
    message
        What is wrong with a value.
    kind
        What kind of fault that is.
    """
    problems = [
        Problem(row, name, message(float(values[row])), f"{values[row]:.15g}", kind)
        for row in _true_rows(wrong & ~np.isnan(values))
    ]
    values[[problem.row for problem in problems]] = np.nan
    return problems


def _reject_infinite(name: str, values: FloatArray) -> list[Problem]:
    return reject(name, values, np.isinf(values), lambda _: "the number is not finite, or too large")


def _decode_dictionary(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a dictionary-encoded column as a plain one."""
    return column.cast(column.type.value_type) if pa.types.is_dictionary(column.type) else column


def is_text(column: pa.ChunkedArray) -> bool:
    """Return whether the cells of a column are text."""
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    checks = pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view
    return any(check(kind) for check in checks)


def _is_number(column: pa.ChunkedArray) -> bool:
    checks = pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null
    return any(check(column.type) for check in checks)


def _to_floats(column: pa.ChunkedArray) -> FloatArray:
    # A copy: Arrow's own memory is read-only, and `reject` writes into the values.
    return np.array(pc.fill_null(column, math.nan).to_numpy(), np.float64)


def _text_problems(
    name: str, text: pa.ChunkedArray, wrong: pa.Array, fault: str | Callable[[str], str]
) -> list[Problem]:
    """Return a problem for every cell that is wrong and not empty.

    Parameters
    ----------
    fault
        What is wrong with all of them, or a function of the cell that tells it.
    """
    rows = np.flatnonzero(pc.fill_null(pc.and_(wrong, pc.is_valid(text)), False).to_numpy(zero_copy_only=False))
    values = text.take(pa.array(rows)).to_pylist()
    return [
        Problem(
            int(row),
            name,
            f"{format_value(value)} is {fault if isinstance(fault, str) else fault(value)}",
            format_value(value),
        )
        for row, value in zip(rows, values, strict=True)
    ]


def _date_problems(name: str, text: pa.ChunkedArray, wrong: BoolArray) -> list[Problem]:
    """Return a problem for every cell that is wrong and not empty, with what it seems to be."""
    rows = [row for row in _true_rows(wrong) if text[row].is_valid]
    problems = []
    for row in rows:
        shown, fault = date_fault(text[row].as_py())
        problems.append(Problem(row, name, f"{shown} is {fault}", shown))
    return problems


def _all_wrong(name: str, column: pa.ChunkedArray, fault: str) -> tuple[FloatArray, list[Problem]]:
    """Return NaN for all cells, and a problem for each that is not empty: the column's type cannot be used."""
    problems = [
        Problem(row, name, f"{format_value(value)} is {fault}", format_value(value))
        for row, value in enumerate(python_values(column))
        if value is not None
    ]
    return np.full(len(column), np.nan), problems


def _true_rows(mask: BoolArray) -> Iterator[int]:
    return (int(row) for row in np.flatnonzero(mask))
