"""Many subjects of one request, checked a column at a time: what `schemas` says of one, in a tenth of its time.

A test holds the two together. Knows nothing of requests and answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import DateArray
from estimator.market.checks import check_date_values, check_values
from estimator.market.facts import Facts
from estimator.market.market import VALUATION_DATE, Market
from service.valuation.subject_schema import (
    MAX_SHOWN_NAME,
    NOT_AN_OBJECT,
    duplicate_name_message,
    unknown_name_message,
)

Fault = dict[str, str]
"""`field` and `message`: one thing that is wrong with a subject."""


@dataclass(frozen=True, slots=True)
class CheckedSubjects:
    """n subjects.

    Parameters
    ----------
    facts
        Of all n; what has a fault is unknown here.
    dates
        The day each is valued at, datetime64[D], shape (n,); NaT for the newest sale's.
    faults
        Row → all that is wrong with that subject, as `SubjectSchema.faults` tells it; only rows with a fault.
    """

    facts: Facts
    dates: DateArray
    faults: Mapping[int, list[Fault]]

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which subjects have no fault, shape (n,)."""
        good = np.ones(len(self.dates), np.bool_)
        good[list(self.faults)] = False
        return good


def check_subjects(market: Market, values: Sequence[object], *, has_dates: bool) -> CheckedSubjects:
    """Check n subjects, each as JSON gives it.

    Parameters
    ----------
    dated
        They may name the day they are valued at.
    """
    columns: dict[str, list[Any]] = {}
    strange: dict[int, list[Fault]] = {}
    unknown: dict[int, list[Fault]] = {}
    shapes: dict[tuple[str, ...], list[int]] = {}
    for row, value in enumerate(values):
        if isinstance(value, dict):
            shapes.setdefault(tuple(value), []).append(row)
        else:
            strange[row] = [{"field": "", "message": NOT_AN_OBJECT}]
    targets = _targets(market, has_dates=has_dates)
    twins: dict[int, dict[str, str]] = {}
    for names, rows in shapes.items():
        fields = [targets.get(name) for name in names]
        if None in fields or len(set(fields)) < len(fields):
            _collect_one_by_one(market, targets, values, rows, columns, unknown, twins)
            continue
        for name, field in zip(names, fields, strict=True):
            _column(columns, str(field), len(values), rows, [values[row][name] for row in rows])  # type: ignore[index]
    return _check_columns(market, columns, len(values), strange, twins, unknown)


def check_subject_columns(market: Market, columns: Mapping[str, list[Any]], *, has_dates: bool) -> CheckedSubjects:
    """Check n subjects that come by column; a name that is no fact is a fault of every row.

    Parameters
    ----------
    columns
        Name → n values, as JSON gives them.
    dated
        They may name the day they are valued at.
    """
    targets = _targets(market, has_dates=has_dates)
    n = len(next(iter(columns.values())))
    fields = [targets.get(name) for name in columns]
    if None in fields or len(set(fields)) < len(fields):
        names = list(columns)
        return check_subjects(
            market,
            [dict(zip(names, row, strict=True)) for row in zip(*columns.values(), strict=True)],
            has_dates=has_dates,
        )
    by_field = {str(field): values for field, values in zip(fields, columns.values(), strict=True)}
    return _check_columns(market, by_field, n, {}, {}, {})


def _targets(market: Market, *, has_dates: bool) -> dict[str, str]:
    """Return every name that a subject may hold → the fact it stands for."""
    names = {name: feature.name for name, feature in market.by_name.items()}
    return names | {VALUATION_DATE: VALUATION_DATE} if has_dates else names


def _column(columns: dict[str, list[Any]], field: str, n: int, rows: list[int], values: list[Any]) -> None:
    """Put the values of some rows in their column."""
    if len(rows) == n:
        columns[field] = values
        return
    if field not in columns:
        columns[field] = [None] * n
    column = columns[field]
    for row, value in zip(rows, values, strict=True):
        column[row] = value


def _collect_one_by_one(
    market: Market,
    targets: Mapping[str, str],
    values: Sequence[Any],
    rows: Iterable[int],
    columns: dict[str, list[Any]],
    unknown: dict[int, list[Fault]],
    twins: dict[int, dict[str, str]],
) -> None:
    """Gather subjects with a name that is no fact, or with two for one: which of them count depends on nulls."""
    for row in rows:
        named: dict[str, str] = {}
        strangers = []
        for name, value in values[row].items():
            if value is None:
                continue
            field = targets.get(name)
            if field is None:
                strangers.append(name)
            elif field in named:
                twins.setdefault(row, {})[field] = duplicate_name_message(named[field], name, field)
                named[field] = name
            else:
                named[field] = name
                _column(columns, field, len(values), [row], [value])
        if strangers:
            unknown[row] = [
                {"field": name[:MAX_SHOWN_NAME], "message": unknown_name_message(market)} for name in sorted(strangers)
            ]


def _check_columns(
    market: Market,
    columns: Mapping[str, list[Any]],
    n: int,
    strange: Mapping[int, list[Fault]],
    twins: Mapping[int, Mapping[str, str]],
    unknown: Mapping[int, list[Fault]],
) -> CheckedSubjects:
    """Check the gathered columns, and tell each row's faults in the order that one subject's are told."""
    faults: dict[int, list[Fault]] = {row: list(told) for row, told in strange.items()}
    checked: dict[str, NDArray[Any]] = {}
    for feature in market.features:
        values = columns.get(feature.name, [None] * n)
        column, problems = check_values(feature, values)
        checked[feature.name] = column
        messages = {problem.row: problem.message for problem in problems}
        if feature.required:
            missing = np.flatnonzero(~Facts(checked).known(feature.name)).tolist()
            messages = {row: messages.get(row, "is required") for row in missing if row not in strange}
        _tell(faults, feature.name, messages, twins)
    dates, problems = check_date_values(VALUATION_DATE, columns.get(VALUATION_DATE, [None] * n))
    _tell(faults, VALUATION_DATE, {problem.row: problem.message for problem in problems}, twins)
    for row, told in unknown.items():
        faults.setdefault(row, []).extend(told)
    return CheckedSubjects(Facts(checked), dates, faults)


def _tell(
    faults: dict[int, list[Fault]], field: str, messages: dict[int, str], twins: Mapping[int, Mapping[str, str]]
) -> None:
    """Add what is wrong with one fact to the faults of its rows."""
    if twins:
        messages = messages | {row: told[field] for row, told in twins.items() if field in told}
    for row, message in messages.items():
        faults.setdefault(row, []).append({"field": field, "message": message})
