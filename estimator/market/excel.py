"""Read an Excel workbook (.xlsx) as a table of text, so that its cells are read in the forms that CSV is read in.

Needs the optional package openpyxl.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import pyarrow as pa

from estimator.errors import DataError
from estimator.market.csv_reader import refuse_duplicate_names


def read_excel(path: Path, columns: Sequence[str] = ()) -> pa.Table:
    """Read the first sheet of a workbook; all cells become text, empty ones ''.

    A blank row is a row of empty cells, so that rows have the same numbers as in the spreadsheet. A formula is
    read as the value that Excel saved with it.

    Parameters
    ----------
    columns
        Names of the columns, if there is no header row.

    Raises
    ------
    DataError
        openpyxl is not installed, or the file is no workbook, or its first sheet has no header, a column without a
        name, or two with the same name.
    FileNotFoundError
        There is no such file.
    """
    rows = _rows(path)
    header = list(columns) or [_text(cell) for cell in next(rows, ())]
    while header and not header[-1]:
        header.pop()
    if not header:
        raise DataError("the first row of the first sheet is empty")
    if "" in header:
        raise DataError(f"column {header.index('') + 1} of the first sheet has no name in the first row")
    refuse_duplicate_names(header)
    cells: list[list[str]] = [[] for _ in header]
    for number, row in enumerate(rows, start=1 if columns else 2):
        if any(cell is not None for cell in row[len(header) :]):
            raise DataError(f"row {number} has more cells than the header has names")
        for column, cell in zip(cells, chain(row, [None] * (len(header) - len(row))), strict=False):
            column.append(_text(cell))
    return pa.table({name: pa.array(column, pa.string()) for name, column in zip(header, cells, strict=True)})


def _rows(path: Path) -> Iterator[tuple[Any, ...]]:
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
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        raise DataError(f"this is not a complete Excel workbook ({error})") from error
    try:
        yield from book.worksheets[0].iter_rows(values_only=True)
    finally:
        book.close()


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
