"""Reads files of homes to be valued: piece by piece, in the forms that the first rows show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow as pa

from estimator.errors import DataError
from estimator.market.arrays import DateArray
from estimator.market.checks import check_table, valuation_dates
from estimator.market.columns import Problem
from estimator.market.csv_reader import CsvForm, MalformedRows
from estimator.market.excel import parse_excel
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.tables import is_text_file, parse_csv, read_pieces
from estimator.market.text_forms import TextForms

DETECTION_ROWS = 10_000
"""So many first rows of a file decide in which forms it is read: later rows are not known yet when the first homes
are valued. A later row of another form is an error of that row."""
PIECE_ROWS = 8192
"""Rows that are checked and valued at a time: enough for all array operations, and few enough that all cores have
work until the end of a file, and that what is computed of a piece takes little memory."""


@dataclass(frozen=True)
class HomesTable:
    """n rows of a file of homes.

    Parameters
    ----------
    table
        The rows as they are in the file.
    forms
        How they are read.
    malformed
        Row → why it does not fit the header.
    """

    table: pa.Table
    forms: TextForms
    malformed: dict[int, str]

    def __reduce__(self) -> tuple[Any, ...]:
        # Arrow's own pickling would send the whole table to another process, even for a few rows of it.
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as stream:
            stream.write_table(self.table)
        return _unpacked, (sink.getvalue(), self.forms, self.malformed)

    @property
    def column_names(self) -> list[str]:
        """Names under which the market knows the columns."""
        return self.forms.plain_names(self.table.column_names)

    @property
    def notes(self) -> tuple[str, ...]:
        """A warning for each column that is not read and resembles a fact."""
        alike = self.forms.not_read(self.table.column_names)
        return tuple(f"column {name} is not read; did you mean {fact}?" for name, fact in alike.items())

    def check(self) -> tuple[Facts, DateArray, list[Problem]]:
        """Return the facts of the n homes, their valuation dates (NaT where none is given), and all problems.

        Of a row that does not fit the header nothing is known.

        Raises
        ------
        ValueError
            Two columns stand for one fact.
        """
        plain = self.forms.plain(self.table)
        facts, problems = check_table(self.forms.features, plain)
        dates, date_problems = valuation_dates(self.forms.market, plain)
        cells = [problem for problem in (*problems, *date_problems) if problem.row not in self.malformed]
        rows = [Problem(row, "", why, kind="malformed_row") for row, why in self.malformed.items()]
        return facts, dates, cells + rows


def _unpacked(content: pa.Buffer, forms: TextForms, malformed: dict[int, str]) -> HomesTable:
    """Return what was packed to be sent to another process."""
    return HomesTable(pa.ipc.open_stream(content).read_all(), forms, malformed)


def read_homes(market: Market, features: Sequence[Feature], source: Path) -> Iterator[HomesTable]:
    """Read a file piece by piece.

    Parameters
    ----------
    features
        What the columns are read as: the market's facts, or those of a listing.

    Raises
    ------
    DataError
        The file cannot be read, or two of its columns have names of one fact.
    """
    malformed = MalformedRows()
    pieces = read_pieces(source, CsvForm(separator=market.separator), malformed)
    first = next(pieces)
    while first.num_rows < DETECTION_ROWS and (more := next(pieces, None)) is not None:
        first = pa.concat_tables([first, more])
    forms = _detect(market, features, first, f"{source}: ", is_text=is_text_file(source))
    start = 0
    for piece in _cut(chain([first], pieces)):
        end = start + piece.num_rows
        here = [row for row in malformed.messages if start <= row < end]
        yield HomesTable(piece, forms, {row - start: malformed.messages.pop(row) for row in here})
        start = end


def _cut(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """Give the rows of one or several tables in pieces of `PIECE_ROWS`, the last one shorter; one of no rows."""
    rest: pa.Table | None = None
    for table in tables:
        rest = table if rest is None else pa.concat_tables([rest, table])
        while rest.num_rows > PIECE_ROWS:
            yield rest.slice(0, PIECE_ROWS).combine_chunks()
            rest = rest.slice(PIECE_ROWS)
    if rest is not None:
        yield rest.combine_chunks()


def parse_homes(market: Market, features: Sequence[Feature], content: bytes, max_columns: int) -> HomesTable:
    """Read CSV from memory, as `read_homes` reads a file.

    Raises
    ------
    DataError
        As `read_homes`, or there are more columns than `max_columns`.
    """
    malformed = MalformedRows()
    table = parse_csv(content, max_columns, CsvForm(separator=market.separator), malformed)
    return HomesTable(table, _detect(market, features, table, "", is_text=True), malformed.messages)


def parse_workbook(
    market: Market,
    features: Sequence[Feature],
    content: bytes,
    max_columns: int,
    max_rows: int,
    max_unpacked: int,
) -> HomesTable:
    """Read an Excel workbook from memory, as `read_homes` reads a file; the limits are those of `parse_excel`.

    Raises
    ------
    DataError
        As `read_homes`, or a limit is exceeded.
    """
    malformed = MalformedRows()
    table = parse_excel(content, max_rows, max_columns, max_unpacked, malformed)
    return HomesTable(table, _detect(market, features, table, "", is_text=True), malformed.messages)


def _detect(
    market: Market, features: Sequence[Feature], table: pa.Table, where: str, *, is_text: bool
) -> TextForms:
    try:
        return TextForms.detect(market, features, table.slice(0, DETECTION_ROWS), is_text=is_text)
    except ValueError as error:
        raise DataError(f"{where}{error}") from error
