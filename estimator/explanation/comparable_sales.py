"""Comparables for people to read: the sold homes behind a value, adjusted in money, and why others hardly count.

The weights and the adjustments are the appraiser's own; see `adjustment_grid`. Here log prices become amounts that
sum exactly, and what counts against a home becomes a sentence.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.features.comparables import Comparables, Grid
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts, format_fact
from estimator.market.market import VALUATION_DATE, Market
from estimator.market.sales import Sales
from estimator.market.values import Value

MOST_USED = 10
"""Comparables told, at most: in King County they carry half of the weight and more, and a person can read them."""
MOST_LEFT_OUT = 5
"""Homes told that carry hardly any weight, at most: a reader wonders about the nearest few."""
HARDLY_ANY = 0.01
"""Share of the greatest weight below which a home carries hardly any: were it sold for twice as much, a value that
one home carried alone would move by less than 1 %, and by far less where several do."""


@dataclass(frozen=True, slots=True)
class UsedSale:
    """A sold home that carries weight.

    Parameters
    ----------
    facts
        What is known of it, by name; the place is among it.
    date
        Day of sale; None in a market without dates.
    price
        What it sold for, in the currency.
    distance_km
        From the subject, to the metre.
    weight
        Its share among all comparables, told or not, to a millionth; theirs sum to 1.
    adjustments
        Fact → what the subject's difference in it adds to the price, to the cent; `valuation_date`: what the time
        since the sale does. None is 0.
    adjusted_price
        Price and adjustments: what the sale suggests for the subject.
    """

    facts: Mapping[str, Value]
    date: dt.date | None
    price: float
    distance_km: float
    weight: float
    adjustments: Mapping[str, float]
    adjusted_price: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as an answer gives it."""
        return {
            "facts": dict(self.facts),
            "date": None if self.date is None else self.date.isoformat(),
            "price": self.price,
            "distance_km": self.distance_km,
            "weight": self.weight,
            "adjustments": dict(self.adjustments),
            "adjusted_price": self.adjusted_price,
        }


@dataclass(frozen=True, slots=True)
class LeftOutSale:
    """A near sold home that carries hardly any weight, and the difference that counts most against it."""

    distance_km: float
    date: dt.date | None
    price: float
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it as an answer gives it."""
        return {
            "distance_km": self.distance_km,
            "date": None if self.date is None else self.date.isoformat(),
            "price": self.price,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ComparableSales:
    """The comparables of one subject; none at all where its place is unknown or nothing was sold before.

    Parameters
    ----------
    used
        Those that carry most weight, the heaviest first.
    left_out
        The nearest of those that carry hardly any, the nearest first; see `HARDLY_ANY`.
    """

    used: tuple[UsedSale, ...]
    left_out: tuple[LeftOutSale, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return them as an answer gives them."""
        return {
            "used": [sale.as_dict() for sale in self.used],
            "left_out": [sale.as_dict() for sale in self.left_out],
        }


def comparable_sales(comparables: Comparables, facts: Facts, date: DateArray | None) -> list[ComparableSales]:
    """Return the comparables of n subjects, none of them dependent on the other subjects.

    Parameters
    ----------
    facts
        The subjects', their area's figures filled in.
    date
        Days of valuation, datetime64[D], shape (n,); None in a market without dates.
    """
    told = []
    for row in range(len(facts)):
        subject, day = facts.take(slice(row, row + 1)), None if date is None else date[row : row + 1]
        told.append(_told(comparables.market, subject, day, comparables.grid(subject, day)))
    return told


