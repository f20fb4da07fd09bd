"""What the rules look at: the sales of a file as they were parsed, before any is set aside."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from estimator.market.arrays import BoolArray
from estimator.market.cells import python_value
from estimator.market.columns import Problem
from estimator.market.file_rows import FileRows
from estimator.market.market import Market
from estimator.market.row_digests import Digests
from estimator.market.sales import Sales
from estimator.market.sales_source import SalesSource


@dataclass(frozen=True)
class ParsedSales:
    """All n rows of a file of sales.

    Parameters
    ----------
    market, path
        Whose sales they are, and the files.
    table
        The rows as they are in the file, with values only in the columns that are read.
    plain
        The same rows in the form that all checks expect.
    shown_names
        Name under which the market knows a column → its name in the file, where the two differ.
    columns
        Name of a feature → the name under which the market knows its column.
    sales
        The rows as sales; a value that cannot be used is unknown: NaN, '' or NaT.
    problems
        The values that cannot be used, by row.
    rows
        Where each row is in the files.
    unread
        Columns of the file that nothing is read from.
    lacking
        Facts that some of several files lack, each with these files: they are unknown in their sales.
    selected
        Which rows the market is about, shape (n,): those with a filled cell for which its `where` holds.
    digests
        Of all cells of the rows, shape (n,).
    """

    market: Market
    path: SalesSource
    table: pa.Table
    plain: pa.Table
    shown_names: Mapping[str, str]
    columns: Mapping[str, str]
    sales: Sales
    problems: tuple[Problem, ...]
    rows: FileRows
    unread: tuple[str, ...]
    lacking: tuple[str, ...]
    selected: BoolArray
    digests: Digests

    def __len__(self) -> int:
        return len(self.sales)

    def column_of(self, field: str) -> str:
        """Return the column of this file that a field is in."""
        known = self.columns.get(field, field)
        return self.shown_names.get(known, known)

    def cell(self, row: int, column: str) -> str:
        """Return a cell as text, '' if it is empty or there is no such column."""
        if column not in self.table.column_names:
            return ""
        value = python_value(self.table.column(column)[row])
        return "" if value is None else str(value).strip()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found wrong with one sale: its row, from 0, the field that shows it, reason and detail."""

    row: int
    field: str
    reason: str
    detail: str
