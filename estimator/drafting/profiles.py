"""What one column of a sales file contains: numbers, whole numbers, dates, labels, and in which forms.

This module looks at values alone; what a name means is in `known_facts`.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from estimator.drafting.known_facts import words_of
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.columns import boolean_column, number_column, text_column
from estimator.market.text.dates import ISO, DateForm, detect_date_form, parse_dates
from estimator.market.text.missing import drop_missing, strip
from estimator.market.text.numbers import DecimalMark, detect_decimal_mark, plain_numbers
from estimator.market.text.units import SPELLINGS

MIN_SHARE = 0.9
"""Share of a column's known cells that must be numbers (or dates) for it to be a column of numbers (or dates): the
same tenth may be unreadable as in a training."""
MIN_ROWS = 30
"""In fewer rows, whole numbers may count up by chance."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The content of one column.

    Parameters
    ----------
    name
        The column's name.
    text
        The n cells as text without blanks around them; null where the cell is empty or a word for missing.
    numbers
        Shape (n,); NaN where the cell is no number.
    days
        Shape (n,); NaT where the cell is no date. None if the column is not one of dates.
    date_form
        The form of the dates; its `format` is None if the month is in doubt.
    known
        How many cells are not missing.
    distinct
        How many different texts there are.
    unit
        The unit that the header or the cells name; '' if none.
    """

    name: str
    text: pa.ChunkedArray
    numbers: FloatArray
    days: DateArray | None
    date_form: DateForm | None
    known: int
    distinct: int
    unit: str

    @property
    def rows(self) -> int:
        """How many cells there are."""
        return len(self.numbers)

    @property
    def known_share(self) -> float:
        """Share of the cells that are not missing."""
        return self.known / max(self.rows, 1)

    @property
    def known_numbers(self) -> FloatArray:
        """The numbers, without NaN."""
        return self.numbers[~np.isnan(self.numbers)]

    @property
    def number_share(self) -> float:
        """Share of the known cells that are numbers."""
        return len(self.known_numbers) / max(self.known, 1)

    @property
    def is_number(self) -> bool:
        """Whether it is a column of numbers."""
        return self.known > 0 and self.number_share >= MIN_SHARE

    @property
    def is_whole(self) -> bool:
        """Whether all numbers are whole."""
        return bool((self.known_numbers % 1 == 0).all())

    @property
    def is_date(self) -> bool:
        """Whether it is a column of dates, even if their month is in doubt."""
        return self.date_form is not None

    @property
    def is_boolean(self) -> bool:
        """Whether it has two values, which are words for yes and no, or 1 and 0."""
        if self.distinct != 2:
            return False
        values, problems = boolean_column(self.name, pa.chunked_array([pc.unique(self.text.drop_null())]))
        return not problems and len(set(values)) == 2

    @property
    def numbers_rows(self) -> bool:
        """Whether its numbers count the rows, from 0 or 1."""
        return self.rows >= MIN_ROWS and bool(
            self.numbers[0] in {0, 1} and (np.diff(self.numbers) == 1).all() and not self.unit
        )

    @property
    def has_leading_zeros(self) -> bool:
        """Whether more than a few of its numbers are written with zeros in front, as codes are."""
        zeros = pc.sum(pc.match_substring_regex(self.text, r"^0[0-9]+$")).as_py() or 0
        return bool(zeros > 0.01 * self.known)

    @property
    def is_rounded(self) -> bool:
        """Whether most numbers are written as spreadsheets shorten long ones: `1.40000E+13`."""
        short = pc.sum(pc.match_substring_regex(self.text, r"^[0-9][.,][0-9]+[eE]\+[0-9]{2}$")).as_py() or 0
        return bool(short > 0.5 * self.known)

    def rare_share(self, rows: int) -> float:
        """Return the share of the known cells whose text is in fewer rows."""
        counts = pc.struct_field(pc.value_counts(self.text.drop_null()), "counts").to_numpy()
        return float(counts[counts < rows].sum() / max(self.known, 1))

    def labels(self, rows: int) -> list[str]:
        """Return the texts that are in at least so many rows, the most frequent first."""
        counts = pd.Series(self.text.to_pylist()).value_counts()
        return [str(label) for label in counts[counts >= rows].index]

    def most_frequent(self, count: int = 3) -> list[str]:
        """Return the most frequent texts."""
        return [str(label) for label in pd.Series(self.text.to_pylist()).value_counts().index[:count]]


def profile_table(
    table: pa.Table, decimal_mark: DecimalMark | None, missing: Collection[str] = ()
) -> list[Profile]:
    """Return what each column contains.

    Parameters
    ----------
    decimal_mark
        What separates decimals in text; None for a file with types, in which a text is neither an amount like
        `1,180` nor a date like `27.05.2015`.
    missing
        Words for a missing value besides the usual ones.
    """
    return [_profile(name, table.column(name), decimal_mark, missing) for name in table.column_names]


def detect_table_decimal_mark(table: pa.Table) -> DecimalMark | None:
    """Return the decimal mark that most text columns prove; None if none proves one."""
    marks = [detect_decimal_mark(strip(column).drop_null()) for column in table.columns if _is_text(column)]
    if not any(marks):
        return None
    return "," if marks.count(",") > marks.count(".") else "."


def has_points_for_thousands(price: Profile) -> bool:
    """Whether all amounts are written like `450.000`: no price has three decimals."""
    grouped = pc.sum(pc.match_substring_regex(price.text, r"^[^0-9]*[1-9][0-9]{0,2}\.[0-9]{3}[^0-9]*$")).as_py()
    return price.known >= MIN_ROWS and grouped == price.known


def _profile(
    name: str, column: pa.ChunkedArray, decimal_mark: DecimalMark | None, missing: Collection[str]
) -> Profile:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    is_text = _is_text(column)
    text = drop_missing(strip(column if is_text else text_column(name, column)[0]), missing)
    known = text.drop_null()
    unit = header_unit(name) or _cell_unit(known)
    plain = plain_numbers(text, decimal_mark, unit) if is_text and decimal_mark is not None else column
    values = number_column(name, plain)[0]
    form, days = _dates(column, text, has_forms=decimal_mark is not None)
    return Profile(name, text, values, days, form, len(known), pc.count_distinct(text).as_py(), unit)


def _dates(
    column: pa.ChunkedArray, text: pa.ChunkedArray, *, has_forms: bool
) -> tuple[DateForm | None, DateArray | None]:
    """Return the form and the days of a column of dates; (None, None) if it is none."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        return ISO, column.cast(pa.date32()).to_numpy().astype("datetime64[D]")
    known = text.drop_null()
    if not len(known) or not _is_text(column):
        return None, None
    form = detect_date_form(known) if has_forms else ISO
    days = parse_dates(text, form)
    if form.format is None:
        # ISO dates are read beside them.
        in_doubt = pc.sum(pc.match_substring_regex(known, str(form.pattern))).as_py()
        is_date = in_doubt + (~np.isnat(days)).sum() >= MIN_SHARE * len(known)
        return (form, None) if is_date else (None, None)
    # Eight digits can be an amount or a parcel's number; few of those are days of the calendar.
    is_date = (~np.isnat(days)).sum() >= MIN_SHARE * len(known)
    return (form, days) if is_date else (None, None)


