"""Closed sales: reading them strictly, and dividing them into parts to learn from, choose on and test on.

A file of sales is taken whole or refused with every fault that was found; nothing is dropped or mended on the
way. Knows the market table; knows no model.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.checks import check_table, find_columns
from estimator.market.columns import Problem, date_column, number_column
from estimator.market.facts import Facts
from estimator.market.market import LIST_PRICES, Market
from estimator.market.tables import first_row, read_table

Split = Literal["time", "random"]

TELLING = 0.05
"""A number about as large as the price, half of whose values lie within this share of one multiple of it, tells
the price: list prices do; the best of valuations, which know all facts but the price, are farther off."""
_ABOUT_AS_LARGE = 2.0
"""Times, either way. Beyond, it is a fact: in many a town, size alone tells a price within some percent."""
_FEW = 30
"""Sales with a number known, below which that could be chance."""

MAX_REPORTED = 20
"""Faults of a file named one by one; the rest are counted. More would scroll the first off the screen."""

TIME_PARTS = (0.70, 0.10, 0.20)
"""Training, validation and test share of a time split: the newest fifth stands for the future."""
RANDOM_PARTS = (0.64, 0.16, 0.20)
"""The same of a random split: a fifth for testing, then a fifth of the rest for validation."""


@dataclass(frozen=True)
class Sales:
    """n closed sales.

    Parameters
    ----------
    facts
        What is known of the n homes.
    price
        Sale prices, shape (n,), in the market's currency, positive.
    date
        Days of sale, datetime64[D], shape (n,); None in a market without dates.
    home
        Which home was sold, shape (n,): repeat sales of a home share a number.
    """

    facts: Facts
    price: FloatArray
    date: DateArray | None
    home: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.price)

    def take(self, rows: NDArray[Any]) -> "Sales":
        """Return the sales at some rows."""
        date = None if self.date is None else self.date[rows]
        return Sales(self.facts.take(rows), self.price[rows], date, self.home[rows])

    def joined(self, more: "Sales") -> "Sales":
        """Return these sales and then more of the same market, homes numbered alike."""
        columns = {name: np.concatenate((column, more.facts[name])) for name, column in self.facts.columns.items()}
        dates = None if self.date is None or more.date is None else np.concatenate((self.date, more.date))
        price, home = np.concatenate((self.price, more.price)), np.concatenate((self.home, more.home))
        return Sales(Facts(columns), price, dates, home)

    def by_date(self) -> "Sales":
        """Return the sales in order of their days, as they stand within a day."""
        return self if self.date is None else self.take(np.argsort(self.date, kind="stable"))


@dataclass(frozen=True)
class Parts:
    """Sales to learn from, to choose and calibrate on, and to look at once, at the end."""

    train: Sales
    validation: Sales
    test: Sales


def read_sales(market: Market, path: Path) -> Sales:
    """Read a file of sales, CSV or Parquet.

    Raises
    ------
    DataError
        The file cannot be read, has no rows, lacks a column, has one that the market does not declare, or a
        sale in it is wrong or stands twice. The message names row, column, value and bound; the header of a
        CSV file is row 1, as in a spreadsheet.
    """
    return _checked(market, path, _without_blank_end(read_table(path)))


def read_closed_listings(market: Market, path: Path) -> tuple[Sales, FloatArray]:
    """Read a file of sales that has a column `list_price`, or `ListPrice`: what was asked before each sale.

    Returns
    -------
    sales
        As `read_sales` gives them, the list price apart.
    ask
        List prices, shape (n,), positive; NaN where a sale has none.

    Raises
    ------
    DataError
        As `read_sales`, or there is no list price.
    """
    table = _without_blank_end(read_table(path))
    names = [name for name in LIST_PRICES if name in table.column_names]
    if len(names) != 1:
        found = "no column" if not names else "more than one column"
        raise DataError(f"{path}: there is {found} of list prices; it is called {' or '.join(LIST_PRICES)}")
    sales = _checked(market, path, table.drop_columns(names))
    ask, problems = number_column(names[0], table.column(names[0]))
    problems += _not_above_zero(names[0], ask)
    if problems:
        raise DataError(_report({}, path, problems))
    if np.isnan(ask).all():
        raise DataError(f"{path}: column '{names[0]}' is empty")
    return sales, ask


def _checked(market: Market, path: Path, table: pa.Table) -> Sales:
    """Return the sales of a table that was read from `path`."""
    _check_header(market, path, table.column_names)
    if table.num_rows == 0:
        raise DataError(f"{path}: the file has a header and no sales")
    try:
        facts, problems = check_table(market.features, table)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error
    price, faults = number_column(market.price, table.column(market.price))
    problems += faults + _not_positive(market.price, price, {fault.row for fault in faults})
    date: DateArray | None = None
    if market.sale_date is not None:
        date, faults = date_column(market.sale_date, table.column(market.sale_date))
        problems += faults + _missing(market.sale_date, np.isnat(date), {fault.row for fault in faults})
    home = np.arange(table.num_rows)
    if market.sale_id is not None:
        home, faults = _homes(market.sale_id, table.column(market.sale_id))
        when = pd.Series(price if date is None else date)
        problems += faults or _sold_twice(market, home, when, table, first_row(path))
    columns = find_columns(market.features, table.column_names)
    if problems:
        raise DataError(_report(columns, path, problems))
    _check_blind(market, path, facts, price, columns)
    return Sales(facts, price, date, home)


def split_sales(sales: Sales, how: Split, rng: np.random.Generator) -> Parts:
    """Divide sales into training, validation and test parts; see `split_rows`."""
    return Parts(*(sales.take(rows) for rows in split_rows(sales, how, rng)))


def split_rows(sales: Sales, how: Split, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the rows of the training, the validation and the test part; a home's sales stay together.

    Parameters
    ----------
    how
        `time`: in order of date, oldest to training, newest to testing; a home sold more than once counts by
        its last sale, so that no part sees a home's later price. `random`: by lot.

    Raises
    ------
    DataError
        A split by time of sales without dates, or a part would be empty.
    """
    homes, home = np.unique(sales.home, return_inverse=True)
    if len(homes) < 3:
        raise DataError(f"{len(sales)} sales of {len(homes)} homes are too few: each of three parts takes a home")
    if how == "time":
        if sales.date is None:
            raise DataError("the market's sales have no dates; split them at random")
        place = np.zeros(len(homes), np.int64)
        np.maximum.at(place, home, sales.date.astype(np.int64))
        shares = TIME_PARTS
    else:
        place, shares = rng.permutation(len(homes)), RANDOM_PARTS
    # By home within a day, so that the sales of one home stand side by side.
    order = np.lexsort((home, place[home]))
    ordered = home[order]
    ends = np.round(np.cumsum(shares[:2]) * len(sales)).astype(int)
    cuts = [int(np.argmax(ordered == ordered[cut])) for cut in ends]  # never between two sales of one home
    parts = [np.sort(rows) for rows in np.split(order, cuts)]
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows) == 0:
            raise DataError(f"{len(sales)} sales are too few: the {name} part would be empty")
    return parts


