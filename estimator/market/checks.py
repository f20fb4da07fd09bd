"""Check the facts of homes against what their features allow: single values, columns of JSON, and whole tables.

What a value of each kind looks like is in `kinds`; here come the bounds, the names of columns and missing values.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.columns import Problem, date_column, reject
from estimator.market.conversion import convert_columns
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.values import Stored, parse_date

IS_REQUIRED = "is required"
"""What is wrong with a required fact that is missing."""
_NOT_A_DATE = np.datetime64("NaT")


def check_value(feature: Feature, value: object) -> Stored:
    """Check one value, as JSON gives it.

    Returns
    -------
    float or str
        The value as a column of `Facts` stores it.

    Raises
    ------
    ValueError
        The value is of the wrong type, malformed or out of bounds; the message names it and the bound.
    """
    stored = feature.fact_kind.parse_value(value)
    problem = None if isinstance(stored, str) else feature.out_of_bounds(stored)
    if problem is not None:
        raise ValueError(problem)
    return stored


def check_column(feature: Feature, column: pa.ChunkedArray) -> tuple[NDArray[Any], list[Problem]]:
    """Check one column of a file, all rows at once.

    Returns
    -------
    values
        Shape (n,), as `Facts` stores them; unknown where the cell is empty or has a problem.
    problems
        The cells that cannot be used.
    """
    values, problems = feature.fact_kind.parse_column(feature.name, column)
    if not feature.has_bounds:
        return values, problems
    outside = _is_out_of_bounds(feature, values)
    return values, problems + reject(
        feature.name, values, outside, lambda value: str(feature.out_of_bounds(value)), "out_of_bounds"
    )


def check_values(feature: Feature, values: Sequence[object]) -> tuple[NDArray[Any], list[Problem]]:
    """Check one column of JSON values.

    Array operations find the values that are certainly good; `check_value` decides about all others, so that both
    agree.

    Parameters
    ----------
    values
        n values as JSON gives them; None is an unknown fact.

    Returns
    -------
    values
        Shape (n,), as `Facts` stores them; unknown where the value is None or has a problem.
    problems
        The values that cannot be used.
    """
    kind, check = feature.fact_kind, partial(check_value, feature)
    types = set(map(type, values))
    if types <= {type(None)}:
        return np.full(len(values), kind.unknown, kind.dtype), []
    if "string" in kind.json_types:
        stored, problems = _parse_distinct(feature.name, values, check, kind.unknown)
        return np.array(stored, kind.dtype), problems
    accepted = {int, float, type(None)} | ({bool} if "boolean" in kind.json_types else set())
    known = values if types <= accepted else [value if type(value) in accepted else None for value in values]
    try:
        numbers = np.array(known, np.float64)
    except OverflowError:  # an integer beyond all floats
        numbers = np.full(len(values), np.nan)
    doubtful = _is_doubtful(feature, numbers)
    if type(None) in types:
        doubtful &= np.array([value is not None for value in values])
    problems = []
    for row in np.flatnonzero(doubtful).tolist():
        numbers[row], message = _parse_or_message(check, values[row], np.nan)
        if message is not None:
            problems.append(Problem(row, feature.name, message))
    return numbers, problems


def check_date_values(name: str, values: Sequence[object]) -> tuple[DateArray, list[Problem]]:
    """Check one column of JSON dates: datetime64[D], shape (n,), NaT where the value is None or has a problem."""
    dates, problems = _parse_distinct(name, values, lambda value: np.datetime64(parse_date(value)), _NOT_A_DATE)
    return np.array(dates, "datetime64[D]"), problems


def _is_out_of_bounds(feature: Feature, values: FloatArray) -> BoolArray:
    """Return where numbers are below the minimum or above the maximum, shape (n,)."""
    minimum = -np.inf if feature.minimum is None else feature.minimum
    maximum = np.inf if feature.maximum is None else feature.maximum
    outside: BoolArray = (values < minimum) | (values > maximum)
    return outside


def _is_doubtful(feature: Feature, numbers: FloatArray) -> BoolArray:
    """Return where a number is not certainly a value that the fact may take, shape (n,)."""
    kind = feature.fact_kind
    doubtful: BoolArray = ~np.isfinite(numbers) | _is_out_of_bounds(feature, numbers)
    if kind.choices is not None:
        doubtful |= ~np.isin(numbers, kind.choices)
    if kind.is_whole:
        doubtful |= numbers != np.trunc(numbers)
    return doubtful


def _parse_distinct(
    name: str, values: Sequence[object], parse: Callable[[object], Any], unknown: Any
) -> tuple[list[Any], list[Problem]]:
    """Parse n values, each different text once: a column has few labels and days."""
    by_text = {
        text: _parse_or_message(parse, text, unknown) for text in {value for value in values if type(value) is str}
    }
    parsed = [
        by_text[value] if type(value) is str else _parse_or_message(parse, value, unknown) for value in values
    ]
    problems = [Problem(row, name, message) for row, (_, message) in enumerate(parsed) if message is not None]
    return [value for value, _ in parsed], problems


def _parse_or_message(parse: Callable[[object], Any], value: object, unknown: Any) -> tuple[Any, str | None]:
    """Return the parsed value, or `unknown`, and what is wrong with it."""
    if value is None:
        return unknown, None
    try:
        return parse(value), None
    except ValueError as error:
        return unknown, str(error)


def check_table(features: Sequence[Feature], table: pa.Table) -> tuple[Facts, list[Problem]]:
    """Check the columns of a file, found by a feature's name, its column or an alias.

    Parameters
    ----------
    features
        The facts to find.
    table
        n rows, of text (CSV) or typed (Parquet). Columns that belong to no feature are ignored; an empty cell is
        an unknown fact.

    Returns
    -------
    facts
        The n homes. A value that has a problem is unknown here.
    problems
        Every value that cannot be used, and every required one that is missing, by row.

    Raises
    ------
    ValueError
        Two columns stand for one feature.
    """
    found = find_columns(features, table.column_names)
    columns: dict[str, NDArray[Any]] = {}
    problems: list[Problem] = []
    converted = convert_columns(features, table, found)
    for feature in features:
        kind = feature.fact_kind
        wrong: list[Problem] = []
        if feature.name in found:
            cells, unreadable = converted.get(feature.name, (table.column(found[feature.name]), []))
            columns[feature.name], wrong = check_column(feature, cells)
            wrong += unreadable
        else:
            columns[feature.name] = np.full(table.num_rows, kind.unknown, kind.dtype)
        problems += wrong
        if feature.required:
            problems += missing_values(feature.name, ~Facts(columns).known(feature.name), wrong)
    return Facts(columns), sorted(problems, key=lambda problem: problem.row)


def missing_values(name: str, unknown: BoolArray, problems: Sequence[Problem]) -> list[Problem]:
    """Return a problem for each unknown value of a required field, unless its row has one among `problems`."""
    faulty = {problem.row for problem in problems}
    return [
        Problem(row, name, IS_REQUIRED, kind="missing")
        for row in np.flatnonzero(unknown).tolist()
        if row not in faulty
    ]


def find_columns(features: Sequence[Feature], names: Sequence[str]) -> dict[str, str]:
    """Find which of the given names stand for which features.

    Returns
    -------
    dict
        Feature name → the one given name that stands for it.

    Raises
    ------
    ValueError
        Two of the names stand for one feature.
    """
    by_name = {name: feature for feature in features for name in feature.names}
    found: dict[str, str] = {}
    for name in names:
        feature = by_name.get(name)
        if feature is None:
            continue
        if feature.name in found:
            raise ValueError(
                f"'{found[feature.name]}' and '{name}' both stand for {feature.name}; remove or rename one of them"
            )
        found[feature.name] = name
    return found


def valuation_dates(market: Market, table: pa.Table) -> tuple[DateArray, list[Problem]]:
    """Read the date at which each row of a file is valued: NaT, shape (n,), where the file gives none."""
    if market.sale_date is None or market.sale_date not in table.column_names:
        return np.full(table.num_rows, "NaT", "datetime64[D]"), []
    return date_column(market.sale_date, table.column(market.sale_date))
