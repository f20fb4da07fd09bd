"""From files of listings to deals: homes are valued by their facts alone, then screened by their list prices.

A file is read piece by piece. Until all rows can be ranked, memory holds the file's text and a few numbers per
row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.bulk import (
    AnsweredTable,
    ValueFunction,
    check_header,
    fill_rows,
    refusal_texts,
    row_errors,
    validated_pieces,
    valuation_columns,
    with_notes,
)
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.deals.screening import (
    DEFAULT_PROBABILITY,
    Screening,
    best_first,
    check_ranges,
    list_price_warnings,
    screen,
)
from estimator.errors import DataError
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.market.fault_groups import FaultGroups
from estimator.market.homes_file import HomesTable
from estimator.market.market import Market
from estimator.market.tables import BATCH_ROWS, FIRST_CSV_ROW, first_row, write_atomically
from estimator.valuations import Valuations

PREFIX = "screen_"
RANK = f"{PREFIX}rank"
SCREEN_COLUMNS = (RANK, *(PREFIX + field.name for field in fields(Screening)))
"""Columns of a screened file besides its own and the valuation's, in order."""


class ScreeningCounts(NamedTuple):
    """How many rows of a file are deals, other listings, and rows with an error."""

    deals: int
    others: int
    errors: int


@dataclass(frozen=True)
class ScreeningTerms:
    """What applies to all rows of a table.

    Parameters
    ----------
    costs
        Costs of the listings that do not state their own, by name.
    probability
        Required probability of a resale above the break-even, as `screen` takes it.
    confidence
        Of the price ranges, as `Appraiser.value` takes it.
    """

    costs: Mapping[str, float]
    probability: float = DEFAULT_PROBABILITY
    confidence: float = CONFIDENCE


def value_and_screen(
    value: ValueFunction,
    model: ListPriceModel,
    facts: Facts,
    date: DateArray,
    listings: Listings,
    probability: float = DEFAULT_PROBABILITY,
    confidence: float = CONFIDENCE,
) -> tuple[Valuations, Screening]:
    """Value n listed homes without their list price, then screen them.

    Parameters
    ----------
    value
        How homes are valued, such as `Appraiser.value`.
    facts, date, confidence
        What it gets.
    listings
        List prices and costs.
    model, probability
        As `screen` takes them.

    Returns
    -------
    tuple
        The valuations, and the screening: NaN for a home without a price.
    """
    values = value(facts, date, confidence)
    return values, screen(values.price, values.fsd, listings.list_price, listings.costs, model, probability)


def screen_file(
    appraiser: Appraiser,
    model: ListPriceModel,
    source: Path,
    target: Path,
    costs: Mapping[str, float],
    probability: float = DEFAULT_PROBABILITY,
    progress: Callable[[int], object] = lambda _: None,
    faults: FaultGroups | None = None,
) -> ScreeningCounts:
    """Screen every row of a file of listings.

    The target has the source's columns unchanged, then the valuation's and the screening's, best rows first. Rows
    with an error come last, in their original order, with the reason in `error`. The target is written completely
    or not at all.

    Parameters
    ----------
    source, target
        CSV or Parquet, by the ending of the file name.
    costs, probability
        As `ScreeningTerms` has them.
    progress
        Called with the number of rows of each finished piece.
    faults
        Collects the faults of the rows.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column of the answer; or the target cannot be
        written; or the values have no ranges.
    """
    check_ranges(appraiser.ranges)
    terms = ScreeningTerms(costs, probability)
    duplicates = DuplicateListings()
    tables: list[pa.Table] = []
    market = appraiser.market
    check = partial(check_listings_header, market)
    for piece in validated_pieces(market, listing_table(market).features, source, check):
        answered = _screen(appraiser, model, piece, terms, duplicates, first_row(source))
        if faults is not None:
            faults.add(answered.problems, first_row(source) + sum(table.num_rows for table in tables))
        tables.append(answered.table)
        progress(piece.table.num_rows)
    ranked, n_ranked = _ranked(pa.concat_tables(tables))
    with write_atomically(target, ranked.schema) as writer:
        for start in range(0, max(len(ranked), 1), BATCH_ROWS):
            writer.write_table(ranked.slice(start, BATCH_ROWS))
    deals = pc.sum(ranked.column(f"{PREFIX}deal")).as_py() or 0
    return ScreeningCounts(deals, n_ranked - deals, len(ranked) - n_ranked)


