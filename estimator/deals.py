"""Listings in, deals out: homes are valued by their facts alone, then screened by what is asked for them.

A file is read piece by piece; what is kept of it until the best can come first is its text and some numbers a row.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from estimator.appraiser import CONFIDENCE, Appraiser, Valuations
from estimator.asks import AskModel
from estimator.bulk import check_header, refusal_texts, row_errors, spread, valuation_columns
from estimator.columns import check_table, find_columns, valuation_dates
from estimator.errors import DataError
from estimator.facts import DateArray, Facts
from estimator.listings import Listings, Seen, listing_features, read_listings, repeated
from estimator.screening import PROBABILITY, Screening, ask_warnings, best_first, screen
from estimator.tables import first_row, read_pieces, write_whole

PREFIX = "screen_"
RANK = f"{PREFIX}rank"
SCREEN_COLUMNS = (RANK, *(PREFIX + field.name for field in fields(Screening)))
"""The columns that a screened file has besides its own and the valuation's, in their order."""

WRITTEN_ROWS = 65_536
"""Rows of a screened file written at a time."""


class Counts(NamedTuple):
    """What became of the rows of a file."""

    deals: int
    others: int
    errors: int


def value_and_screen(
    appraiser: Appraiser,
    asks: AskModel,
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
        The valuations, with warnings of asks that hardly go with them, and what the listings promise: NaN for a
        home that is refused a price.
    """
    values = appraiser.value(facts, date, confidence)
    marked = ask_warnings(values.price, listings.ask)
    promise = screen(values.price, values.fsd, listings.ask, listings.costs, asks, probability)
    return replace(values, warnings={**values.warnings, **marked}), promise


def screen_file(
    appraiser: Appraiser,
    asks: AskModel,
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
    screened: list[pa.Table] = []
    seen, before = Seen(), first_row(source)
    for piece in read_pieces(source):
        if not screened:
            _check_header(appraiser, source, piece.column_names)
        screened.append(_screen(appraiser, asks, piece, costs, probability, seen, before))
        progress(piece.num_rows)
    whole = pa.concat_tables(screened)
    margin = whole.column(f"{PREFIX}margin_percent").to_numpy()
    order, ranked = best_first(margin), int(np.isfinite(margin).sum())
    ranks = pa.array([*range(1, ranked + 1), *[None] * (len(order) - ranked)], pa.int64())
    place = whole.column_names.index(f"{PREFIX}{fields(Screening)[0].name}")
    whole = whole.take(pa.array(order)).add_column(place, RANK, ranks)
    with write_whole(target, whole.schema) as writer:
        for start in range(0, max(len(whole), 1), WRITTEN_ROWS):
            writer.write_table(whole.slice(start, WRITTEN_ROWS))
    deals = int(np.nansum(whole.column(f"{PREFIX}deal").to_numpy().astype(np.float64)))
    return Counts(deals, ranked - deals, len(order) - ranked)


def _check_header(appraiser: Appraiser, source: Path, names: list[str]) -> None:
    check_header(appraiser.market, source, names)
    taken = [name for name in names if name in SCREEN_COLUMNS]
    if taken:
        raise DataError(f"{source}: column '{taken[0]}' is one that the answer is to have; rename it")
    features = listing_features(appraiser.market)
    try:
        found = find_columns(features, names)
    except ValueError as error:
        raise DataError(f"{source}: {error}") from error
    for feature in features:
        if feature.required and feature.name not in found:
            raise DataError(
                f"{source}: there is no column for {feature.name}, which is required; "
                f"it may be called {', '.join(feature.names)}"
            )


def _screen(
    appraiser: Appraiser,
    asks: AskModel,
    piece: pa.Table,
    costs: Mapping[str, float],
    probability: float,
    seen: Seen,
    before: int,
) -> pa.Table:
    """Append valuation and screening to one piece; `before`: the number of the file's first row."""
    market = appraiser.market
    facts, problems = check_table(market.features, piece)
    date, faults = valuation_dates(market, piece)
    listings, unusable = read_listings(market, piece, costs)
    problems += faults + unusable + repeated(listings, seen.repeats(facts, date, listings), before)
    errors = row_errors(problems, piece.num_rows)
    good = errors == ""
    values, promise = value_and_screen(
        appraiser, asks, facts.take(good), date[good], listings.take(good), probability
    )
    errors[good] = refusal_texts(values)
    priced = values.priced
    good = errors == ""
    for name, column in valuation_columns(values.take(priced), good).items():
        piece = piece.append_column(name, column)
    for name, promised in promise.rounded().items():
        kind = pa.bool_() if promised.dtype == np.bool_ else pa.float64()
        piece = piece.append_column(PREFIX + name, spread(promised[priced], good, kind))
    return piece.append_column("error", pa.array(errors, pa.string()))