def adjust(price: FloatArray, adjustment: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Turn adjustments of log prices into money.

    Each of k adjustments has the share of the money that it has of the log price: it is multiplied by the
    logarithmic mean of the price and the adjusted price, (adjusted − price)/log(adjusted/price). The cents that
    rounding leaves over go to the largest of them.

    Parameters
    ----------
    price
        Sale prices, shape (m,).
    adjustment
        Log price, shape (m, k).

    Returns
    -------
    amounts
        Shape (m, k), to the cent.
    adjusted_price
        Price and amounts, shape (m,), to the cent.
    """
    change = adjustment.sum(axis=1)
    nothing = change == 0
    mean = price * np.where(nothing, 1.0, np.expm1(change) / np.where(nothing, 1.0, change))
    cents = np.rint(100 * mean[:, None] * adjustment)
    before, after = np.rint(100 * price), np.rint(100 * price * np.exp(change))
    left_over = after - before - cents.sum(axis=1)
    cents[np.arange(len(price)), np.abs(adjustment).argmax(axis=1)] += left_over
    return cents / 100, (before + cents.sum(axis=1)) / 100


def _told(market: Market, subject: Facts, date: DateArray | None, grid: Grid) -> ComparableSales:
    """Tell the comparables of one subject."""
    if not len(grid.weight):
        return ComparableSales((), ())
    heaviest_first = np.argsort(-grid.weight, kind="stable")
    enough = grid.weight >= HARDLY_ANY * grid.weight.max()
    used = heaviest_first[enough[heaviest_first]][:MOST_USED]
    # Log of how many times its weight the heaviest one's is, taken apart: facts, distance, time.
    against = grid.differences.against.astype(np.float64)
    against -= against[heaviest_first[0]]
    left_out = tuple(
        LeftOutSale(
            _metres(grid.km[place]),
            _day(grid.sold, place),
            _cents(grid.sold.price[place]),
            _reason(market, subject, date, grid, place, against[place]),
        )
        for place in np.flatnonzero(~enough)[:MOST_LEFT_OUT]
    )
    return ComparableSales(_used(market, grid, used), left_out)


def _used(market: Market, grid: Grid, places: NDArray[np.intp]) -> tuple[UsedSale, ...]:
    """Tell the comparables at some places of a grid."""
    sold = grid.sold.take(places)
    names = [*(feature.name for feature in market.numbers), VALUATION_DATE]
    amounts, adjusted = adjust(sold.price, grid.differences.adjustment[places].astype(np.float64))
    return tuple(
        UsedSale(
            sold.facts.as_values(market, row),
            _day(sold, row),
            _cents(sold.price[row]),
            _metres(grid.km[place]),
            round(float(grid.weight[place]), 6),
            {name: amount for name, amount in zip(names, amounts[row].tolist(), strict=True) if amount},
            float(adjusted[row]),
        )
        for row, place in enumerate(places)
    )


def _reason(
    market: Market, subject: Facts, date: DateArray | None, grid: Grid, place: int, against: FloatArray
) -> str:
    """Say which difference counts most against a comparable; against: of facts, distance and time, shape (f + 2,).

    Latitude and longitude count as the distance does: to a reader all three are where the home stands.
    """
    by_fact, distance, age = against[:-2].copy(), float(against[-2]), float(against[-1])
    where = [feature.name in (market.coordinates or ()) for feature in market.numbers]
    distance += float(by_fact[where].sum())
    by_fact[where] = -np.inf
    worst = int(by_fact.argmax())
    if distance >= max(by_fact[worst], age):
        return f"It is {_metres(grid.km[place]):.15g} km away."
    if age >= by_fact[worst] and date is not None and grid.sold.date is not None:
        days = int((date[0] - grid.sold.date[place]) / np.timedelta64(1, "D"))
        return f"It was sold {days} {'day' if days == 1 else 'days'} before the valuation date."
    feature = market.numbers[worst]
    theirs = format_fact(feature, grid.sold.facts[feature.name][place])
    own = format_fact(feature, subject[feature.name][0])
    return f"Its {feature.name} is {theirs}, the subject's {own}."


def _day(sold: Sales, row: int) -> dt.date | None:
    return None if sold.date is None else dt.date.fromisoformat(str(sold.date[row]))


def _cents(amount: float) -> float:
    return round(float(amount), 2)


def _metres(km: float) -> float:
    return round(float(km), 3)
