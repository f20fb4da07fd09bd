"""Read an Excel workbook (.xlsx) as a table of text, so that its cells are read in the forms that CSV is read in.

Needs the optional package openpyxl.
"""

import datetime as dt
import io
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile

import pyarrow as pa

from estimator.errors import DataError
from estimator.market.csv_reader import MalformedRows, refuse, refuse_duplicate_names
from estimator.market.header_faults import MAX_ROWS, title_fault, values_fault

_COMPOUND = b"\xd0\xcf\x11\xe0"
"""First bytes of workbooks that are encrypted, and of those of before 2007."""


def parse_excel(
    content: bytes,
    max_rows: int,
    max_columns: int,
    max_unpacked: int,
    malformed: MalformedRows | None = None,
) -> pa.Table:
    """Read a workbook from memory, as `read_excel` reads a file.

    Parameters
    ----------
    max_rows
        The rows after this many and one more are not read.
    max_columns, max_unpacked
        Columns, and bytes of the workbook's parts without their compression: a small file can hold gigabytes.
    malformed
        Collects the rows that have cells beyond the header; if it is None, such a row is an error.

    Raises
    ------
    DataError
        As `read_excel`, or there are more columns or bytes.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
    except BadZipFile as error:
        raise DataError(_workbook_fault(io.BytesIO(content), error)) from error
    if unpacked > max_unpacked:
        raise DataError(f"the workbook unpacks to {unpacked} bytes; the maximum is {max_unpacked}")
    return _table(islice(_rows(io.BytesIO(content)), max_rows + 2), (), malformed, max_columns)


def read_excel(path: Path, columns: Sequence[str] = (), malformed: MalformedRows | None = None) -> pa.Table:
    """Read the first sheet of a workbook; all cells become text, empty ones ''.

    A blank row is a row of empty cells, so that rows have the same numbers as in the spreadsheet. A formula is
    read as the value that Excel saved with it.

    Parameters
    ----------
    columns
        Names of the columns, if there is no header row.
    malformed
        Collects the rows that have cells beyond the header; if it is None, such a row is an error.

    Raises
    ------
    DataError
        openpyxl is not installed, or the file is no workbook, or its first sheet has no header or two columns of
        one name.
    FileNotFoundError
        There is no such file.
    """
    return _table(_rows(path), columns, malformed)


def _table(
    rows: Iterator[tuple[Any, ...]],
    columns: Sequence[str],
    malformed: MalformedRows | None,
    max_columns: int | None = None,
) -> pa.Table:
    """Return rows of Python values as a table of text; the first one is the header unless `columns` are given."""
    first = list(islice(rows, MAX_ROWS))
    rows = chain(first, rows)
    if not columns:
        texts = [[_text(cell) for cell in row] for row in first]
        refuse(title_fault(texts) or (values_fault(texts[0]) if texts else None))
    header = list(columns) or [_text(cell) for cell in next(rows, ())]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise DataError("the first row of the first sheet is empty; only this sheet is read")
    refuse_duplicate_names(header)
    if max_columns is not None and len(header) > max_columns:
        raise DataError(f"there are {len(header)} columns; at most {max_columns} are allowed")
    cells: list[list[str]] = [[] for _ in header]
    for index, row in enumerate(rows):
        if any(cell is not None for cell in row[len(header) :]):
            if malformed is None:
                raise DataError(f"row {index + (1 if columns else 2)} has more cells than the header has names")
            malformed.messages[index] = f"the row has {_width(row)} cells, the header {len(header)}"
        for column, cell in zip(cells, chain(row, [None] * (len(header) - len(row))), strict=False):
            column.append(_text(cell))
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(header, cells, strict=True)})


def _width(row: tuple[Any, ...]) -> int:
    """Return the number of cells up to the last one that is filled."""
    return max(index for index, cell in enumerate(row, start=1) if cell is not None)


def _rows(source: Path | IO[bytes]) -> Iterator[tuple[Any, ...]]:
    """Give the rows of the first sheet as Python values."""
    try:
        import openpyxl  # noqa: PLC0415
        from openpyxl.utils.exceptions import InvalidFileException  # noqa: PLC0415
    except ImportError as error:
        raise DataError(
            "Excel files need openpyxl, which is not installed: run `pip install 'house-price-estimator[excel]'`,"
            " or save the sheet as CSV"
        ) from error
    try:
        book = openpyxl.load_workbook(source, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise DataError(_workbook_fault(source, error)) from error
    try:
        sheet = book.worksheets[0]
        # Each row has its own length then, and not the one that the sheet claims: up to 16,384 cells.
        sheet.reset_dimensions()
        yield from sheet.iter_rows(values_only=True)
    finally:
        book.close()


def _workbook_fault(source: Path | IO[bytes], error: Exception) -> str:
    """Return why a workbook cannot be opened, and what to do."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            start = file.read(len(_COMPOUND))
    else:
        source.seek(0)
        start = source.read(len(_COMPOUND))
    if start == _COMPOUND:
        return "this is a workbook with a password, or an old one; save it as .xlsx without a password, or as CSV"
    return f"this is not a complete Excel workbook ({error})"


def _text(cell: object) -> str:
    """Return a cell as a CSV file would have it."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, dt.datetime) and cell.time() == dt.time():
        return cell.date().isoformat()
    if isinstance(cell, dt.date):
        return cell.isoformat()
    return str(cell)
