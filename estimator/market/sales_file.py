"""Reads files of sales: as far as they can be used, with a list of the others, or strictly as a whole."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import DateArray, FloatArray, LabelArray
from estimator.market.checks import check_table, find_columns, missing_values
from estimator.market.columns import Problem, date_column, number_column, text_array, text_column
from estimator.market.csv_reader import MalformedRows
from estimator.market.fault_groups import format_faults
from estimator.market.file_rows import FileRows
from estimator.market.market import LIST_PRICES, Market
from estimator.market.price_leaks import refuse_leaks
from estimator.market.row_filter import matching_rows, named_columns
from estimator.market.sales import Sales
from estimator.market.sales_source import SalesSource, SourceRows
from estimator.market.source_forms import plain_rows
from estimator.market.text.names import plain_name, resembling
from estimator.market.text_forms import TextForms, known_names
from estimator.market.validation.overrides import Override
from estimator.market.validation.parsed_sales import ParsedSales
from estimator.market.validation.validate import ValidatedSales, validate_sales

_MAX_FILES = 3
"""Files named, at most, that lack a fact; the others are counted."""
_MAX_NAMES = 30
"""Columns that a message lists: most files have no more, and the lines above it stay on the screen."""


def read_validated_sales(
    market: Market,
    path: Path | SalesSource,
    known: Sales | None = None,
    overrides: Sequence[Override] = (),
    *,
    strict: bool = False,
) -> ValidatedSales:
    """Read a file of sales; sales that are wrong, or look so, are set aside with their reasons.

    Parameters
    ----------
    known, overrides, strict
        As `validate_sales` takes them.

    Raises
    ------
    DataError
        The file cannot be read, has no rows or lacks a column; or as `validate_sales`; or a fact leaks the price.
    """
    return _validate(parse_sales(market, path), known, overrides, strict=strict)


def read_sales(market: Market, path: Path | SalesSource, *, strict: bool = False) -> Sales:
    """Read the sales of a file that a training uses, before some of them are found absurd beside the others.

    Parameters
    ----------
    strict
        As `validate_sales` takes it.

    Raises
    ------
    DataError
        As `read_validated_sales`. The message names row, column, value and bound; the header of a CSV file is row
        1, as in a spreadsheet.
    """
    return read_validated_sales(market, path, strict=strict).sales


def read_closed_listings(market: Market, path: Path | SalesSource) -> tuple[Sales, FloatArray]:
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
    source = _source(market, path)
    read, malformed = _read(market, source)
    table = read.table
    names = [name for name in LIST_PRICES if name in table.column_names]
    if len(names) != 1:
        count = "no column" if not names else "more than one column"
        raise DataError(f"{source}: {count} of list prices; one column must be named {' or '.join(LIST_PRICES)}")
    validated = _validate(_parse(market, source, replace(read, table=table.drop_columns(names)), malformed))
    list_price, problems = number_column(names[0], table.column(names[0]))
    problems += _not_positive(names[0], list_price)
    if problems:
        faults = format_faults(problems, str, read.rows.place)
        raise DataError(f"{source}: list prices cannot be used\n{faults}")
    list_price = list_price[validated.index]
    if np.isnan(list_price).all():
        raise DataError(f"{source}: column '{names[0]}' is empty")
    return validated.sales, list_price


def parse_sales(market: Market, path: Path | SalesSource) -> ParsedSales:
    """Read all rows of a file of sales and find the values that cannot be used.

    Raises
    ------
    DataError
        The file cannot be read, has no rows or lacks a column.
    """
    source = _source(market, path)
    return _parse(market, source, *_read(market, source))


def _source(market: Market, path: Path | SalesSource) -> SalesSource:
    return path if isinstance(path, SalesSource) else SalesSource((path,), market.columns, market.separator)


def _read(market: Market, source: SalesSource) -> tuple[SourceRows, list[Problem]]:
    """Return the rows of a source, and a problem for each that does not fit the header."""
    malformed = MalformedRows()
    read = source.read(malformed, _is_read(market), _fact_of(market))
    problems = [Problem(row, "", why, kind="malformed_row") for row, why in sorted(malformed.messages.items())]
    return read.without_blank_end(), problems


def _validate(
    parsed: ParsedSales,
    known: Sales | None = None,
    overrides: Sequence[Override] = (),
    *,
    strict: bool = False,
) -> ValidatedSales:
    """Set sales aside, then refuse a fact that leaks the price."""
    share = parsed.market.max_unreadable_share
    validated = validate_sales(parsed, known, overrides, strict=strict, max_unreadable=share)
    sales = validated.sales
    refuse_leaks(parsed.market, parsed.path, sales.facts, sales.price, parsed.columns)
    return validated


def _parse(market: Market, source: SalesSource, read: SourceRows, malformed: Sequence[Problem]) -> ParsedSales:
    """Return the rows that were read from some files; some of them do not fit the header."""
    raw = read.table
    _refuse_double_names(market, source, read.rows)
    try:
        forms, table = plain_rows(market, source, read)
        _check_headers(market, source, forms, read.rows)
        if raw.num_rows == 0:
            raise DataError(f"{source}: there are no sales, only a header")
        facts, problems = check_table(market.features, table)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from error
    # Lines without a cell are no sales: programs write one after each row where they confuse the ends of lines.
    selected = ~read.blank if market.where is None else ~read.blank & matching_rows(market.where, table)
    if not selected.any():
        raise DataError(f"{source}: no sale meets the market's condition where = {market.where}")
    price, faults = number_column(market.price, table.column(market.price))
    problems += faults + missing_values(market.price, np.isnan(price), faults) + _not_positive(market.price, price)
    date: DateArray | None = None
    if market.sale_date is not None:
        date, faults = date_column(market.sale_date, table.column(market.sale_date))
        problems += faults + missing_values(market.sale_date, np.isnat(date), faults)
    home, sale_id = np.arange(table.num_rows), None
    if market.sale_id is not None:
        home, sale_id, faults = _number_homes(market.sale_id, table.column(market.sale_id))
        problems += faults
    spoiled = {problem.row for problem in malformed}
    problems = [*malformed, *(problem for problem in problems if problem.row not in spoiled)]
    problems.sort(key=lambda problem: problem.row)
    columns = find_columns(market.features, table.column_names)
    return ParsedSales(
        market,
        source,
        raw,
        table,
        {known: name for name, known in forms.names.items()},
        columns,
        Sales(facts, price, date, home, sale_id, _addresses(market, source, table, read.rows)),
        tuple(problem for problem in problems if selected[problem.row]),
        read.rows,
        _unread(market, forms, raw.column_names),
        _lacking(market, forms, read.rows),
        selected,
        read.digests,
    )


def _addresses(market: Market, source: SalesSource, table: pa.Table, rows: FileRows) -> LabelArray | None:
    """Return the homes' addresses, empty where unknown; None in a market without."""
    if market.address is None:
        return None
    cells, problems = text_column(market.address, table.column(market.address))
    if problems:
        raise DataError(f"{source}: addresses cannot be used\n{format_faults(problems, str, rows.place)}")
    return text_array(cells)


