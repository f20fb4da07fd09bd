"""Homes for sale: the columns of a listing besides the facts of its home, and the search for duplicates.

These columns are declared like a market's facts, so that files and JSON are checked against the same bounds.
Nothing in this module reaches the price model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from estimator.deals.costs import COSTS, Costs
from estimator.deals.repairs import after_features
from estimator.market.arrays import BoolArray, DateArray, FloatArray, LabelArray
from estimator.market.columns import Problem
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import LIST_PRICES, Market

LIST_PRICE, LISTING_ID, CURRENCY = LIST_PRICES[0], "listing_id", "currency"

_MAX_LIST_PRICE = 1e12
"""In any currency: above it, double precision cannot represent cents."""


def listing_table(market: Market) -> Market:
    """Return the market with the columns of a listing added to its facts, for checking tables of listings.

    If a fact of the market has the name of such a column, the name keeps meaning the fact.
    """
    declared = (
        Feature(
            LIST_PRICE,
            "number",
            LIST_PRICES[1],
            unit=market.currency,
            required=True,
            minimum=1.0,
            maximum=_MAX_LIST_PRICE,
            description="The price the home is offered at.",
        ),
        Feature(LISTING_ID, "category", "ListingKey", description="Identifies the listing; must be unique."),
        Feature(CURRENCY, "category", CURRENCY, description="Currency of the list price; must be the market's."),
        *cost_features(market.currency),
        *after_features(market),
    )
    added = tuple(feature for feature in declared if not set(feature.names) & set(market.by_name))
    return replace(market, features=(*market.features, *added))


def cost_features(currency: str) -> tuple[Feature, ...]:
    """Return each kind of cost declared as a feature."""
    unit = {"share": "", "amount": currency, "months": "months"}
    return tuple(
        Feature(
            cost.name,
            "number",
            cost.name,
            unit=unit[cost.unit],
            minimum=0.0,
            maximum=cost.maximum,
            description=cost.description,
        )
        for cost in COSTS
    )


@dataclass(frozen=True)
class Listings:
    """n listings, without the facts of their homes.

    Parameters
    ----------
    list_price
        Shape (n,), in the market's currency; NaN where it is invalid.
    costs
        Costs of buying and reselling each home.
    listing_id
        The listings' identifiers, shape (n,), '' where there is none.
    """

    list_price: FloatArray
    costs: Costs
    listing_id: LabelArray

    def __len__(self) -> int:
        return len(self.list_price)

    def take(self, rows: BoolArray) -> Self:
        """Return some of the listings."""
        return type(self)(self.list_price[rows], self.costs.take(rows), self.listing_id[rows])

    @classmethod
    def of(cls, market: Market, columns: Facts, costs: Mapping[str, float]) -> Self:
        """Build the listings from checked columns.

        Parameters
        ----------
        columns
            The features of `listing_table` that the table has.
        costs
            Costs of the listings that do not state their own, by name; defaults apply to costs not given here.
        """
        n = len(columns)
        own = columns.columns.keys() - market.by_name.keys()
        amounts: dict[str, FloatArray] = {
            name: np.where(columns.known(name), columns[name], default) if name in own else default
            for name, default in vars(Costs.of(costs, n)).items()
        }
        listing_id = columns[LISTING_ID] if LISTING_ID in own else np.full(n, "", np.str_)
        return cls(columns[LIST_PRICE], Costs(**amounts), listing_id)


def home_facts(market: Market, columns: Facts) -> Facts:
    """Return the facts about the homes alone: the only ones that a price model may use."""
    return Facts({feature.name: columns[feature.name] for feature in market.features})


def currency_problems(market: Market, columns: Facts) -> list[Problem]:
    """Return a problem for every listing with a list price in another currency than the market's."""
    if CURRENCY not in columns.columns or CURRENCY in market.by_name:
        return []
    currency = columns[CURRENCY]
    return [
        Problem(
            int(row), CURRENCY, f"must be {market.currency}, the market's currency, not {str(currency[row])!r}"
        )
        for row in np.flatnonzero((currency != "") & (currency != market.currency))
    ]


class DuplicateListings:
    """Remembers listings across the pieces of a table and finds duplicates, so that none is screened twice.

    Two listings are the same if they share their identifier or, without one, all facts, the date and the list
    price. An invalid listing is not screened, so a corrected copy of it is no duplicate.
    """

    def __init__(self) -> None:
        self._n = 0
        self._first: dict[int, int] = {}

    def find(self, columns: Facts, date: DateArray, listings: Listings, valid: BoolArray) -> list[tuple[int, int]]:
        """Add n listings and find which of them are duplicates.

        Parameters
        ----------
        columns
            All their columns.
        valid
            Which of them have no problem, shape (n,).

        Returns
        -------
        list
            For each valid duplicate: its index among the n, and the index of the first valid listing like it among
            all listings so far.
        """
        fingerprints = _fingerprints(columns, date, listings)
        rows = np.flatnonzero(valid).tolist()
        firsts = [self._first.setdefault(fingerprints[row], self._n + row) for row in rows]
        duplicates = [(row, first) for row, first in zip(rows, firsts, strict=True) if first != self._n + row]
        self._n += len(fingerprints)
        return duplicates


def duplicate_problems(listings: Listings, duplicates: Sequence[tuple[int, int]], first_row: int) -> list[Problem]:
    """Return a problem for each duplicate; `first_row` is the number of the table's first row in messages."""
    return [
        Problem(
            row,
            LISTING_ID,
            f"'{listings.listing_id[row]}' is already used in row {original + first_row}",
            f"'{listings.listing_id[row]}'",
        )
        if listings.listing_id[row]
        else Problem(row, LIST_PRICE, f"the same listing is already in row {original + first_row}")
        for row, original in duplicates
    ]


def _fingerprints(columns: Facts, date: DateArray, listings: Listings) -> list[int]:
    """Return a hash of each of n listings: of its identifier, or of all its columns without one.

    Among 100,000 listings, two different ones share a hash with a probability of about 10⁻⁹.
    """
    arrays = [*columns.columns.values(), date]
    labels = [array.tolist() for array in arrays if array.dtype.kind == "U"]
    numbers = np.column_stack([array.view(np.int64) for array in arrays if array.dtype.kind != "U"])
    bits = numbers.view(f"V{8 * numbers.shape[1]}").ravel().tolist()
    return [
        hash(listing_id or cells)
        for listing_id, cells in zip(listings.listing_id.tolist(), zip(bits, *labels, strict=True), strict=True)
    ]
