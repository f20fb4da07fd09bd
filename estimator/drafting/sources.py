"""Read the files that a market is drafted from, and choose the market's name and its paths."""

import csv
import gzip
import io
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from estimator.drafting.layouts import Layout, is_header, known_layout, numbered_columns
from estimator.errors import DataError
from estimator.market.csv_reader import CsvForm, MalformedRows, told_separator
from estimator.market.input_files import refuse_stream
from estimator.market.joined_tables import alike_names, join_tables
from estimator.market.market import Market
from estimator.market.tables import CSV_SUFFIXES, first_row, is_text_file, read_table
from estimator.market.text.separators import detect_separator
from estimator.wording import plural

MAX_ROWS = 100_000
"""Rows that are looked at, evenly spread over the file: enough for every guess, and a draft in seconds."""
_USUAL_NAMES = frozenset({"sales", "data", "export", "sold", "transactions"})
"""Names of files that say nothing about the market; the folder's name may."""


@dataclass(frozen=True)
class Source:
    """Sales files as a draft needs them.

    Parameters
    ----------
    table
        At most `MAX_ROWS` rows of them.
    rows
        How many rows there are in all.
    columns
        Names of the columns if the files have no header line; empty otherwise.
    layout
        The known format of files without a header line; None if unknown.
    is_text
        Whether the files are of text; others have types.
    """

    table: pa.Table
    rows: int
    columns: tuple[str, ...]
    layout: Layout | None
    is_text: bool


def read_source(files: Sequence[Path]) -> Source:
    """Read files of sales; a column that some of them lack is empty in their rows.

    Raises
    ------
    DataError
        A file cannot be read, there are fewer than two rows, or as `join_tables`.
    """
    first_line = _first_line(files[0])
    layout = None if first_line is None else known_layout(first_line)
    columns: tuple[str, ...] = ()
    if first_line is not None and (layout is not None or not is_header(first_line)):
        columns = layout.columns if layout is not None else numbered_columns(len(first_line))
    tables = [_read_rows(file, CsvForm(columns)) for file in files]
    table = join_tables(files, alike_names(tables))
    if not table.num_rows:
        raise DataError(f"{files[0]}: there are no sales in it")
    if table.num_rows == 1:
        raise DataError(
            f"{files[0]}: there is 1 sale in it; one shows neither what differs between homes nor bounds"
        )
    step = -(-table.num_rows // MAX_ROWS)
    sample = table if step == 1 else table.take(pa.array(range(0, table.num_rows, step)))
    return Source(sample, table.num_rows, columns, layout, any(is_text_file(file) for file in files))


def _read_rows(file: Path, form: CsvForm) -> pa.Table:
    """Return the rows of a file.

    Raises
    ------
    DataError
        So many rows do not fit the header that a draft from them says nothing.
    """
    malformed = MalformedRows()
    table = read_table(file, form, malformed)
    if len(malformed.messages) > Market.max_unreadable_share * table.num_rows:
        row = min(malformed.messages)
        raise DataError(
            f"{file}: {plural(len(malformed.messages), 'row')} of {table.num_rows:,} do not fit the header; row"
            f" {row + (1 if form.columns else first_row(file))}: {malformed.messages[row]}. Is there a"
            " separator or a line break in a cell, without quotes around it?"
        )
    return table


def market_name(file: Path) -> str:
    """Return a name for the market: that of the file, or of its folder where the file's says nothing.

    Names of saved versions have letters of ASCII, so that a name without any says nothing.
    """
    stem = file.name.split(".")[0]
    stems = [file.resolve().parent.name] if stem.casefold() in _USUAL_NAMES else [stem, file.resolve().parent.name]
    names = (re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_.-") for stem in stems)
    return next(filter(None, names), "market")


def relative_to(folder: Path, patterns: Sequence[Path]) -> list[str]:
    """Return paths as the market file in a folder names them."""
    return [Path(os.path.relpath(pattern.resolve(), folder.resolve())).as_posix() for pattern in patterns]


def _first_line(file: Path) -> list[str] | None:
    """Return the cells of the first line of a text file; None of another kind of file."""
    if not file.name.lower().endswith(CSV_SUFFIXES):
        return None
    refuse_stream(file)
    try:
        with gzip.open(file) if file.name.lower().endswith(".gz") else file.open("rb") as raw:
            text = io.TextIOWrapper(raw, encoding="utf-8-sig", errors="replace", newline="")
            line = text.readline()
            told = told_separator(line)
            if told:
                line = text.readline()
            text.detach()
    except FileNotFoundError as error:
        raise DataError(f"{file}: there is no such file") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{file}: {error}") from error
    return next(csv.reader([line], delimiter=told or detect_separator(line)), [])