def _is_read(market: Market) -> Callable[[str], bool]:
    """Return a function: name of a column → whether anything may be read from it."""
    own = (market.price, market.sale_date, market.sale_id, market.address, *LIST_PRICES)
    names = {name for name in own if name is not None}.union(*(feature.names for feature in market.features))
    if market.where is not None:
        names |= named_columns(market.where)
    plain = set(map(plain_name, names))
    return lambda name: plain_name(name) in plain


def _fact_of(market: Market) -> Callable[[str], str | None]:
    """Return a function: name of a column → the fact that it stands for; None for no fact or several.

    A fact whose own column is in another unit is none of them: its other names are in the fact's unit.
    """
    facts: dict[str, set[str]] = {plain_name(name): {LIST_PRICES[0]} for name in LIST_PRICES}
    for feature in market.features:
        for name in () if feature.column_unit else feature.names:
            facts.setdefault(plain_name(name), set()).add(feature.name)
    known = {name: found.pop() for name, found in facts.items() if len(found) == 1}
    return lambda name: known.get(plain_name(name))


def _check_headers(market: Market, source: SalesSource, forms: TextForms, rows: FileRows) -> None:
    """Refuse a file without a column that is needed."""
    anywhere = {name for columns in rows.columns for name in forms.plain_names(columns)}
    asked = anywhere & named_columns(market.where) if market.where is not None else frozenset()
    for path, raw_names in zip(source.paths, rows.columns, strict=True):
        _check_header(market, path, forms, raw_names, sorted(asked))


