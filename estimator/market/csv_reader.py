"""Read separated text (CSV, TSV and the like) of any size, piece by piece; all cells are text, unchanged.

A row with a cell too few or too many is not lost and spoils no other: it is filled up or cut, and reported. A
quote that never closes would swallow the rest of the file; that, and bytes that are not UTF-8, are errors with
their line.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from estimator.errors import DataError
from estimator.market.csv_faults import (
    BLOCK_BYTES,
    OpenFile,
    arrow_fault,
    cell_count_fault,
    refuse_open_quote,
    utf8_fault,
)
from estimator.market.header_faults import MAX_ROWS, not_a_table_fault, text_fault
from estimator.market.text.separators import detect_separator
from estimator.wording import plural

_START_CHARACTERS = 64
"""Enough to tell JSON and XML from a table, even behind some blank lines."""
_MAX_NAME = 10_000
"""Characters of a column's name: far more than any has. Longer ones begin with a quote that never closes."""
_TAIL_BYTES = 1 << 16
"""Longer than a last line is."""
_SEPARATOR_LINE = re.compile(r"""["']?sep=(.)["']?[\r\n]*""", re.IGNORECASE)
"""A first line that only tells Excel what separates the cells. Excel does not show it: its header is row 1."""

OpenNative = Callable[[], pa.NativeFile]

# Python's module refuses cells of more than 128 KiB, which Arrow reads. None is longer than two blocks.
csv.field_size_limit(2 * BLOCK_BYTES)


@dataclass(frozen=True)
class CsvForm:
    """What is known about a file before it is read.

    Parameters
    ----------
    columns
        Names of the columns, if there is no header line; empty if there is one.
    separator
        What separates the cells; None if the first line shows it.
    """

    columns: tuple[str, ...] = ()
    separator: str | None = None


DETECTED = CsvForm()
"""A header line, and a separator that it shows."""


@dataclass
class MalformedRows:
    """Collects the rows of a file that have a cell too few or too many: row, from 0 → what is wrong with it."""

    messages: dict[int, str] = field(default_factory=dict)


def read_csv(
    open_file: OpenFile, open_native: OpenNative, form: CsvForm = DETECTED, malformed: MalformedRows | None = None
) -> Iterator[pa.Table]:
    """Read a file; both functions open it from the start each time, as a file of Python's and of Arrow's.

    Parameters
    ----------
    malformed
        Collects the rows that do not fit the header; if it is None, such a row is an error.

    Raises
    ------
    DataError
        The content is empty, damaged or not UTF-8, or a quote in it never closes.
    """
    header = _header(open_file, form)
    names, separator = header.names, header.separator
    if not header.has_rows:
        yield pa.schema([(name, pa.string()) for name in names]).empty_table()
        return
    first_number = header.lines_before + (1 if form.columns else 2)
    rows = _RowKeeper(names, separator, first_number, malformed)
    convert = pa_csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
    # One thread: only then does Arrow say which row does not fit.
    read = pa_csv.ReadOptions(
        block_size=BLOCK_BYTES,
        use_threads=False,
        column_names=form.columns or None,
        skip_rows=header.lines_before,
    )
    parse = pa_csv.ParseOptions(
        delimiter=separator,
        newlines_in_values=True,
        ignore_empty_lines=False,
        invalid_row_handler=rows.take_invalid,
    )
    # What an open quote in the last line swallows shows in no cell.
    checked_quotes = _ends_in_quotes(open_native)
    if checked_quotes:
        refuse_open_quote(open_file, separator)
    try:
        with (
            open_native() as stream,
            pa_csv.open_csv(stream, read_options=read, parse_options=parse, convert_options=convert) as reader,
        ):
            for batch in reader:
                table = pa.Table.from_batches([batch])
                if not checked_quotes and (rows.have_line_ends or _has_line_ends(table)):
                    refuse_open_quote(open_file, separator)
                    checked_quotes = True
                yield rows.restore(table)
        if not checked_quotes and rows.have_line_ends:
            refuse_open_quote(open_file, separator)
        if rest := rows.rest():
            yield rest
    except pa.ArrowInvalid as error:
        refuse_open_quote(open_file, separator)
        raise DataError(arrow_fault(open_file, str(error), header.lines_before, names, separator)) from error


def read_header(open_file: OpenFile, form: CsvForm = DETECTED) -> Sequence[str]:
    """Return the names of a file's columns."""
    return _header(open_file, form).names


