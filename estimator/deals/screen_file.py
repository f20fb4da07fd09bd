"""From files of listings to deals: homes are valued by their facts alone, then screened by their list prices.

A file is read piece by piece. Until all rows can be ranked, memory holds the file's text and a few numbers per
row.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

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
from estimator.bulk.places import for_target
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.deals.past_resales import PastResales, RepeatSales
from estimator.deals.readings import READING_FIELDS, READINGS, Outcome
from estimator.deals.repairs import Repairs, Uplift, UpliftErrors
from estimator.deals.screening import (
    DEFAULT_PROBABILITY,
    EXPECTED_MARGIN,
    OTHER_FIGURES,
    VALUE_TO_LIST_PRICE,
    Screening,
    best_first,
    check_ranges,
    list_price_warnings,
    ranking_of,
    repair_warnings,
    screen,
)
from estimator.deals.screening_counts import ScreeningCounts
from estimator.errors import DataError
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.fault_groups import FaultGroups
from estimator.market.homes_file import HomesTable
from estimator.market.input_files import refuse_replacing
from estimator.market.market import Market
from estimator.market.tables import BATCH_ROWS, FIRST_CSV_ROW, check_target, first_row, write_atomically
from estimator.model.price_model import PriceModel
from estimator.valuations import Valuations

PREFIX = "screen_"
RANK = f"{PREFIX}rank"
_OUTCOME_FIELDS = tuple(field.name for field in fields(Outcome) if field.name != "pays")
FIGURES = ("break_even", *_OUTCOME_FIELDS, *OTHER_FIGURES, "deal", "pays")
"""Names of `Screening.columns`."""
READING_COLUMNS = tuple(f"{PREFIX}{reading}_{field}" for reading in READINGS for field in READING_FIELDS)
"""Columns of the readings; empty where closed listings decide."""
SCREEN_COLUMNS = (RANK, *(PREFIX + name for name in FIGURES), *READING_COLUMNS)
"""Columns of a screened file besides its own and the valuation's, in order."""


_SCORES = {EXPECTED_MARGIN: "margin_percent", VALUE_TO_LIST_PRICE: "naive_percent"}
"""Ranking → the figure that it ranks by; value ÷ list price ranks like the value's surplus in percent."""
_ARROW_TYPES = {"f": pa.float64(), "b": pa.bool_(), "U": pa.string()}
"""Kind of a NumPy type → the type in tables."""


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
    past
        What became of homes that were resold, as `screen` takes it.
    uplift_errors
        How sure the uplift of a repair is. Without it, no home is valued after its repair.
    """

    costs: Mapping[str, float]
    probability: float = DEFAULT_PROBABILITY
    confidence: float = CONFIDENCE
    past: PastResales | None = None
    uplift_errors: UpliftErrors | None = None

    def learned(self, model: PriceModel) -> "ScreeningTerms":
        """Return the same terms with what the sales that a model knows teach about resales and repairs."""
        return replace(self, past=PastResales.fit(RepeatSales.of(model)), uplift_errors=UpliftErrors.fit(model))


class Screened(NamedTuple):
    """n listed homes: valuations; the screening, NaN for a home without a price; warning → where, shape (n,)."""

    values: Valuations
    screening: Screening
    warnings: Mapping[str, BoolArray]


def value_and_screen(
    value: ValueFunction,
    model: ListPriceModel,
    facts: Facts,
    date: DateArray,
    listings: Listings,
    terms: ScreeningTerms,
    repairs: Repairs,
) -> Screened:
    """Value n listed homes without their list price, as they are and as they will be, then screen them.

    Parameters
    ----------
    value
        How homes are valued, such as `Appraiser.value`.
    facts, date
        What it gets.
    listings
        List prices and costs.
    model
        As `screen` takes it.
    """
    values = value(facts, date, terms.confidence)
    uplift = _uplift(value, values.price, facts, date, terms, repairs)
    screening = screen(
        values.price,
        values.fsd,
        listings.list_price,
        listings.costs,
        model,
        terms.probability,
        terms.past,
        uplift,
    )
    warnings = list_price_warnings(values.price, listings.list_price) | repair_warnings(uplift)
    return Screened(values, screening, warnings)


def _uplift(
    value: ValueFunction,
    price: FloatArray,
    facts: Facts,
    date: DateArray,
    terms: ScreeningTerms,
    repairs: Repairs,
) -> Uplift:
    """Value the homes whose repair is planned as they will be; return the uplifts of all n."""
    planned = repairs.planned
    if not planned.any() or terms.uplift_errors is None:
        return Uplift.none(len(price))
    after = np.full(len(price), np.nan)
    after[planned] = value(repairs.facts.take(planned), date[planned], terms.confidence).price
    return Uplift.of(price, after, planned, terms.uplift_errors.deviation(facts, repairs.facts))


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
        CSV, Parquet or GeoJSON, by the ending of the file name.
    costs, probability
        As `ScreeningTerms` has them.
    progress
        Called with the number of rows of each finished piece.
    faults
        Collects the faults of the rows.

    Raises
    ------
    DataError
        The source cannot be read, lacks a required column, or has a column of the answer; or the target is the
        source or cannot be written; or the values have no ranges.
    """
    refuse_replacing(source, target)
    check_target(target)
    check_ranges(appraiser.ranges)
    terms = ScreeningTerms(costs, probability).learned(appraiser.model)
    duplicates = DuplicateListings()
    tables: list[pa.Table] = []
    market = appraiser.market
    check = partial(check_listings_header, market)
    for piece in validated_pieces(market, listing_table(market).features, source, check):
        answered = _screen(appraiser, model, piece, terms, duplicates, first_row(source))
        if faults is not None:
            faults.add(answered.problems, first_row(source) + sum(table.num_rows for table in tables))
        tables.append(for_target(answered.table, piece, target))
        progress(piece.table.num_rows)
    ranked, n_ranked = _ranked(pa.concat_tables(tables), ranking_of(model))
    with write_atomically(target, ranked.schema) as writer:
        for start in range(0, max(len(ranked), 1), BATCH_ROWS):
            writer.write_table(ranked.slice(start, BATCH_ROWS))
    return ScreeningCounts.of(
        ranked.column(f"{PREFIX}pays").to_pylist(), ranked.column(f"{PREFIX}naive_percent").to_numpy(), n_ranked
    )


