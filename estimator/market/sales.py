"""Closed sales: read them strictly, and split them into training, validation and test parts.

A file of sales is accepted as a whole, or refused with all the faults that were found; no row is dropped or
repaired. This module knows the market but no model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import DateArray, FloatArray, LabelArray
from estimator.market.checks import check_table, find_columns, missing_values
from estimator.market.columns import Problem, date_column, number_column
from estimator.market.facts import Facts
from estimator.market.market import LIST_PRICES, Market
from estimator.market.tables import first_row, read_table

Split = Literal["time", "random"]

MAX_LEAK_DEVIATION = 0.05
"""A fact leaks the price if the median deviation of its values from a multiple of the price is a smaller
share than this. List prices deviate less; valuations from all other facts deviate more."""
_MAX_LEAK_MULTIPLE = 2.0
"""The multiple is at most this, and at least its inverse. Other multiples are no leak: in many towns the size
alone predicts the price within a few percent."""
_MIN_LEAK_SALES = 30
"""With fewer known values, a small deviation could be chance."""

MAX_REPORTED = 20
"""Faults of a file that are listed; the rest are counted, so that the first ones stay on the screen."""

TIME_PARTS = (0.70, 0.10, 0.20)
"""Training, validation and test shares of a split by time: the newest fifth represents the future."""
RANDOM_PARTS = (0.64, 0.16, 0.20)
"""The same of a random split: a fifth for testing, then a fifth of the rest for validation."""


@dataclass(frozen=True)
class Sales:
    """n closed sales.

    Parameters
    ----------
    facts
        Facts of the n homes.
    price
        Sale prices, shape (n,), in the market's currency, positive.
    date
        Days of sale, datetime64[D], shape (n,); None in a market without dates.
    home
        Number of the home that was sold, shape (n,): repeat sales of a home share it.
    sale_id
        Its identifier in the file, text, shape (n,); None in a market without.
    """

    facts: Facts
    price: FloatArray
    date: DateArray | None
    home: NDArray[np.int64]
    sale_id: LabelArray | None = None

    def __len__(self) -> int:
        return len(self.price)

    def take(self, rows: NDArray[Any]) -> "Sales":
        """Return the sales at some rows."""
        date = None if self.date is None else self.date[rows]
        sale_id = None if self.sale_id is None else self.sale_id[rows]
        return Sales(self.facts.take(rows), self.price[rows], date, self.home[rows], sale_id)

    def joined(self, more: "Sales") -> "Sales":
        """Return these sales followed by more of the same market; both must number the homes alike."""
        date = None if self.date is None or more.date is None else np.concatenate((self.date, more.date))
        sale_id: LabelArray | None = None
        if self.sale_id is not None and more.sale_id is not None:
            sale_id = np.concatenate((self.sale_id, more.sale_id))
        price, home = np.concatenate((self.price, more.price)), np.concatenate((self.home, more.home))
        return Sales(self.facts.joined(more.facts), price, date, home, sale_id)

    def state(self) -> dict[str, Any]:
        """Return the sales as plain values and arrays, for `from_state`."""
        return {
            "facts": dict(self.facts.columns),
            "price": self.price,
            "date": None if self.date is None else self.date.astype(np.int64),
            "home": self.home,
            "sale_id": self.sale_id,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the sales from their state."""
        date = None if state["date"] is None else state["date"].astype("datetime64[D]")
        return cls(Facts(state["facts"]), state["price"], date, state["home"], state["sale_id"])

    def sorted_by_date(self) -> "Sales":
        """Return the sales sorted by date; the order within a day is kept."""
        return self if self.date is None else self.take(np.argsort(self.date, kind="stable"))


@dataclass(frozen=True)
class Parts:
    """Sales to train on, to select and calibrate on, and to test on once, at the end."""

    train: Sales
    validation: Sales
    test: Sales


def read_sales(market: Market, path: Path) -> Sales:
    """Read a file of sales, CSV or Parquet.

    Raises
    ------
    DataError
        The file cannot be read, has no rows, lacks a column, has one that the market does not declare, or a
        sale in it is wrong or appears twice. The message names row, column, value and bound; the header of a
        CSV file is row 1, as in a spreadsheet.
    """
    return _parse_sales(market, path, _drop_trailing_blank_rows(read_table(path)))


