"""From checked listings to the answer of `POST /screen`: deals, best first, and the listings that were refused."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.bulk import with_notes
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.listings import (
    DuplicateListings,
    Listings,
    currency_problems,
    duplicate_problems,
    home_facts,
    listing_table,
)
from estimator.deals.readings import DEAL_LABELS, PAYS_VALUE_ONLY
from estimator.deals.repairs import Repairs
from estimator.deals.screen_file import ScreeningTerms, value_and_screen
from estimator.deals.screening import Screening, best_first, ranking_of
from estimator.deals.screening_counts import median_price_ratio, unit_warning
from estimator.market.columns import Problem
from estimator.market.market import Market
from estimator.uncertainty.applicability import Refusal
from service.valuation.chunks import value_in_chunks
from service.valuation.includes import compute_includes
from service.valuation.listing_rows import listings_as_read
from service.valuation.responses import ErrorBudget, count_homes
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import CheckedSubjects
from service.valuation.subject_schema import FieldError
from service.valuation.valuation import ValuationOptions


def screen_listings(
    snapshot: Snapshot,
    subjects: CheckedSubjects,
    first_row: int,
    terms: ScreeningTerms,
    options: ValuationOptions,
    cells: Sequence[Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the answer: deals, best first, and the listings that cannot be screened, in their order.

    Parameters
    ----------
    subjects
        The listings, checked against `listing_table`.
    first_row
        Number of the first listing in messages: 2 in a file, where the header is row 1.
    cells
        Column → text of each listing, if they come in a table: they are added to the answer.
    """
    market = snapshot.appraiser.market
    listings = Listings.of(market, subjects.facts, terms.costs)
    subjects = _with_listing_errors(market, subjects, listings, first_row)
    valid = subjects.valid
    deals, refusals = _ranked_deals(snapshot, subjects, listings, terms, options) if valid.any() else ([], {})
    priced = valid.copy()
    priced[list(refusals)] = False
    count_homes(snapshot, home_facts(market, subjects.facts), valid, priced)
    budget = ErrorBudget()
    problems = {
        row: budget.invalid_facts([{"row": row, **error} for error in errors], subjects.more_errors.get(row, 0))
        for row, errors in sorted(subjects.errors.items())
    }
    problems |= {row: budget.outside_domain(found, row=row) for row, found in refusals.items()}
    refused = [
        {"row": row, "listing_id": str(listings.listing_id[row]) or None, "error": problems[row].as_dict()}
        for row in sorted(problems)
    ]
    as_read = listings_as_read(listing_table(market), subjects.facts, subjects.dates)
    for listing in (*deals, *refused):
        row = listing["row"]
        listing["listing"] = as_read[row]
        if cells is not None:
            listing["cells"] = cells[row]
    return {
        "deals": deals,
        "counts": count_deals(deals, len(problems)),
        "warnings": _list_price_warnings(deals, market.currency),
        "ranking": ranking_of(snapshot.list_price_model),
        "refused": refused,
        "costs": dict(terms.costs),
        "probability": terms.probability,
        "asks": list_price_summary(snapshot.list_price_model),
        "past_resales": snapshot.past_resales.as_dict(),
        "currency": market.currency,
        "model_version": snapshot.version,
    }


def errors_by_row(problems: Sequence[Problem]) -> dict[int, list[FieldError]]:
    """Return row → its errors."""
    errors: dict[int, list[FieldError]] = {}
    for problem in problems:
        errors.setdefault(problem.row, []).append({"field": problem.field, "message": problem.message})
    return errors


def _with_listing_errors(
    market: Market, subjects: CheckedSubjects, listings: Listings, first_row: int
) -> CheckedSubjects:
    """Add the errors of listings that are in another currency or duplicates of an earlier one."""
    problems = currency_problems(market, subjects.facts)
    valid = subjects.valid
    valid[[problem.row for problem in problems]] = False
    duplicates = DuplicateListings().find(subjects.facts, subjects.dates, listings, valid)
    added = errors_by_row([*problems, *duplicate_problems(listings, duplicates, first_row)])
    errors = {row: [*subjects.errors.get(row, []), *added.get(row, [])] for row in {*subjects.errors, *added}}
    return replace(subjects, errors=errors)


