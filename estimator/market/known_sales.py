"""Tells which sales of a new file are known already, which replace a known one, and which are new.

With identifiers, a sale is known by its home and its date; without dates, by its home and its price. Without
identifiers, it is known by everything that the file says about it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts, format_fact
from estimator.market.market import Market
from estimator.market.sales import Sales

_NONE = -1


@dataclass(frozen=True)
class MatchedSales:
    """What n sales of a file are to the m sales that are known.

    Parameters
    ----------
    sales
        The n sales, each home with the number that it has among the known sales, or with a number of its own.
    known_row
        Row of the known sale that each is, or −1 for a new sale, shape (n,).
    differs
        Whether it is known with another price or other facts, shape (n,).
    """

    sales: Sales
    known_row: NDArray[np.intp]
    differs: BoolArray

    @property
    def new(self) -> BoolArray:
        """Which sales are not known, shape (n,)."""
        new: BoolArray = self.known_row == _NONE
        return new

    @property
    def n_unchanged(self) -> int:
        """How many sales are known as they are."""
        return int((~self.new & ~self.differs).sum())

    @property
    def replaced(self) -> NDArray[np.intp]:
        """Rows of the known sales that are replaced, each once, in the order of the file."""
        return self.known_row[self.differs]


def match_sales(known: Sales, sales: Sales, looked_up: Collection[str]) -> MatchedSales:
    """Find n sales among m known ones.

    Parameters
    ----------
    known
        Their areas' figures are filled in.
    sales
        As they were read from a file.
    looked_up
        Names of the facts that are filled in where a file lacks them: a missing one does not make a sale another.
    """
    if known.sale_id is None or sales.sale_id is None:
        known_row = _equal_rows(known, sales, looked_up)
        home = np.arange(len(sales)) + _next_number(known)
        return MatchedSales(_with_homes(sales, home), known_row, np.zeros(len(sales), np.bool_))
    when = (known.price, sales.price) if known.date is None or sales.date is None else (known.date, sales.date)
    keys = pd.MultiIndex.from_arrays([known.sale_id, when[0]])
    known_row = keys.get_indexer(pd.MultiIndex.from_arrays([sales.sale_id, when[1]])).astype(np.intp)
    found = np.flatnonzero(known_row != _NONE)
    differs = np.zeros(len(sales), np.bool_)
    earlier, later = known.take(known_row[found]), sales.take(found)
    differs[found] = earlier.price != later.price
    for different in _different_facts(earlier.facts, later.facts, looked_up).values():
        differs[found] |= different
    home = _home_numbers(known.sale_id, known.home, sales.sale_id)
    return MatchedSales(_with_homes(sales, home), known_row, differs)


def known_under_another_id(known: Sales, sales: Sales, looked_up: Collection[str]) -> NDArray[np.intp]:
    """Return a known sale that says the same as each of n new sales but for the identifier, −1 if there is none.

    The parameters are those of `match_sales`. There is none where sales have no identifiers.
    """
    if known.sale_id is None or sales.sale_id is None:
        return np.full(len(sales), _NONE)
    return _equal_rows(known, sales, looked_up)


def describe_changes(market: Market, earlier: Sales, later: Sales, looked_up: Collection[str]) -> list[str]:
    """Return what is different about each of n sales, such as 'price 250,000 → 230,000, bedrooms 3 → unknown'."""
    changes: list[list[str]] = [[] for _ in range(len(later))]
    for row in np.flatnonzero(earlier.price != later.price).tolist():
        changes[row].append(f"price {earlier.price[row]:,.15g} → {later.price[row]:,.15g}")
    different = _different_facts(earlier.facts, later.facts, looked_up)
    for feature in market.features:
        for row in np.flatnonzero(different[feature.name]).tolist():
            texts = [
                format_fact(feature, facts[feature.name][row]) if facts.known(feature.name)[row] else "unknown"
                for facts in (earlier.facts, later.facts)
            ]
            changes[row].append(f"{feature.name} {' → '.join(texts)}")
    return [", ".join(texts) for texts in changes]


def _different_facts(earlier: Facts, later: Facts, looked_up: Collection[str]) -> Mapping[str, BoolArray]:
    """Return where n homes have other facts than before, by fact; an unknown one may have been looked up."""
    different = {}
    for name, column in later.columns.items():
        before, after = earlier.known(name), later.known(name)
        changed = (before != after) & (name not in looked_up)
        different[name] = changed | (before & after & (earlier[name] != column))
    return different


def _equal_rows(known: Sales, sales: Sales, looked_up: Collection[str]) -> NDArray[np.intp]:
    """Return a known sale that says the same as each of n sales, −1 if there is none; each is taken once.

    Two flats of one house can be sold at one price on one day: of two equal sales the second is a new one, unless
    two are known.
    """
    compared = [name for name in known.facts.columns if name not in looked_up or sales.facts.known(name).all()]
    columns = {
        str(number): np.concatenate((known.facts[name], sales.facts[name])) for number, name in enumerate(compared)
    }
    columns["price"] = np.concatenate((known.price, sales.price))
    if known.date is not None and sales.date is not None:
        columns["date"] = np.concatenate((known.date, sales.date)).astype(np.int64)
    table = pd.DataFrame(columns)
    alike = table.groupby(list(columns), dropna=False, sort=False).ngroup()
    m = len(known)
    occurrences = [group.groupby(group).cumcount() for group in (alike.iloc[:m], alike.iloc[m:])]
    keys = [
        pd.MultiIndex.from_arrays([group.to_numpy(), occurrence.to_numpy()])
        for group, occurrence in zip((alike.iloc[:m], alike.iloc[m:]), occurrences, strict=True)
    ]
    return keys[0].get_indexer(keys[1]).astype(np.intp)


def _home_numbers(
    known_id: NDArray[np.str_], known_home: NDArray[np.int64], sale_id: NDArray[np.str_]
) -> NDArray[np.int64]:
    """Return the number that each home has among the known ones, or a number of its own."""
    number = dict(zip(known_id.tolist(), known_home.tolist(), strict=True))
    unused = int(known_home.max()) + 1
    for identifier in sale_id.tolist():
        if identifier not in number:
            number[identifier], unused = unused, unused + 1
    return np.array([number[identifier] for identifier in sale_id.tolist()], np.int64)


def _next_number(known: Sales) -> int:
    return int(known.home.max()) + 1


def _with_homes(sales: Sales, home: NDArray[np.int64]) -> Sales:
    return Sales(sales.facts, sales.price, sales.date, home, sales.sale_id, sales.address)