class _RowKeeper:
    """Keeps the rows that Arrow leaves out because they do not fit, and puts them back in their places."""

    def __init__(
        self, names: Sequence[str], separator: str, first_number: int, malformed: MalformedRows | None
    ) -> None:
        self._names, self._separator, self._first_number = names, separator, first_number
        self._texts: dict[int, str] = {}
        self._next = 0
        self._malformed = malformed
        self.have_line_ends = False

    def take_invalid(self, invalid: pa_csv.InvalidRow) -> str:
        """Take a row that does not fit; Arrow calls this while it reads ahead.

        A row with more separators than the header, and nothing behind them, is cut and no fault. Where faults are
        not collected, Arrow is told to fail.
        """
        row = invalid.number - self._first_number
        if any(cell.strip() for cell in self._cells(invalid.text)[len(self._names) :]) or (
            invalid.actual_columns < invalid.expected_columns
        ):
            if self._malformed is None:
                return "error"
            self._malformed.messages[row] = (
                f"the row {cell_count_fault(invalid.actual_columns, invalid.expected_columns)}"
            )
        self._texts[row] = invalid.text
        self.have_line_ends |= "\n" in invalid.text
        return "skip"

    def restore(self, table: pa.Table) -> pa.Table:
        """Return a piece of the file with the rows that belong before and between its own."""
        if not self._texts:
            self._next += table.num_rows
            return table
        due = []
        end = self._next + table.num_rows
        for row in sorted(self._texts):
            if row >= end:
                break
            due.append(row)
            end += 1
        kept = np.setdiff1d(np.arange(self._next, end), due)
        order = np.argsort(np.concatenate((kept, due)), kind="stable")
        self._next = end
        return pa.concat_tables([table, self._table(due)]).take(pa.array(order))

    def rest(self) -> pa.Table | None:
        """Return the rows after the last piece, None if there are none."""
        return self._table(sorted(self._texts)) if self._texts else None

    def _cells(self, text: str) -> list[str]:
        return next(csv.reader([text], delimiter=self._separator), [])

    def _table(self, rows: Sequence[int]) -> pa.Table:
        """Return kept rows, filled up with empty cells or cut, and forget them."""
        width = len(self._names)
        texts = [self._texts.pop(row) for row in rows]
        cells = [self._cells(text)[:width] for text in texts]
        filled = [[*line, *[""] * (width - len(line))] for line in cells]
        return pa.table(
            [pa.array([line[index] for line in filled], pa.string()) for index in range(width)],
            names=list(self._names),
        )


@dataclass(frozen=True)
class _Header:
    """The names of the columns, what separates the cells, the lines before the header, and whether rows follow."""

    names: Sequence[str]
    separator: str
    lines_before: int
    has_rows: bool


def _header(open_file: OpenFile, form: CsvForm) -> _Header:
    with open_file() as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        try:
            refuse(not_a_table_fault(text.read(_START_CHARACTERS)))
            text.seek(0)
            line = text.readline()
            told = told_separator(line)
            if told:
                line = text.readline()
            more = islice(text, MAX_ROWS)  # a name in quotes may go over several lines
            while line.count('"') % 2 and (another := next(more, "")):
                line += another
            separator = form.separator or told or detect_separator(line)
            text.seek(0)
            if told:
                text.readline()
            names = next(csv.reader(text, delimiter=separator), [])
            has_rows = text.read(1) != ""
            text.seek(0)
            lines = list(islice(text, MAX_ROWS))[1 if told else 0 :]
        except UnicodeDecodeError as error:
            raise DataError(utf8_fault(open_file) or str(error)) from error
        except csv.Error as error:
            raise DataError(f"the header cannot be read: {error}") from error
    if any(len(name) > _MAX_NAME for name in names):
        raise DataError(
            f"the header cannot be read: a name has more than {_MAX_NAME:,} characters; does a quote in it never"
            " close?"
        )
    if not any(map(str.strip, names)):
        raise DataError("the first line is blank; delete it" if has_rows else "the file is empty")
    if form.columns and len(names) != len(form.columns):
        raise DataError(
            f"the first line has {plural(len(names), 'cell')};"
            f" the market names {plural(len(form.columns), 'column')}"
        )
    if not form.columns:
        refuse(text_fault(lines, form.separator or told))
        refuse_duplicate_names(names)
    return _Header(form.columns or names, separator, 1 if told else 0, bool(form.columns) or has_rows)


def told_separator(first_line: str) -> str | None:
    """Return what a first line for Excel, such as `sep=;`, tells to separate the cells; None if it is none."""
    told = _SEPARATOR_LINE.fullmatch(first_line)
    return None if told is None else told[1]


def refuse(fault: str | None) -> None:
    """Refuse a file with a fault.

    Raises
    ------
    DataError
        There is one.
    """
    if fault is not None:
        raise DataError(fault)


def refuse_duplicate_names(names: Sequence[str]) -> None:
    """Refuse two columns of one name.

    Raises
    ------
    DataError
        There are such.
    """
    duplicates = [name for name, count in Counter(names).items() if count > 1]
    if duplicates:
        which = f"column '{duplicates[0]}' appears more than once" if duplicates[0] else "two columns have no name"
        raise DataError(f"{which} in the header; rename or remove one of them")


def _has_line_ends(table: pa.Table) -> bool:
    """Return whether a cell goes over several lines, as one does whose quote never closes."""
    return any(pc.any(pc.match_substring(column, "\n")).as_py() for column in table.columns)


def _ends_in_quotes(open_native: OpenNative) -> bool:
    """Return whether the last line has an odd number of quotes; False where the end cannot be reached."""
    with open_native() as stream:
        if not stream.seekable():
            return False
        size = stream.size()
        stream.seek(max(0, size - _TAIL_BYTES))
        last_line = stream.read().rstrip(b"\r\n").rsplit(b"\n", 1)[-1]
    return bool(last_line.count(b'"') % 2)
