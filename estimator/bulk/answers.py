"""A piece of a table → the same rows with an answer in each: the valuation, or why there is none."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.columns import Problem
from estimator.market.facts import Facts
from estimator.market.homes_file import HomesTable
from estimator.market.market import ABOVE_COLUMN, ANSWER_COLUMNS, INDEX_COLUMN
from estimator.model.price_index.table import factor_to_dates
from estimator.valuations import Valuations

SEPARATOR = "; "
"""Separates the entries of one cell."""

ValueFunction = Callable[[Facts, DateArray, float], Valuations]
"""Facts of n homes, their valuation dates, a confidence level → their valuations, as `Appraiser.value` does."""

INDEX_DECIMALS = 6
"""Of the price index in a file, so that it can be multiplied by prices of millions."""


REASONS: Mapping[str, Callable[[Appraiser, Facts, DateArray], Sequence[Any] | None]] = {
    "comparables": Appraiser.comparables,
    "contributions": Appraiser.contributions,
}
"""Reasons for a price that a file can have, each as a column: its name → the reasons of n homes, with a method
`as_dict`; None where the market has none."""


@dataclass(frozen=True)
class AnsweredTable:
    """n rows of a table with their answers.

    Parameters
    ----------
    table
        The rows with the columns of the answer appended.
    facts
        The facts of the n homes.
    valid
        Which rows have no problem in their facts, shape (n,).
    priced
        Which of the valid rows were valued, shape (n,).
    problems
        What is wrong with the values of the others.
    """

    table: pa.Table
    facts: Facts
    valid: BoolArray
    priced: BoolArray
    problems: Sequence[Problem]


def value_table(
    appraiser: Appraiser,
    homes: HomesTable,
    confidence: float = CONFIDENCE,
    value: ValueFunction | None = None,
    *,
    with_index: bool = False,
    include: Sequence[str] = (),
) -> AnsweredTable:
    """Value n rows with a header that `check_header` has accepted.

    Parameters
    ----------
    confidence
        As `Appraiser.value` takes it.
    value
        How homes are valued, if not by `Appraiser.value`.
    with_index
        Whether to add the column `INDEX_COLUMN`, for a market with dates.
    include
        Names in `REASONS`: each is a column of JSON.
    """
    piece = homes.table
    facts, date, problems = homes.check()
    errors = row_errors(problems, piece.num_rows)
    valid = errors == ""
    values = (value or appraiser.value)(facts.take(valid), date[valid], confidence)
    values = with_notes(values, homes.notes)
    errors[valid] = refusal_texts(values)
    priced = errors == ""
    for name, column in valuation_columns(values.take(values.priced), priced).items():
        piece = piece.append_column(name, column)
    if with_index:
        factor = _index_factors(appraiser, facts.take(priced), values.take(values.priced).date)
        piece = piece.append_column(INDEX_COLUMN, fill_rows(factor, priced, pa.float64()))
    for name in include:
        reasons = REASONS[name](appraiser, facts.take(priced), date[priced])
        piece = piece.append_column(name, fill_rows(_as_json(reasons), priced, pa.string()))
    table = piece.append_column("error", _texts(errors))
    return AnsweredTable(table, facts, valid, priced, problems)


def _as_json(reasons: Sequence[Any] | None) -> NDArray[Any]:
    """Return reasons as texts of JSON, as the server answers them; no texts for None."""
    return np.array([json.dumps(each.as_dict(), ensure_ascii=False) for each in reasons or ()], object)


def with_notes(values: Valuations, notes: Sequence[str]) -> Valuations:
    """Return the valuations with warnings that concern all homes of a file."""
    everywhere = np.ones(len(values), np.bool_)
    return replace(values, warnings={**values.warnings, **dict.fromkeys(notes, everywhere)})


def valuation_columns(values: Valuations, rows: BoolArray) -> dict[str, pa.Array]:
    """Return valuations as columns of a table: `rows`, shape (n,), marks those valued; the others are empty."""
    sureness = values.fsd.round(4), values.probability_within_10.round(4)
    numbers = dict(zip(ANSWER_COLUMNS[:5], (values.price, values.low, values.high, *sureness), strict=True))
    if values.probability_above is not None:
        numbers[ABOVE_COLUMN] = values.probability_above.round(4)
    columns = {name: fill_rows(column, rows, pa.float64()) for name, column in numbers.items()}
    if values.date is None:
        columns["valuation_date"] = _fill_texts(pa.repeat("", len(values)), rows)
    else:
        columns["valuation_date"] = fill_rows(values.date, rows, pa.date32()).cast(pa.string())
    for name, marks in (
        ("looked_up", values.looked_up),
        ("unknown", values.unknown),
        ("warnings", values.warnings),
    ):
        columns[name] = _fill_texts(_join_marked(marks, len(values)), rows)
    return columns


def _index_factors(appraiser: Appraiser, facts: Facts, date: DateArray | None) -> FloatArray:
    """Return the factor from prices in the newest month with sales to those on each home's date, shape (n,)."""
    completed, _ = appraiser.areas.complete(facts)
    return factor_to_dates(appraiser.market, appraiser.model.index, completed, date).round(INDEX_DECIMALS)


def refusal_texts(values: Valuations) -> NDArray[Any]:
    """Return why each of n homes was not valued, '' where it was, shape (n,)."""
    problems = [
        Problem(row, field, message) for row, refusals in values.refusals.items() for field, message in refusals
    ]
    return row_errors(problems, len(values))


def fill_rows(column: NDArray[Any], rows: BoolArray, kind: pa.DataType) -> pa.Array:
    """Return a column with the given values in the marked rows, shape (n,), and null in the others and for NaN."""
    filled, empty = np.zeros(len(rows), column.dtype), ~rows
    filled[rows] = column
    if filled.dtype.kind == "f":
        empty |= np.isnan(filled)  # with a mask, Arrow keeps NaN
    return pa.array(filled, kind, mask=empty)


def _fill_texts(texts: pa.Array, rows: BoolArray) -> pa.Array:
    """Return a column with the given texts in the marked rows, shape (n,), and null in the others."""
    return texts if rows.all() else texts.take(pa.array(np.cumsum(rows) - 1, mask=~rows))


def _texts(texts: NDArray[Any]) -> pa.Array:
    """Return an array of Python's texts as Arrow's."""
    return pa.array(texts, pa.string()) if texts.any() else pa.repeat("", len(texts))


def row_errors(problems: list[Problem], n: int) -> NDArray[Any]:
    """Return the problems of each of n rows as one text, '' where there are none, shape (n,)."""
    errors = np.full(n, "", object)
    for problem in problems:
        errors[problem.row] += (SEPARATOR if errors[problem.row] else "") + str(problem)
    return errors


def _join_marked(marks: Mapping[str, BoolArray], n: int) -> pa.Array:
    """Return the names marked in each of n rows as one text; built once per distinct combination of marks."""
    if not marks:
        return pa.repeat("", n)
    bits = np.packbits(np.column_stack(list(marks.values())), axis=1)
    cells = [None, pa.py_buffer(bits)]
    coded = pa.FixedSizeBinaryArray.from_buffers(pa.binary(bits.shape[1]), n, cells).dictionary_encode()
    texts = []
    for combination in coded.dictionary.to_pylist():
        marked = np.unpackbits(np.frombuffer(combination, np.uint8), count=len(marks))
        texts.append(SEPARATOR.join(compress(marks, marked)))
    return pa.array(texts, pa.string()).take(coded.indices)
