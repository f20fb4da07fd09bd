"""Homes on offer: what a listing says besides the facts of its home, and which listings stand twice.

What a listing may say is declared like a market's facts, so that files and JSON are held to the same bounds. Knows
no values: nothing here reaches the price model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.deals.screening import COSTS, Costs
from estimator.market.columns import Problem
from estimator.market.facts import BoolArray, DateArray, Facts, FloatArray, LabelArray
from estimator.market.market import LIST_PRICES, Feature, Market

LIST_PRICE, LISTING_ID, CURRENCY = LIST_PRICES[0], "listing_id", "currency"

_DEAREST = 1e12
"""Greatest list price, in any currency: beyond it cents are lost in double precision."""


def listing_table(market: Market) -> Market:
    """Return the market with what a listing may say besides facts about its home: what checks of listings go by.

    A name that a fact of the market has is that fact's.
    """
    declared = (
        Feature(
            LIST_PRICE,
            "number",
            LIST_PRICES[1],
            unit=market.currency,
            required=True,
            minimum=1.0,
            maximum=_DEAREST,
            description="What is asked for the home.",
        ),
        Feature(LISTING_ID, "category", "ListingKey", description="Names the listing: no two may share it."),
        Feature(CURRENCY, "category", CURRENCY, description="Of the list price; it has to be the market's."),
        *cost_features(market.currency),
    )
    free = tuple(feature for feature in declared if not set(feature.names) & set(market.by_name))
    return replace(market, features=(*market.features, *free))


def cost_features(currency: str) -> tuple[Feature, ...]:
    """Return what may be said of each kind of cost."""
    unit = {"share": "", "amount": currency}
    return tuple(
        Feature(
            cost.name,
            "number",
            cost.name,
            unit=unit[cost.unit],
            minimum=0.0,
            maximum=cost.greatest,
            description=cost.text,
        )
        for cost in COSTS
    )


@dataclass(frozen=True)
class Listings:
    """What n listings say besides the facts of their homes.

    Parameters
    ----------
    ask
        List prices, shape (n,), in the market's currency; NaN where that cannot be used.
    costs
        Of buying and reselling each.
    name
        The listings' identifiers, shape (n,), '' where there is none.
    """

    ask: FloatArray
    costs: Costs
    name: LabelArray

    def __len__(self) -> int:
        return len(self.ask)

    def take(self, rows: BoolArray) -> Self:
        """Return some of the listings."""
        return type(self)(self.ask[rows], self.costs.take(rows), self.name[rows])

    @classmethod
    def of(cls, market: Market, said: Facts, costs: Mapping[str, float]) -> Self:
        """Gather what listings say, checked.

        Parameters
        ----------
        said
            By the features of `listing_table`.
        costs
            What holds for all listings that do not say otherwise, by name; the defaults hold for the others.
        """
        n = len(said)
        own = said.columns.keys() - market.by_name.keys()
        columns: dict[str, FloatArray] = {
            name: np.where(said.known(name), said[name], default) if name in own else default
            for name, default in vars(Costs.of(costs, n)).items()
        }
        named = LISTING_ID in own
        return cls(said[LIST_PRICE], Costs(**columns), said[LISTING_ID] if named else np.full(n, "", np.str_))


def without_listing(market: Market, said: Facts) -> Facts:
    """Return the facts about the homes alone: what a price model may see."""
    return Facts({feature.name: said[feature.name] for feature in market.features})


def wrong_currencies(market: Market, said: Facts) -> list[Problem]:
    """Return a problem for every listing whose ask is not in the market's currency."""
    if CURRENCY not in said.columns or CURRENCY in market.by_name:
        return []
    stated = said[CURRENCY]
    return [
        Problem(int(row), CURRENCY, f"{str(stated[row])!r} is not {market.currency}, the market's currency")
        for row in np.flatnonzero((stated != "") & (stated != market.currency))
    ]


class Seen:
    """Remembers which listings came before, so that none is screened twice.

    Two are the same if they share their identifier or, without one, all facts, the day and the list price. One
    that has a fault is not screened: the same put right is no repeat of it.
    """

    def __init__(self) -> None:
        self._marks = np.empty(0, np.uint64)
        self._good = np.empty(0, np.bool_)

    def repeats(self, said: Facts, date: DateArray, listings: Listings, good: BoolArray) -> list[tuple[int, int]]:
        """Take note of n more listings.

        Parameters
        ----------
        said
            All that they say.
        good
            Which of them have no fault, shape (n,).

        Returns
        -------
        list
            Of each good one that came before: its place among the n, and that of the first good one like it
            among all so far.
        """
        before = len(self._marks)
        self._marks = np.concatenate((self._marks, _marks(said, date, listings)))
        self._good = np.concatenate((self._good, good))
        places = np.flatnonzero(self._good)
        first = pd.Series(places).groupby(self._marks[places]).transform("min").to_numpy()
        again = (first != places) & (places >= before)
        return [(int(row) - before, int(same)) for row, same in zip(places[again], first[again], strict=True)]


def repeated(listings: Listings, repeats: Sequence[tuple[int, int]], first_row: int) -> list[Problem]:
    """Return a problem for each listing that came before; `first_row`: the number of the first row of all."""
    return [
        Problem(row, LISTING_ID, f"'{listings.name[row]}' stands in row {earlier + first_row} already")
        if listings.name[row]
        else Problem(row, LIST_PRICE, f"the same listing stands in row {earlier + first_row} already")
        for row, earlier in repeats
    ]


def _marks(said: Facts, date: DateArray, listings: Listings) -> NDArray[np.uint64]:
    """Return a number for each of n listings, that of its identifier or else of all it says, shape (n,).

    Of 100,000 listings two share theirs by chance once in 10⁹ times.
    """
    all_said = pd.DataFrame({**said.columns, "": date}, copy=False)
    marks = pd.util.hash_pandas_object(all_said, index=False).to_numpy(np.uint64)
    names = pd.util.hash_array(listings.name.astype(object))
    return np.where(listings.name == "", marks, names)
