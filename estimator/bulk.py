"""Valuing files of any size: piece by piece on all cores, every row answered, in the order it came."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser, Valuations
from estimator.errors import DataError
from estimator.market.columns import Problem, check_table, find_columns, valuation_dates
from estimator.market.facts import BoolArray, Facts
from estimator.market.market import ANSWER_COLUMNS, Market
from estimator.market.tables import read_pieces, write_whole
from estimator.threads import parallel_imap

SEPARATOR = "; "
"""Between the entries of one cell."""


def predict_file(
    appraiser: Appraiser, source: Path, target: Path, progress: Callable[[int], object] = lambda _: None
) -> tuple[int, int]:
    """Value every row of a file.

    The target has the source's columns as they came, then the valuation's. A row that cannot be valued has an
    empty valuation and says why in `error`. The target appears whole or not at all.

    Parameters
    ----------
    source, target
        CSV or Parquet, by the names' endings.
    progress
        Told how many rows each finished piece had.

    Returns
    -------
    tuple of int
        Rows valued, and rows with an error.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column that the target is to have; or the
        target cannot be written.
    """
    pieces = checked_pieces(source, partial(check_header, appraiser.market))
    valued, failed = 0, 0
    with closing(parallel_imap(lambda piece: value_table(appraiser, piece).table, pieces)) as tables:
        first = next(tables)
        with write_whole(target, first.schema) as writer:
            for answered in chain([first], tables):
                writer.write_table(answered)
                errors = answered.column("valuation_price").null_count
                valued, failed = valued + answered.num_rows - errors, failed + errors
                progress(answered.num_rows)
    return valued, failed


def checked_pieces(source: Path, check: Callable[[Sequence[str]], None]) -> Iterator[pa.Table]:
    """Read a file piece by piece, once the names of its columns have passed a check.

    Raises
    ------
    DataError
        The file cannot be read, or what the check says of it.
    """
    pieces = read_pieces(source)
    first = next(pieces)
    try:
        check(first.column_names)
    except DataError as error:
        raise DataError(f"{source}: {error}") from error
    yield first
    yield from pieces


def check_header(market: Market, names: Sequence[str]) -> None:
    """Refuse a table that cannot be answered, by the names of its columns.

    Raises
    ------
    DataError
        A required fact has no column, two columns stand for one, or one is named as the answer's are.
    """
    taken = [name for name in names if name in ANSWER_COLUMNS]
    if taken:
        dated = f" (a day of valuation is called '{market.sale_date}')" if market.sale_date else ""
        raise DataError(f"column '{taken[0]}' is one that the answer is to have; rename it{dated}")
    try:
        found = find_columns(market.features, names)
    except ValueError as error:
        raise DataError(str(error)) from error
    for feature in market.features:
        if feature.required and feature.name not in found:
            raise DataError(
                f"there is no column for {feature.name}, which is required; "
                f"it may be called {', '.join(feature.names)}"
            )


@dataclass(frozen=True)
class Answered:
    """n rows of a table, answered.

    Parameters
    ----------
    table
        The rows with their valuations appended.
    facts
        What was read of the n homes.
    good
        Which rows have no fault, shape (n,).
    priced
        Which of them were not refused a price either, shape (n,).
    """

    table: pa.Table
    facts: Facts
    good: BoolArray
    priced: BoolArray


def value_table(appraiser: Appraiser, piece: pa.Table, confidence: float = CONFIDENCE) -> Answered:
    """Value n rows, whose header `check_header` has passed; `confidence` as `Appraiser.value` takes it."""
    facts, problems = check_table(appraiser.market.features, piece)
    date, faults = valuation_dates(appraiser.market, piece)
    errors = row_errors(problems + faults, piece.num_rows)
    good = errors == ""
    values = appraiser.value(facts.take(good), date[good], confidence)
    errors[good] = refusal_texts(values)
    for name, column in valuation_columns(values.take(values.priced), errors == "").items():
        piece = piece.append_column(name, column)
    table = piece.append_column("error", pa.array(errors, pa.string()))
    return Answered(table, facts, good, errors == "")


def valuation_columns(values: Valuations, good: BoolArray) -> dict[str, pa.Array]:
    """Return the valuations of the good rows as columns of all n rows, empty elsewhere."""
    numbers = dict(
        zip(ANSWER_COLUMNS[:4], (values.price, values.low, values.high, values.fsd.round(4)), strict=True)
    )
    columns = {name: spread(column, good, pa.float64()) for name, column in numbers.items()}
    dates = np.full(len(values), "") if values.date is None else values.date.astype(str)
    columns["valuation_date"] = spread(dates, good, pa.string())
    for name, marks in (
        ("looked_up", values.looked_up),
        ("unknown", values.unknown),
        ("warnings", values.warnings),
    ):
        columns[name] = spread(_joined(marks, len(values)), good, pa.string())
    return columns


def refusal_texts(values: Valuations) -> NDArray[Any]:
    """Return why each of n subjects has no price, '' where it has one, shape (n,)."""
    problems = [
        Problem(row, field, message) for row, refusals in values.refusals.items() for field, message in refusals
    ]
    return row_errors(problems, len(values))


def spread(column: NDArray[Any], good: BoolArray, kind: pa.DataType) -> pa.Array:
    """Return the values of the good rows as a column of all n rows, empty elsewhere."""
    every = np.full(len(good), None, object)
    every[good] = column
    return pa.array(every, kind)


def _joined(marks: Mapping[str, BoolArray], n: int) -> NDArray[Any]:
    """Return the names that are marked in each of n rows as one text; rows share few combinations."""
    if not marks:
        return np.full(n, "", object)
    names = list(marks)
    combinations, which = np.unique(np.column_stack(list(marks.values())), axis=0, return_inverse=True)
    texts = [
        SEPARATOR.join(name for name, marked in zip(names, row, strict=True) if marked) for row in combinations
    ]
    return np.array(texts, object)[which]


def row_errors(problems: list[Problem], n: int) -> NDArray[Any]:
    """Return what is wrong with each of n rows, '' where nothing is."""
    errors = np.full(n, "", object)
    for problem in problems:
        errors[problem.row] += (SEPARATOR if errors[problem.row] else "") + str(problem)
    return errors
