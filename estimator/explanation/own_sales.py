"""The earlier sales of the subject itself, where the sold homes have it: the first thing that an owner knows.

A sold home is taken to be the subject if it stands where the subject does and no fact of the two differs.
"""

import datetime as dt
from dataclasses import dataclass
from typing import Any

import numpy as np

from estimator.features.comparables import Comparables
from estimator.market.arrays import BoolArray
from estimator.market.facts import Facts
from estimator.market.plane import kilometres

SAME_PLACE_KM = 0.1
"""Sold homes farther away are others: coordinates in sales files are often rounded to some 75 m."""
MIN_EQUAL_FACTS = 2
"""Facts besides the location, at least, in which a home must be equal: many homes have the same size."""


@dataclass(frozen=True, slots=True)
class OwnSale:
    """An earlier sale of the subject.

    Parameters
    ----------
    date
        None in a market without dates.
    price
        What it sold for.
    price_now
        This price moved by the price index to the valuation date.
    """

    date: dt.date | None
    price: float
    price_now: float

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer."""
        date = None if self.date is None else self.date.isoformat()
        return {"date": date, "price": self.price, "price_now": self.price_now}


def find_own_sales(comparables: Comparables, given: Facts, index: float) -> tuple[OwnSale, ...]:
    """Return the sales of one subject, newest first; none if no sold home is equal to it, or several homes are.

    Parameters
    ----------
    given
        Its facts, as they were given: what was looked up says nothing of the home.
    index
        What the price index adds to the worth of the subject on its valuation date, log price.
    """
    sold = comparables.sold
    rows = np.flatnonzero(_are_equal(comparables, given))
    if len(np.unique(sold.home[rows])) != 1:
        return ()
    dates = (
        [None] * len(rows) if sold.date is None else [dt.date.fromisoformat(str(day)) for day in sold.date[rows]]
    )
    prices_now = np.exp(comparables.log_price[rows] + index)
    sales = [
        OwnSale(date, round(float(price), 2), round(float(now), 2))
        for date, price, now in zip(dates, sold.price[rows], prices_now, strict=True)
    ]
    return tuple(reversed(sales))


def _are_equal(comparables: Comparables, given: Facts) -> BoolArray:
    """Return which sold homes may be the subject."""
    market, sold = comparables.market, comparables.sold
    assert market.coordinates is not None  # noqa: S101  # comparables have locations
    if not all(given.known(name)[0] for name in market.coordinates):
        return np.zeros(len(sold), np.bool_)
    place = kilometres(sold.facts, market.coordinates, comparables.mean_latitude)
    subject = kilometres(given, market.coordinates, comparables.mean_latitude)
    equal: BoolArray = np.hypot(*(place - subject).T) <= SAME_PLACE_KM
    n_equal = np.zeros(len(sold), np.int64)
    for feature in market.features:
        if feature.fact_kind.is_location or not given.known(feature.name)[0]:
            continue
        same = sold.facts[feature.name] == given[feature.name][0]
        equal &= same | ~sold.facts.known(feature.name)
        n_equal += same
    return equal & (n_equal >= MIN_EQUAL_FACTS)