def _refuse_double_names(market: Market, source: SalesSource, rows: FileRows) -> None:
    """Refuse columns of two names for one fact, in one file or, in different units, in two."""
    files = dict(zip(map(str, source.paths), rows.columns, strict=True))
    joined = list(dict.fromkeys(name for columns in rows.columns for name in columns))
    for where, columns in (*files.items(), (str(source), joined)):
        try:
            renamed = known_names(market, market.features, columns)
            find_columns(market.features, [renamed.get(name, name) for name in columns])
        except ValueError as error:
            units = "" if where in files else ", which are in different units"
            raise DataError(f"{where}: {error}{units}") from error


def _check_header(
    market: Market, path: Path, forms: TextForms, raw_names: Sequence[str], asked: Sequence[str]
) -> None:
    """Refuse a file without a column that is needed; some are asked for by the market's `where`."""
    names = forms.plain_names(raw_names)
    own = [name for name in (market.price, market.sale_date, market.sale_id, market.address) if name is not None]
    faults = [
        f"column '{name}' is missing{_meant(name, set(raw_names) - set(own))}" for name in own if name not in names
    ]
    faults += [
        f"column '{feature.column}' ({feature.name}) is missing; it is required"
        for feature in market.features
        if feature.required and not set(feature.names) & set(names)
    ]
    faults += [
        f"column '{name}' is missing; where = {market.where} needs it" for name in asked if name not in names
    ]
    if faults:
        alike = forms.not_read(raw_names)
        faults += [f"column '{name}' is not read; did you mean {fact}?" for name, fact in alike.items()]
        more = ", …" if len(raw_names) > _MAX_NAMES else ""
        faults.append(f"the file has {', '.join(raw_names[:_MAX_NAMES])}{more}; correct its names, or market.toml")
        raise DataError(f"{path}: " + "\n  ".join(faults))


def _meant(name: str, columns: Collection[str]) -> str:
    """Return which column may be meant by a name, after the words that it is missing; '' if none may be."""
    close = resembling(name, columns)
    return "" if close is None else f" (is it '{close}'?)"


def _unread(market: Market, forms: TextForms, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of a file that nothing is read from, without those that the market ignores."""
    own = {market.price, market.sale_date, market.sale_id, market.address, *market.by_name}
    ignored = set(map(plain_name, market.ignore))
    alike = forms.not_read(names)
    return tuple(
        f"{name} (did you mean {alike[name]}?)" if name in alike else name.strip() or "one without a name"
        for name in names
        if forms.names.get(name, name) not in own and plain_name(name) not in ignored
    )


def _lacking(market: Market, forms: TextForms, rows: FileRows) -> tuple[str, ...]:
    """Return the facts that some of the files have and others lack, each with the files that lack it."""
    known = [set(forms.plain_names(columns)) for columns in rows.columns]
    lacking = []
    for feature in market.features:
        files = [name for name, names in zip(rows.names, known, strict=True) if names.isdisjoint(feature.names)]
        if files and len(files) < len(known):
            more = f" and {len(files) - _MAX_FILES:,} more" if len(files) > _MAX_FILES else ""
            lacking.append(f"{feature.name} ({', '.join(files[:_MAX_FILES])}{more})")
    return tuple(lacking)


def _not_positive(name: str, amount: FloatArray) -> list[Problem]:
    return [
        Problem(int(row), name, f"{amount[row]:.15g} is not above 0", f"{amount[row]:.15g}", "not_positive")
        for row in np.flatnonzero(amount <= 0)
    ]


def _number_homes(name: str, column: pa.ChunkedArray) -> tuple[NDArray[np.int64], LabelArray, list[Problem]]:
    """Number the homes by their identifier; return the identifiers too."""
    cells, problems = text_column(name, column)
    text = pc.utf8_trim_whitespace(cells)
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    coded = text.combine_chunks().dictionary_encode()
    codes: NDArray[np.int64] = pc.fill_null(coded.indices, -1).to_numpy().astype(np.int64)
    problems = problems + missing_values(name, codes < 0, problems)
    return codes, text_array(text), problems