def read_closed_listings(market: Market, path: Path) -> tuple[Sales, FloatArray]:
    """Read a file of sales that has a column `list_price` or `ListPrice`: the list price before each sale.

    Returns
    -------
    sales
        As `read_sales` returns them, without the list price.
    list_price
        Shape (n,), positive; NaN where a sale has none.

    Raises
    ------
    DataError
        As `read_sales`, or there is no list price.
    """
    table = _drop_trailing_blank_rows(read_table(path))
    names = [name for name in LIST_PRICES if name in table.column_names]
    if len(names) != 1:
        count = "no column" if not names else "more than one column"
        raise DataError(f"{path}: {count} of list prices; one column must be named {' or '.join(LIST_PRICES)}")
    sales = _parse_sales(market, path, table.drop_columns(names))
    list_price, problems = number_column(names[0], table.column(names[0]))
    problems += _not_positive(names[0], list_price)
    if problems:
        raise DataError(_format_problems({}, path, problems))
    if np.isnan(list_price).all():
        raise DataError(f"{path}: column '{names[0]}' is empty")
    return sales, list_price


def _parse_sales(market: Market, path: Path, table: pa.Table) -> Sales:
    """Return the sales of a table that was read from `path`."""
    _check_header(market, path, table.column_names)
    if table.num_rows == 0:
        raise DataError(f"{path}: the file has a header and no sales")
    try:
        facts, problems = check_table(market.features, table)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    price, faults = number_column(market.price, table.column(market.price))
    problems += faults + missing_values(market.price, np.isnan(price), faults) + _not_positive(market.price, price)
    date: DateArray | None = None
    if market.sale_date is not None:
        date, faults = date_column(market.sale_date, table.column(market.sale_date))
        problems += faults + missing_values(market.sale_date, np.isnat(date), faults)
    home, sale_id = np.arange(table.num_rows), None
    if market.sale_id is not None:
        home, sale_id, faults = _number_homes(market.sale_id, table.column(market.sale_id))
        when = pd.Series(price if date is None else date)
        problems += faults or _duplicate_sales(market, home, when, table, first_row(path))
    columns = find_columns(market.features, table.column_names)
    if problems:
        raise DataError(_format_problems(columns, path, problems))
    _check_leakage(market, path, facts, price, columns)
    return Sales(facts, price, date, home, sale_id)


def split_sales(sales: Sales, how: Split, rng: np.random.Generator) -> Parts:
    """Split sales into training, validation and test parts; see `split_rows`."""
    return Parts(*(sales.take(rows) for rows in split_rows(sales, how, rng)))