def screen_table(
    appraiser: Appraiser,
    model: ListPriceModel,
    table: HomesTable,
    costs: Mapping[str, float],
    probability: float = DEFAULT_PROBABILITY,
    confidence: float = CONFIDENCE,
    value: ValueFunction | None = None,
) -> AnsweredTable:
    """Screen n rows with a header that `check_listings_header` has accepted, as `screen_file` does for CSV.

    The table in the answer is ranked, best rows first; its other parts are in the original order. `value` says how
    homes are valued, if not by `Appraiser.value`.
    """
    terms = ScreeningTerms(costs, probability, confidence)
    answer = _screen(appraiser, model, table, terms, DuplicateListings(), FIRST_CSV_ROW, value)
    return replace(answer, table=_ranked(answer.table)[0])


def check_listings_header(market: Market, names: Sequence[str]) -> None:
    """Check the column names of a table of listings.

    Raises
    ------
    DataError
        As `check_header`; the list price is required.
    """
    check_header(listing_table(market), names)
    reserved = [name for name in names if name in SCREEN_COLUMNS]
    if reserved:
        raise DataError(f"column '{reserved[0]}' has the name of a column of the answer; rename it")


def _screen(
    appraiser: Appraiser,
    model: ListPriceModel,
    homes: HomesTable,
    terms: ScreeningTerms,
    duplicates: DuplicateListings,
    first_row_number: int,
    value: ValueFunction | None = None,
) -> AnsweredTable:
    """Append valuation and screening to one piece of a table, whose first row has the given number in messages."""
    piece = homes.table
    columns, date, problems = homes.check()
    listings = Listings.of(appraiser.market, columns, terms.costs)
    problems += currency_problems(appraiser.market, columns)
    repeats = duplicates.find(columns, date, listings, row_errors(problems, piece.num_rows) == "")
    problems += duplicate_problems(listings, repeats, first_row_number)
    errors = row_errors(problems, piece.num_rows)
    valid = errors == ""
    facts = home_facts(appraiser.market, columns)
    listings = listings.take(valid)
    values, screening = value_and_screen(
        value or appraiser.value,
        model,
        facts.take(valid),
        date[valid],
        listings,
        terms.probability,
        terms.confidence,
    )
    warnings = list_price_warnings(values.price, listings.list_price)
    values = with_notes(replace(values, warnings={**values.warnings, **warnings}), homes.notes)
    errors[valid] = refusal_texts(values)
    has_price, priced = values.priced, errors == ""
    for name, column in valuation_columns(values.take(has_price), priced).items():
        piece = piece.append_column(name, column)
    for name, column in screening.rounded().items():
        kind = pa.bool_() if column.dtype == bool else pa.float64()
        piece = piece.append_column(PREFIX + name, fill_rows(column[has_price], priced, kind))
    table = piece.append_column("error", pa.array(errors, pa.string()))
    return AnsweredTable(table, facts, valid, priced, problems)


def _ranked(screened: pa.Table) -> tuple[pa.Table, int]:
    """Return the rows best first with their rank, rows with an error last; and the number of ranked rows."""
    margin = screened.column(f"{PREFIX}margin_percent")
    order = best_first(margin.to_numpy())
    n_ranked = len(order) - margin.null_count
    ranks = pa.array([*range(1, n_ranked + 1), *[None] * (len(order) - n_ranked)], pa.int64())
    index = screened.column_names.index(SCREEN_COLUMNS[1])
    return screened.take(pa.array(order)).add_column(index, RANK, ranks), n_ranked
