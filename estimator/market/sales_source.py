"""The files that a market's sales are in: one, several, or all that a pattern names."""

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from estimator.errors import DataError
from estimator.market.arrays import BoolArray
from estimator.market.blank_rows import blank_rows
from estimator.market.columns import is_text
from estimator.market.csv_reader import CsvForm, MalformedRows
from estimator.market.file_rows import FileRows
from estimator.market.joined_tables import alike_names, join_tables
from estimator.market.market import Market
from estimator.market.row_digests import Digests, row_digests
from estimator.market.tables import first_row, read_pieces

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class SourceRows:
    """All n rows of some files.

    Parameters
    ----------
    table
        The rows, with values only in the columns that are read.
    rows
        Where each is in the files.
    digests
        Of all their cells, shape (n,); see `row_digests`.
    blank
        Which have no filled cell, shape (n,).
    typed
        For each file, the columns whose cells were not text.
    """

    table: pa.Table
    rows: FileRows
    digests: Digests
    blank: BoolArray
    typed: tuple[frozenset[str], ...]

    def without_blank_end(self) -> Self:
        """Return the rows without the blank lines that editors leave at the end of a file."""
        filled = np.flatnonzero(~self.blank)
        end = int(filled[-1]) + 1 if len(filled) else 0
        return replace(self, table=self.table.slice(0, end), digests=self.digests[:end], blank=self.blank[:end])


@dataclass(frozen=True)
class SalesSource:
    """Files of sales; their rows are read in the order of the files.

    A column that some of the files lack is empty in their rows.

    Parameters
    ----------
    paths
        The files.
    columns
        Names of the columns, if the files have no header line; empty if they have one.
    separator
        What separates the cells of text files; None if their first line shows it.
    """

    paths: tuple[Path, ...]
    columns: tuple[str, ...] = ()
    separator: str | None = None

    @classmethod
    def of_market(cls, market: Market, folder: Path, path: Path | None = None) -> Self:
        """Return the files that a market in a folder declares, or another file of the same kind.

        Raises
        ------
        DataError
            A pattern names no file.
        """
        if path is not None:
            return cls((path,), market.columns, market.separator)
        patterns = (market.sales,) if isinstance(market.sales, str) else market.sales
        return cls(
            expand_patterns([Path(os.path.normpath(folder / pattern)) for pattern in patterns]),
            market.columns,
            market.separator,
        )

    def __str__(self) -> str:
        """Return the paths, as messages name them."""
        return ", ".join(map(str, self.paths))

    def read(
        self,
        malformed: MalformedRows | None = None,
        is_read: Callable[[str], bool] = lambda _: True,
        fact_of: Callable[[str], str | None] = lambda _: None,
    ) -> SourceRows:
        """Read the rows of all files, some at a time.

        Parameters
        ----------
        malformed
            Collects the rows that do not fit the header; if it is None, they are errors.
        is_read
            Name of a column → whether anything is read from it. The values of other columns are not kept.
        fact_of
            As `alike_names` takes it.

        Raises
        ------
        DataError
            A file cannot be read, or as `join_tables`.
        """
        form, tables, n_rows = CsvForm(self.columns, self.separator), [], 0
        digests, blank = [], []
        for path in self.paths:
            here = None if malformed is None else MalformedRows()
            pieces = []
            for piece in read_pieces(path, form, here):
                digests.append(row_digests(piece))
                blank.append(blank_rows(piece))
                pieces.append(_without_values(piece, is_read))
            tables.append(pa.concat_tables(pieces, promote_options="permissive"))
            if malformed is not None and here is not None:
                malformed.messages |= {row + n_rows: message for row, message in here.messages.items()}
            n_rows += tables[-1].num_rows
        # A file without a header line begins with row 1.
        first_numbers = [1 if self.columns else first_row(path) for path in self.paths]
        counts = [table.num_rows for table in tables]
        tables = alike_names(tables, fact_of)
        columns = [table.column_names for table in tables]
        return SourceRows(
            join_tables(self.paths, tables),
            FileRows.of_files(self.paths, counts, first_numbers, columns),
            np.concatenate(digests),
            np.concatenate(blank),
            tuple(map(_typed_columns, tables)),
        )

    def sha256(self) -> str:
        """Return the SHA-256 of the bytes of all files, one after the other, in hexadecimal."""
        digest = hashlib.sha256()
        for path in self.paths:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        return digest.hexdigest()


def _typed_columns(table: pa.Table) -> frozenset[str]:
    """Return the columns of a table whose cells are not text."""
    return frozenset(name for name in table.column_names if not is_text(table.column(name)))


def _without_values(table: pa.Table, is_read: Callable[[str], bool]) -> pa.Table:
    """Return a table without the values of columns that are not read; messages need the names of these."""
    empty = pa.nulls(table.num_rows)
    columns = [
        column if is_read(name) else empty for name, column in zip(table.column_names, table.columns, strict=True)
    ]
    return pa.table(columns, names=table.column_names)


def expand_patterns(patterns: Sequence[Path]) -> tuple[Path, ...]:
    """Return the files that paths and patterns such as `sales_*.csv` name, each once, sorted within a pattern.

    Raises
    ------
    DataError
        A pattern names no file, or its folder cannot be read.
    """
    files: list[Path] = []
    for pattern in patterns:
        try:
            found = [pattern] if _is_one_file(pattern) else sorted(pattern.parent.glob(pattern.name))
        except OSError as error:
            raise DataError(f"{pattern}: {error}") from error
        if not found:
            raise DataError(f"{pattern}: no file has such a name")
        files += found
    return tuple(dict.fromkeys(files))


def _is_one_file(pattern: Path) -> bool:
    """Whether a path is no pattern; a file may have a name that looks like one."""
    return _PATTERN.search(pattern.name) is None or pattern.exists()