def split_rows(sales: Sales, how: Split, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the rows of the training, the validation and the test part; all sales of a home are in one part.

    Parameters
    ----------
    how
        `time`: the oldest for training, the newest for testing; a home sold more than once is placed by its last
        sale, so that no later price of it is ever in an earlier part. `random`: homes are drawn at random.

    Raises
    ------
    DataError
        A split by time of sales without dates, or a part would be empty.
    """
    homes, home = np.unique(sales.home, return_inverse=True)
    if len(homes) < 3:
        raise DataError(
            f"{len(sales)} sales of {len(homes)} homes are too few to split: each of the three parts needs a home"
        )
    if how == "time":
        if sales.date is None:
            raise DataError("the market's sales have no dates; split them at random")
        rank = np.zeros(len(homes), np.int64)
        np.maximum.at(rank, home, sales.date.astype(np.int64))
        shares = TIME_PARTS
    else:
        rank, shares = rng.permutation(len(homes)), RANDOM_PARTS
    # By home within a day, so that the sales of one home are adjacent.
    order = np.lexsort((home, rank[home]))
    ordered = home[order]
    ends = np.round(np.cumsum(shares[:2]) * len(sales)).astype(int)
    cuts = [int(np.argmax(ordered == ordered[cut])) for cut in ends]  # never between two sales of one home
    parts = [np.sort(rows) for rows in np.split(order, cuts)]
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows) == 0:
            raise DataError(f"{len(sales)} sales are too few: the {name} part would be empty")
    return parts


def _drop_trailing_blank_rows(table: pa.Table) -> pa.Table:
    """Return the table without the blank lines that editors leave at the end of a file."""
    end = table.num_rows
    while end and all(column[end - 1].as_py() in (None, "") for column in table.columns):
        end -= 1
    return table.slice(0, end)


def _check_header(market: Market, path: Path, names: Sequence[str]) -> None:
    """Refuse a file without a column that is needed, or with one that the market does not declare."""
    own = [name for name in (market.price, market.sale_date, market.sale_id) if name is not None]
    faults = [f"column '{name}' is missing" for name in own if name not in names]
    faults += [
        f"column '{feature.column}' ({feature.name}) is missing; it is required"
        for feature in market.features
        if feature.required and not set(feature.names) & set(names)
    ]
    faults += [
        f"column '{name}' is unknown: declare it as a feature of the market, or list it under ignore"
        for name in names
        if name not in {*own, *market.ignore, *market.by_name}
    ]
    if faults:
        raise DataError(f"{path}: " + "\n  ".join(faults))


def _check_leakage(
    market: Market, path: Path, facts: Facts, price: FloatArray, columns: Mapping[str, str]
) -> None:
    """Refuse a fact that leaks the price; columns: feature name → its column in this file."""
    for feature in market.numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = np.log(facts[feature.name] / price)
        log_ratio = log_ratio[np.isfinite(log_ratio)]
        if len(log_ratio) < _MIN_LEAK_SALES:
            continue
        median = float(np.median(log_ratio))
        deviation = float(np.expm1(np.median(np.abs(log_ratio - median))))
        if deviation < MAX_LEAK_DEVIATION and abs(median) < math.log(_MAX_LEAK_MULTIPLE):
            raise DataError(
                f"{path}: column '{columns[feature.name]}' ({feature.name}) leaks the price, as a list price does:"
                f" half of its values are within {100 * deviation:.1f}% of {math.exp(median):.4g} times the price;"
                " list the column under ignore in market.toml"
            )


def _not_positive(name: str, amount: FloatArray) -> list[Problem]:
    return [Problem(int(row), name, f"{amount[row]:.15g} is not above 0") for row in np.flatnonzero(amount <= 0)]


def _number_homes(name: str, column: pa.ChunkedArray) -> tuple[NDArray[np.int64], LabelArray, list[Problem]]:
    """Number the homes by their identifier; return the identifiers too."""
    text = pd.Series(column.cast(pa.string()).to_pandas()).str.strip()
    codes = pd.factorize(text.where(text != ""))[0].astype(np.int64)
    return codes, text.fillna("").to_numpy(np.str_), missing_values(name, codes < 0, ())


def _duplicate_sales(
    market: Market, home: NDArray[np.int64], when: "pd.Series[Any]", table: pa.Table, first_file_row: int
) -> list[Problem]:
    """Return a problem for each sale that is already in the file: the same home on the same day.

    In a market without dates it is the same home at the same price.
    """
    rows = np.arange(len(home))
    first = pd.Series(rows).groupby([home, when], dropna=False).transform("min").to_numpy()
    repeated = np.flatnonzero(first != rows)
    name, when_name = str(market.sale_id), market.sale_date or market.price
    ids, dates = (table.column(column).take(pa.array(repeated)).to_pylist() for column in (name, when_name))
    earlier = (first[repeated] + first_file_row).tolist()
    return [
        Problem(row, name, f"the sale of {sale_id} ({when_name} {date}) is already in row {earlier_row}")
        for row, earlier_row, sale_id, date in zip(repeated.tolist(), earlier, ids, dates, strict=True)
    ]


def _format_problems(columns: Mapping[str, str], path: Path, problems: list[Problem]) -> str:
    """Return the message about problems; columns: feature name → its column in this file."""
    lines = []
    for problem in sorted(problems, key=lambda problem: problem.row)[:MAX_REPORTED]:
        column = columns.get(problem.field, problem.field)
        named = f"{column} ({problem.field})" if column != problem.field else column
        lines.append(f"  row {problem.row + first_row(path)}, column {named}: {problem.message}")
    if len(problems) > MAX_REPORTED:
        lines.append(f"  and {len(problems) - MAX_REPORTED} more")
    count = "1 value" if len(problems) == 1 else f"{len(problems)} values"
    return f"{path}: {count} cannot be used\n" + "\n".join(lines)