def _without_blank_end(table: pa.Table) -> pa.Table:
    """Return the table without the blank lines that editors leave at the end of a file."""
    end = table.num_rows
    while end and all(column[end - 1].as_py() in (None, "") for column in table.columns):
        end -= 1
    return table.slice(0, end)


def _check_header(market: Market, path: Path, names: Sequence[str]) -> None:
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


def _check_blind(market: Market, path: Path, facts: Facts, price: FloatArray, columns: Mapping[str, str]) -> None:
    """Refuse a fact that tells the price; columns: feature name → its column in this file."""
    for feature in market.numbers:
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(facts[feature.name] / price)
        ratio = ratio[np.isfinite(ratio)]
        if len(ratio) < _FEW:
            continue
        usual = float(np.median(ratio))
        off = float(np.expm1(np.median(np.abs(ratio - usual))))
        if off < TELLING and abs(usual) < math.log(_ABOUT_AS_LARGE):
            raise DataError(
                f"{path}: column '{columns[feature.name]}' ({feature.name}) tells the price, as a list price does:"
                f" half of its values lie within {100 * off:.1f}% of {math.exp(usual):.4g} times the price;"
                " list it under ignore"
            )


def _not_positive(name: str, price: FloatArray, faulty: set[int]) -> list[Problem]:
    return _missing(name, np.isnan(price), faulty) + _not_above_zero(name, price)


def _not_above_zero(name: str, amount: FloatArray) -> list[Problem]:
    return [Problem(int(row), name, f"{amount[row]:.15g} is not above 0") for row in np.flatnonzero(amount <= 0)]


def _missing(name: str, unknown: NDArray[np.bool_], faulty: set[int]) -> list[Problem]:
    return [Problem(int(row), name, "is required") for row in np.flatnonzero(unknown) if int(row) not in faulty]


def _homes(name: str, column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[Problem]]:
    """Number the homes by their identifier."""
    text = pd.Series(column.cast(pa.string()).to_pandas()).str.strip()
    codes = pd.factorize(text.where(text != ""))[0].astype(np.int64)
    return codes, _missing(name, codes < 0, set())


def _sold_twice(
    market: Market, home: NDArray[np.int64], when: "pd.Series[Any]", table: pa.Table, offset: int
) -> list[Problem]:
    """Return a problem for each sale that stands in the file already: the same home on the same day."""
    rows = np.arange(len(home))
    first = pd.Series(rows).groupby([home, when], dropna=False).transform("min").to_numpy()
    again = np.flatnonzero(first != rows)
    name, on = str(market.sale_id), market.sale_date or market.price
    homes, days = (table.column(column).take(pa.array(again)).to_pylist() for column in (name, on))
    return [
        Problem(row, name, f"the sale of {sold} ({on} {day}) stands in row {earlier + offset} already")
        for row, earlier, sold, day in zip(again.tolist(), first[again].tolist(), homes, days, strict=True)
    ]


def _report(columns: Mapping[str, str], path: Path, problems: list[Problem]) -> str:
    """Tell the problems; columns: feature name → its column in this file."""
    lines = []
    for problem in sorted(problems, key=lambda problem: problem.row)[:MAX_REPORTED]:
        column = columns.get(problem.field, problem.field)
        named = f"{column} ({problem.field})" if column != problem.field else column
        lines.append(f"  row {problem.row + first_row(path)}, column {named}: {problem.message}")
    if len(problems) > MAX_REPORTED:
        lines.append(f"  and {len(problems) - MAX_REPORTED} more")
    count = "1 value" if len(problems) == 1 else f"{len(problems)} values"
    return f"{path}: {count} cannot be used\n" + "\n".join(lines)