def _ranked_deals(
    snapshot: Snapshot,
    subjects: CheckedSubjects,
    listings: Listings,
    terms: ScreeningTerms,
    options: ValuationOptions,
) -> tuple[list[dict[str, Any]], dict[int, Sequence[Refusal]]]:
    """Value and screen the valid listings, at least one; return the deals, and row → refusals."""
    appraiser, valid = snapshot.appraiser, subjects.valid
    facts, dates = home_facts(appraiser.market, subjects.facts).take(valid), subjects.dates[valid]
    rows, listings = np.flatnonzero(valid).tolist(), listings.take(valid)
    repairs = Repairs.of(appraiser.market, subjects.facts.take(valid), facts)
    values, screening, warnings = value_and_screen(
        partial(value_in_chunks, appraiser, check=options.check),
        snapshot.list_price_model,
        facts,
        dates,
        listings,
        terms,
        repairs,
    )
    values = with_notes(values, subjects.notes)
    ranked = best_first(screening.score)[: int(values.priced.sum())].tolist()
    includes = compute_includes(
        appraiser,
        facts.take(np.array(ranked, int)),
        dates[ranked],
        options.includes,
        options.confidence,
        options.check,
    )
    members = _screening_members(screening, listings)
    deals = [
        {"row": rows[index], "rank": rank, "listing_id": str(listings.listing_id[index]) or None}
        | members[index]
        | {"warnings": [text for text, applies in warnings.items() if applies[index]]}
        | {"valuation": values.as_dict(index) | {"model_version": snapshot.version} | included}
        for rank, (index, included) in enumerate(zip(ranked, includes, strict=True), start=1)
    ]
    return deals, {rows[index]: refusals for index, refusals in values.refusals.items()}


def _screening_members(screening: Screening, listings: Listings) -> list[dict[str, Any]]:
    """Return list price, screening and costs of each of n listings, as members of a deal."""
    columns = {name: _json_values(column) for name, column in screening.columns().items()}
    readings = {
        reading: {name: _json_values(column) for name, column in figures.items()}
        for reading, figures in screening.reading_columns().items()
    }
    costs = {name: column.tolist() for name, column in vars(listings.costs).items()}
    return [
        {
            "list_price": list_price,
            **{name: column[index] for name, column in columns.items()},
            "readings": {
                reading: {name: column[index] for name, column in figures.items()}
                for reading, figures in readings.items()
            },
            "costs": {name: column[index] for name, column in costs.items()},
        }
        for index, list_price in enumerate(listings.list_price.tolist())
    ]


def _json_values(column: NDArray[Any]) -> list[Any]:
    """Return a column of figures with null for those that do not apply."""
    values: list[Any] = column.tolist()
    if column.dtype.kind == "f" and np.isnan(column).any():
        return [None if math.isnan(value) else value for value in values]
    return values


def count_deals(listings: Sequence[Mapping[str, Any]], refused: int) -> dict[str, int]:
    """Return how many listings are deals, told apart by what they pay under, and how many are not."""
    pays = Counter(listing["pays"] for listing in listings)
    deals = sum(pays[label] for label in DEAL_LABELS)
    by_value = pays[PAYS_VALUE_ONLY]
    return {
        "deals": deals,
        "pay": deals - by_value,
        "pay_only_if_value_right": by_value,
        "others": len(listings) - deals,
        "refused": refused,
    }


def _list_price_warnings(deals: Sequence[Mapping[str, Any]], currency: str) -> list[str]:
    """Return what the list prices of all listings together show."""
    surplus = np.array([deal["naive_percent"] for deal in deals], float)
    warning = unit_warning(median_price_ratio(surplus), currency)
    return [warning] if warning else []


def list_price_summary(model: ListPriceModel) -> dict[str, Any]:
    """Return the model of list prices and the number of listings in its fit; 0 means the documented prior."""
    return {
        "fitted": model.listings is not None,
        "listings": model.listings or 0,
        "premium": round(model.premium, 4),
        "noise": round(model.noise, 4),
    }
