"""Listings in, deals out: homes are valued by their facts alone, then screened by what is asked for them.

A file is read piece by piece; what is kept of it until the best can come first is its text and some numbers a row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from estimator.appraiser import CONFIDENCE, Appraiser, Valuations
from estimator.bulk import (
    Answered,
    check_header,
    checked_pieces,
    refusal_texts,
    row_errors,
    spread,
    valuation_columns,
)
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import Listings, Seen, listing_table, repeated, without_listing, wrong_currencies
from estimator.deals.screening import PROBABILITY, Screening, ask_warnings, best_first, screen
from estimator.errors import DataError
from estimator.market.columns import check_table, valuation_dates
from estimator.market.facts import DateArray, Facts
from estimator.market.market import Market
from estimator.market.tables import BATCH_ROWS, FIRST_CSV_ROW, first_row, write_whole

PREFIX = "screen_"
RANK = f"{PREFIX}rank"
SCREEN_COLUMNS = (RANK, *(PREFIX + field.name for field in fields(Screening)))
"""The columns that a screened file has besides its own and the valuation's, in their order."""


class Counts(NamedTuple):
    """What became of the rows of a file."""

    deals: int
    others: int
    errors: int


def value_and_screen(
    appraiser: Appraiser,
    asks: ListPriceModel,
    facts: Facts,
    date: DateArray | None,
    listings: Listings,
    probability: float = PROBABILITY,
    confidence: float = CONFIDENCE,
) -> tuple[Valuations, Screening]:
    """Value n homes on offer, without a look at what is asked, and screen them.

    Parameters
    ----------
    facts, date, confidence
        As `Appraiser.value` takes them.
    listings
        What is asked, and the costs.
    asks, probability
        As `screen` takes them.

    Returns
    -------
    tuple
        The valuations, and what the listings promise: NaN for a home that is refused a price.
    """
    values = appraiser.value(facts, date, confidence)
    return values, screen(values.price, values.fsd, listings.ask, listings.costs, asks, probability)


def screen_file(
    appraiser: Appraiser,
    asks: ListPriceModel,
    source: Path,
    target: Path,
    costs: Mapping[str, float],
    probability: float = PROBABILITY,
    progress: Callable[[int], object] = lambda _: None,
) -> Counts:
    """Screen every row of a file of listings.

    The target has the source's columns as they came, then the valuation's, then the screening's, best first; rows
    with an error come last, in their order, and say why in `error`. It appears whole or not at all.

    Parameters
    ----------
    source, target
        CSV or Parquet, by the names' endings.
    costs
        What holds for every listing that does not say otherwise, by name.
    progress
        Told how many rows each finished piece had.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column that the target is to have; or the
        target cannot be written.
    """
    seen, screened = Seen(), []
    for piece in checked_pieces(source, partial(check_listings_header, appraiser.market)):
        answered = _screen(appraiser, asks, piece, costs, probability, CONFIDENCE, seen, first_row(source))
        screened.append(answered.table)
        progress(piece.num_rows)
    whole, ranked = _in_order(pa.concat_tables(screened))
    with write_whole(target, whole.schema) as writer:
        for start in range(0, max(len(whole), 1), BATCH_ROWS):
            writer.write_table(whole.slice(start, BATCH_ROWS))
    deals = pc.sum(whole.column(f"{PREFIX}deal")).as_py() or 0
    return Counts(deals, ranked - deals, len(whole) - ranked)


def screen_table(
    appraiser: Appraiser,
    asks: ListPriceModel,
    table: pa.Table,
    costs: Mapping[str, float],
    probability: float = PROBABILITY,
    confidence: float = CONFIDENCE,
) -> Answered:
    """Answer n rows, whose header `check_listings_header` has passed, as `screen_file` does those of a CSV.

    The table has them best first; all else that is returned is in the order they came.
    """
    screened = _screen(appraiser, asks, table, costs, probability, confidence, Seen(), FIRST_CSV_ROW)
    return replace(screened, table=_in_order(screened.table)[0])


def check_listings_header(market: Market, names: Sequence[str]) -> None:
    """Refuse a table of listings that cannot be answered, by the names of its columns.

    Raises
    ------
    DataError
        As `check_header`; the list price is required.
    """
    check_header(listing_table(market), names)
    taken = [name for name in names if name in SCREEN_COLUMNS]
    if taken:
        raise DataError(f"column '{taken[0]}' is one that the answer is to have; rename it")


def _screen(
    appraiser: Appraiser,
    asks: ListPriceModel,
    piece: pa.Table,
    costs: Mapping[str, float],
    probability: float,
    confidence: float,
    seen: Seen,
    before: int,
) -> Answered:
    """Append valuation and screening to one piece; `before`: the number of the first row of all."""
    said, problems = check_table(listing_table(appraiser.market).features, piece)
    date, faults = valuation_dates(appraiser.market, piece)
    listings = Listings.of(appraiser.market, said, costs)
    problems += faults + wrong_currencies(appraiser.market, said)
    repeats = seen.repeats(said, date, listings, row_errors(problems, piece.num_rows) == "")
    errors = row_errors(problems + repeated(listings, repeats, before), piece.num_rows)
    good = errors == ""
    facts = without_listing(appraiser.market, said)
    listings = listings.take(good)
    values, promise = value_and_screen(
        appraiser, asks, facts.take(good), date[good], listings, probability, confidence
    )
    values = replace(values, warnings={**values.warnings, **ask_warnings(values.price, listings.ask)})
    errors[good] = refusal_texts(values)
    kept, priced = values.priced, errors == ""
    for name, column in valuation_columns(values.take(kept), priced).items():
        piece = piece.append_column(name, column)
    for name, promised in promise.rounded().items():
        kind = pa.bool_() if promised.dtype == bool else pa.float64()
        piece = piece.append_column(PREFIX + name, spread(promised[kept], priced, kind))
    return Answered(piece.append_column("error", pa.array(errors, pa.string())), facts, good, priced)


def _in_order(screened: pa.Table) -> tuple[pa.Table, int]:
    """Return the rows best first, each with its rank, those with an error last; and how many have none."""
    order = best_first(screened.column(f"{PREFIX}margin_percent").to_numpy())
    ranked = len(order) - screened.column(f"{PREFIX}margin_percent").null_count
    ranks = pa.array([*range(1, ranked + 1), *[None] * (len(order) - ranked)], pa.int64())
    place = screened.column_names.index(SCREEN_COLUMNS[1])
    return screened.take(pa.array(order)).add_column(place, RANK, ranks), ranked
