"""Comparables of a user's choice, by limits and one by one, and what they suggest beside the model's own.

Weights and adjustments are those of the model's grid; the weights are shared out among the chosen homes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.explanation.comparable_sales import UsedSale, used_sales
from estimator.features.comparables import N_COMPARABLES, Comparables
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.facts import Facts

DAYS_PER_MONTH = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Choice:
    """Which sold homes to compare with; None where there is no limit.

    Parameters
    ----------
    radius_km
        Largest distance.
    months
        Longest time between the sale and the valuation date.
    size_percent
        Largest difference in size, in percent of the subject's.
    pinned, dropped
        Row numbers of homes to take whatever the limits say, and not to take.
    """

    radius_km: float | None = None
    months: float | None = None
    size_percent: float | None = None
    pinned: tuple[int, ...] = ()
    dropped: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ChosenSales:
    """The chosen homes of one subject.

    Parameters
    ----------
    sales
        Largest weight first, at most `N_COMPARABLES`; their weights sum to 1.
    n_found
        How many sold homes there are within the limits.
    price
        What they suggest: the mean of their adjusted prices by weight, of logarithms; None without any.
    weight_share
        The share of the weight of the model's own comparables that the chosen ones have.
    """

    sales: tuple[UsedSale, ...]
    n_found: int
    price: float | None
    weight_share: float

    def as_dict(self) -> dict[str, Any]:
        """Return them in the form of a JSON answer."""
        return {
            "price": self.price,
            "count": len(self.sales),
            "found": self.n_found,
            "weight_share": self.weight_share,
            "sales": [sale.as_dict() for sale in self.sales],
        }


def choose_sales(
    comparables: Comparables, facts: Facts, date: DateArray | None, index: float, choice: Choice
) -> ChosenSales:
    """Return the comparables of one subject that a user chose.

    Parameters
    ----------
    facts
        The subject's, its area's figures filled in, its location known.
    date
        Its valuation date, shape (1,); None in a market without dates.
    index
        What the price index adds to the worth of the subject on that day, log price.
    """
    km = comparables.distances(facts)
    is_pinned = np.zeros(len(km), np.bool_)
    is_pinned[list(choice.pinned)] = True
    allowed = _within(comparables, facts, date, km, choice) | is_pinned
    allowed[list(choice.dropped)] = False
    # Pinned homes first: they stay, however many others are nearer.
    found = np.flatnonzero(allowed)
    rows = found[np.lexsort((km[found], ~is_pinned[found]))][:N_COMPARABLES]
    if not len(rows):
        return ChosenSales((), 0, None, 0.0)
    grid = comparables.grid(facts, rows[np.argsort(km[rows], kind="stable")])
    by_weight = np.argsort(-grid.weight, kind="stable")
    sales = used_sales(comparables.market, grid, by_weight, index)
    weight = grid.weight[by_weight].astype(np.float64)
    adjusted = np.log([sale.adjusted_price for sale in sales])
    own = comparables.grid(facts)
    share = float(own.weight[np.isin(own.rows, grid.rows)].sum())
    price = round(float(np.exp(weight @ adjusted / weight.sum())), 2)
    return ChosenSales(sales, len(found), price, round(min(share, 1.0), 6))


def _within(
    comparables: Comparables, facts: Facts, date: DateArray | None, km: FloatArray, choice: Choice
) -> BoolArray:
    """Return which sold homes are within the limits; without any limit, those that the model compares with."""
    market, sold = comparables.market, comparables.sold
    within = np.ones(len(sold), np.bool_)
    if choice.radius_km is None and choice.months is None and choice.size_percent is None:
        within[:] = False
        within[comparables.grid(facts).rows] = True
        return within
    if choice.radius_km is not None:
        within &= km <= choice.radius_km
    if choice.months is not None and date is not None and sold.date is not None:
        days = np.abs((date[0] - sold.date) / np.timedelta64(1, "D"))
        within &= days <= choice.months * DAYS_PER_MONTH
    if choice.size_percent is not None and market.size is not None:
        size: NDArray[Any] = sold.facts[market.size.name]
        own = facts[market.size.name][0]
        within &= np.abs(size / own - 1) <= choice.size_percent / 100
    return within