def screen_table(
    appraiser: Appraiser,
    model: ListPriceModel,
    table: HomesTable,
    terms: ScreeningTerms,
    value: ValueFunction | None = None,
) -> AnsweredTable:
    """Screen n rows with a header that `check_listings_header` has accepted, as `screen_file` does for CSV.

    The table in the answer is ranked, best rows first; its other parts are in the original order. `value` says how
    homes are valued, if not by `Appraiser.value`.
    """
    answer = _screen(appraiser, model, table, terms, DuplicateListings(), FIRST_CSV_ROW, value)
    return replace(answer, table=_ranked(answer.table, ranking_of(model))[0])


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
    repairs = Repairs.of(appraiser.market, columns, facts)
    values, screening, warnings = value_and_screen(
        value or appraiser.value,
        model,
        facts.take(valid),
        date[valid],
        listings.take(valid),
        terms,
        repairs.take(valid),
    )
    values = with_notes(replace(values, warnings={**values.warnings, **warnings}), homes.notes)
    errors[valid] = refusal_texts(values)
    has_price, priced = values.priced, errors == ""
    for name, column in valuation_columns(values.take(has_price), priced).items():
        piece = piece.append_column(name, column)
    for name, column in _screening_columns(screening).items():
        piece = piece.append_column(
            name,
            pa.nulls(len(priced), pa.float64())
            if column is None
            else fill_rows(column[has_price], priced, _ARROW_TYPES[column.dtype.kind]),
        )
    table = piece.append_column("error", pa.array(errors, pa.string()))
    return AnsweredTable(table, facts, valid, priced, problems)


def _screening_columns(screening: Screening) -> dict[str, NDArray[Any] | None]:
    """Return all of `SCREEN_COLUMNS` but the rank; None for the columns of a reading that is not offered."""
    readings = {
        f"{PREFIX}{reading}_{field}": column
        for reading, columns in screening.reading_columns().items()
        for field, column in columns.items()
    }
    figures = {PREFIX + name: column for name, column in screening.columns().items()}
    return figures | {name: readings.get(name) for name in READING_COLUMNS}


def _ranked(screened: pa.Table, ranking: str) -> tuple[pa.Table, int]:
    """Return the rows best first with their rank, rows with an error last; and the number of ranked rows."""
    score = screened.column(PREFIX + _SCORES[ranking])
    order = best_first(score.to_numpy())
    n_ranked = len(order) - score.null_count
    ranks = pa.array([*range(1, n_ranked + 1), *[None] * (len(order) - n_ranked)], pa.int64())
    index = screened.column_names.index(SCREEN_COLUMNS[1])
    return screened.take(pa.array(order)).add_column(index, RANK, ranks), n_ranked