def _is_text(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


_HEADER_UNITS: Sequence[tuple[str, str]] = (
    ("ft²", r"\bsq ?(uare)? ?(ft|feet|foot)\b|\bft ?2\b|\bsf$|\bsqft\b|\bsquarefeet\b"),
    ("m²", r"\bsq ?(uare)? ?(m|met\w+)\b|\bm ?2\b|\bsqm\b|\bqm\b|平方公尺"),
    ("acres", r"\bacres?\b|\bacreage\b"),
    ("ha", r"\bhectares?\b|\bha$"),
    ("km", r"\bkm\b|\bkilomet\w+"),
    ("mi", r"\bmiles?$"),
    ("ft", r"\b(ft|feet)$"),
    ("m", r"\b(met(er|re)s)$"),
)
"""Unit → how headers write it, in lower case."""


def header_unit(name: str) -> str:
    """Return the unit that a column's name tells, or ''."""
    words = words_of(name)
    return next((unit for unit, pattern in _HEADER_UNITS if re.search(pattern, words)), "")


def _cell_unit(known: pa.ChunkedArray) -> str:
    """Return the unit that most of the cells end with, or ''."""
    sample = known.slice(0, 1000)
    ends = pc.struct_field(pc.extract_regex(sample, r"^[0-9.,]+\s*(?P<unit>[^0-9\s].*)$"), "unit").drop_null()
    if len(ends) < MIN_SHARE * len(sample) or not len(ends):
        return ""
    most = pd.Series(ends.to_pylist()).str.casefold().str.rstrip(".").mode()[0]
    return next((row[0] for row in SPELLINGS if most in row), "")
