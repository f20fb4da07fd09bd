"""Decides which sales of a file are used: applies the rules in their order, then the user's overrides.

A sale that one rule has set aside is not seen by the next ones: a price of $1 does not hide a price of $1,000.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import BoolArray
from estimator.market.columns import FaultKind, Problem
from estimator.market.fault_groups import format_faults
from estimator.market.file_rows import FileRows
from estimator.market.sales import Sales
from estimator.market.sales_source import SalesSource
from estimator.market.validation.dates import mistyped_dates
from estimator.market.validation.impossible import impossible_facts
from estimator.market.validation.overrides import Override, apply_overrides
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.places import misplaced
from estimator.market.validation.prices import far_prices, shared_totals
from estimator.market.validation.reasons import (
    DROPPED,
    FAR_PLACE,
    HEADER_AGAIN,
    MALFORMED,
    MISSING,
    NO_PRICE,
    OUT_OF_BOUNDS,
    SEVERITIES,
    UNREADABLE,
    SetAside,
)
from estimator.market.validation.repeats import copied_rows, repeated_sales
from estimator.wording import plural

Rule = Callable[[ParsedSales, BoolArray, Sales | None], list[Finding]]
"""Parsed sales, which rows are not set aside yet, shape (n,), and sales that are known to be right, or None → what
is wrong with some of those rows."""

RULES: tuple[Rule, ...] = (
    copied_rows,
    impossible_facts,
    mistyped_dates,
    shared_totals,
    far_prices,
    repeated_sales,
)
"""In this order: a nominal deed beside a real sale on one day is a far price, and the real sale stays."""

_REASON_OF_FAULT: Mapping[FaultKind, str] = {
    "unreadable": UNREADABLE,
    "missing": MISSING,
    "out_of_bounds": OUT_OF_BOUNDS,
    "not_positive": NO_PRICE,
    "malformed_row": MALFORMED,
}


@dataclass(frozen=True)
class ValidatedSales:
    """The sales of a file, and those of them that are not used.

    Parameters
    ----------
    path
        The files.
    sales
        The sales that are used, in the order of the file.
    index
        Their rows among all rows of the files, from 0, shape (n,).
    rows
        Where each row is in the files.
    kept
        Which of them no rule may set aside, because the user keeps them, shape (n,).
    n_rows
        Number of all rows of the file that the market is about.
    set_aside
        The sales that are not used, by row.
    suspects
        Those of them that have a price and all required facts, and could be used.
    max_unreadable
        The largest share of rows that may be unreadable.
    unread
        Columns of the file that nothing is read from.
    lacking
        Facts that some of several files lack, each with these files.
    label_variants
        Labels that differ only in case, or in zeros in front: they count as different ones.
    overrides
        The user's overrides.
    """

    path: SalesSource
    sales: Sales
    index: NDArray[np.int64]
    rows: FileRows
    kept: BoolArray
    n_rows: int
    set_aside: tuple[SetAside, ...]
    suspects: Sales
    max_unreadable: float
    unread: tuple[str, ...]
    lacking: tuple[str, ...]
    label_variants: tuple[str, ...]
    overrides: tuple[Override, ...]

    @property
    def row(self) -> NDArray[np.int64]:
        """Numbers of the rows of the sales in their files, as a spreadsheet shows them, shape (n,)."""
        return self.rows.numbers(self.index)


def validate_sales(
    parsed: ParsedSales,
    known: Sales | None = None,
    overrides: Sequence[Override] = (),
    *,
    strict: bool = False,
    max_unreadable: float = 1.0,
) -> ValidatedSales:
    """Return which sales of a file are used, and which are set aside with their reasons.

    Parameters
    ----------
    known
        Sales that are known to be right, which the sales of the file are compared with too.
    strict
        Whether a file with a sale that is certainly wrong is refused.
    max_unreadable
        The largest share of rows that may be unreadable.

    Raises
    ------
    DataError
        Too many rows cannot be read, or a sale is wrong and `strict` is set, or no sale is left, or an override
        names no sale or keeps one that cannot be read.
    """
    found = _find(parsed, known)
    if strict:
        _refuse_wrong(parsed, found)
    _refuse_unreadable(parsed, found, max_unreadable)
    kept, dropped = apply_overrides(overrides, len(parsed), parsed.sales.sale_id, parsed.rows)
    usable = _could_be_used(parsed)
    for row, override in kept.items():
        finding = found.pop(row, None)
        if finding is not None and not usable[row]:
            raise DataError(f"override '{override}': {_entry(parsed, finding)}; it cannot be used")
    for row, override in dropped.items():
        found[row] = Finding(row, "", DROPPED, override.note or "no note")
    used = parsed.selected.copy()
    used[list(found)] = False
    if not used.any():
        count = plural(int(parsed.selected.sum()), "sale is", "sales are")
        raise DataError(f"{parsed.path}: {count} set aside, and none is left\n{_grouped(parsed, found.values())}")
    return ValidatedSales(
        parsed.path,
        parsed.sales.take(used),
        np.flatnonzero(used),
        parsed.rows,
        np.isin(np.flatnonzero(used), list(kept)),
        int(parsed.selected.sum()),
        tuple(_entry(parsed, found[row]) for row in sorted(found)),
        parsed.sales.take(parsed.selected & ~used & usable),
        max_unreadable,
        parsed.unread,
        parsed.lacking,
        _label_variants(parsed, used),
        tuple(overrides),
    )


def _label_variants(parsed: ParsedSales, used: BoolArray) -> tuple[str, ...]:
    """Return the labels of the sales that are used which differ only in case, a text for each group of them.

    Zeros in front do not count either: programs that take the postal code 02138 for a number write 2138.
    """
    texts = []
    for feature in parsed.market.labels:
        variants: dict[str, list[str]] = {}
        for label in np.unique(parsed.sales.facts[feature.name][used]).tolist():
            variants.setdefault(label.casefold().lstrip("0"), []).append(f"'{label}'")
        texts += [f"{feature.name} {' and '.join(group)}" for group in variants.values() if len(group) > 1]
    return tuple(texts)


def _find(parsed: ParsedSales, known: Sales | None) -> dict[int, Finding]:
    """Return row → why it is set aside, before any override."""
    found = _faults(parsed)
    usable = parsed.selected.copy()
    # A swapped coordinate can be out of its bounds: the reason is that it is swapped.
    coordinates = set(parsed.market.coordinates or ())
    only_place = {row for row, finding in found.items() if finding.field in coordinates}
    usable[[row for row in found if row not in only_place]] = False
    for finding in misplaced(parsed, usable, known):
        if finding.reason != FAR_PLACE or finding.row not in found:
            found[finding.row] = finding
    usable[list(found)] = False
    for rule in RULES:
        for finding in rule(parsed, usable, known):
            found.setdefault(finding.row, finding)
        usable[list(found)] = False
    return found


def _faults(parsed: ParsedSales) -> dict[int, Finding]:
    """Return row → the faults of its values; the first one decides the reason, and the detail names all."""
    by_row: dict[int, list[Problem]] = {}
    for problem in parsed.problems:
        by_row.setdefault(problem.row, []).append(problem)
    price = parsed.column_of(parsed.market.price)
    header = {row for row in by_row if parsed.cell(row, price) == price}
    found = {}
    for row, problems in by_row.items():
        first = min(problems, key=lambda problem: SEVERITIES[_REASON_OF_FAULT[problem.kind]] != "unreadable")
        others = [f"{parsed.column_of(other.field)} {other.message}" for other in problems if other is not first]
        detail = "; ".join([first.message, *others])
        found[row] = (
            Finding(row, parsed.market.price, HEADER_AGAIN, "the row repeats the names of the columns")
            if row in header
            else Finding(row, first.field, _REASON_OF_FAULT[first.kind], detail)
        )
    return found


def _could_be_used(parsed: ParsedSales) -> BoolArray:
    """Return which rows have a price, a date where the market has dates, and all required facts, shape (n,)."""
    sales, market = parsed.sales, parsed.market
    usable: BoolArray = sales.price > 0
    if sales.date is not None:
        usable &= ~np.isnat(sales.date)
    if sales.sale_id is not None:
        usable &= sales.sale_id != ""
    for feature in market.features:
        if feature.required:
            usable &= sales.facts.known(feature.name)
    return usable


def _entry(parsed: ParsedSales, finding: Finding) -> SetAside:
    column = parsed.column_of(finding.field)
    value = parsed.cell(finding.row, column) if column else ""
    number, file = parsed.rows.number(finding.row), parsed.rows.file(finding.row)
    return SetAside(number, column, value, finding.reason, finding.detail, file)


def _refuse_wrong(parsed: ParsedSales, found: Mapping[int, Finding]) -> None:
    wrong = [finding for finding in found.values() if SEVERITIES[finding.reason] != "suspect"]
    if wrong:
        count = plural(len(wrong), "sale")
        raise DataError(f"{parsed.path}: {count} cannot be used\n{_grouped(parsed, wrong)}")


def _refuse_unreadable(parsed: ParsedSales, found: Mapping[int, Finding], share: float) -> None:
    unreadable = [
        finding
        for row, finding in found.items()
        if parsed.selected[row] and SEVERITIES[finding.reason] == "unreadable"
    ]
    n_rows = int(parsed.selected.sum())
    if len(unreadable) > share * n_rows:
        percent = 100 * len(unreadable) / n_rows
        raise DataError(
            f"{parsed.path}: {len(unreadable):,} of {plural(n_rows, 'sale')} ({percent:.3g}%) cannot be read; at"
            f" most {100 * share:g}% may be (max_unreadable_share in market.toml)\n" + _grouped(parsed, unreadable)
        )


def _grouped(parsed: ParsedSales, findings: Iterable[Finding]) -> str:
    """Return the faults of some rows, grouped: those of single values by column and fault, others by reason."""
    by_row = {finding.row: finding for finding in findings}
    cells = [problem for problem in parsed.problems if problem.row in by_row]
    others = {row: finding for row, finding in by_row.items() if row not in {cell.row for cell in cells}}
    frequency = Counter(finding.reason for finding in others.values())
    for row, finding in others.items():
        value = parsed.cell(row, parsed.column_of(finding.field))
        alone = frequency[finding.reason] == 1
        message = finding.detail if alone else f"{value} is {finding.reason}"
        cells.append(Problem(row, finding.field, message, "" if alone else value))
    return format_faults(cells, parsed.column_of, parsed.rows.place)
