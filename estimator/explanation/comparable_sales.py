"""Comparables for people to read: the sold homes behind a value, adjusted in money, and why others count little.

The weights and adjustments are those of the model; see `adjustment_grid`. This module turns log prices into
amounts that sum exactly, and the largest difference of a home into a sentence.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.features.comparables import Comparables, SubjectGrid
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts, format_fact
from estimator.market.market import VALUATION_DATE, Market
from estimator.market.sales import Sales
from estimator.market.values import Value

MAX_USED = 10
"""Largest number of comparables shown: in King County they have at least half of the weight, and a person can read
them."""
MAX_LEFT_OUT = 5
"""Largest number of nearby homes with little weight shown: a reader asks only about the nearest few."""
MIN_RELATIVE_WEIGHT = 0.01
"""Share of the largest weight below which a home is not shown as used: twice its price would change a value by
less than 1 %, and usually by far less."""


@dataclass(frozen=True, slots=True)
class UsedSale:
    """A sold home that is used for a value.

    Parameters
    ----------
    row
        Its row number among the sold homes with a location, which `GET /sales` lists.
    facts
        Its known facts by name, its location among them.
    date
        Date of sale; None in a market without dates.
    price
        What it sold for, in the currency.
    distance_km
        From the subject, to the metre.
    weight
        Its weight among all comparables, shown or not, to a millionth; they sum to 1.
    adjustments
        Fact → what the subject's difference in it adds to the price, to the cent; `valuation_date`: what the time
        since the sale adds. Adjustments of 0 are left out.
    adjusted_price
        Price plus adjustments: the price that the sale suggests for the subject.
    """

    row: int
    facts: Mapping[str, Value]
    date: dt.date | None
    price: float
    distance_km: float
    weight: float
    adjustments: Mapping[str, float]
    adjusted_price: float

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer."""
        return {
            "row": self.row,
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
    """A nearby sold home with little weight, and the difference that reduces its weight most."""

    distance_km: float
    date: dt.date | None
    price: float
    reason: str

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer."""
        return {
            "distance_km": self.distance_km,
            "date": None if self.date is None else self.date.isoformat(),
            "price": self.price,
            "reason": self.reason,
        }


@dataclass(frozen=True, slots=True)
class ComparableSales:
    """The comparables of one subject; empty if its location is unknown.

    Parameters
    ----------
    used
        Those with most weight, largest weight first.
    left_out
        Those with little weight, nearest first; see `MIN_RELATIVE_WEIGHT`.
    """

    used: tuple[UsedSale, ...]
    left_out: tuple[LeftOutSale, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return them in the form of a JSON answer."""
        return {
            "used": [sale.as_dict() for sale in self.used],
            "left_out": [sale.as_dict() for sale in self.left_out],
        }


def comparable_sales(
    comparables: Comparables, facts: Facts, date: DateArray | None, index: FloatArray
) -> list[ComparableSales]:
    """Return the comparables of n subjects, each independent of the other subjects.

    Parameters
    ----------
    facts
        The subjects' facts, their areas' figures filled in.
    date
        Valuation dates, datetime64[D], shape (n,); None in a market without dates.
    index
        What the price index adds to the worth of each subject on its date, log price, shape (n,).
    """
    answers = []
    for row in range(len(facts)):
        subject, day = facts.take(slice(row, row + 1)), None if date is None else date[row : row + 1]
        grid = comparables.grid(subject)
        answers.append(_subject_comparables(comparables.market, subject, day, grid, float(index[row])))
    return answers


def adjust(price: FloatArray, adjustment: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Convert adjustments of log prices to money.

    Each of k adjustments gets the same share of the money as of the log price: it is multiplied by the logarithmic
    mean of the price and the adjusted price, (adjusted − price)/log(adjusted/price). The cents left over by
    rounding are added to the largest adjustment.

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
        Price plus amounts, shape (m,), to the cent.
    """
    change = adjustment.sum(axis=1)
    is_zero = change == 0
    mean = price * np.where(is_zero, 1.0, np.expm1(change) / np.where(is_zero, 1.0, change))
    cents = np.rint(100 * mean[:, None] * adjustment)
    before, after = np.rint(100 * price), np.rint(100 * price * np.exp(change))
    left_over = after - before - cents.sum(axis=1)
    cents[np.arange(len(price)), np.abs(adjustment).argmax(axis=1)] += left_over
    return cents / 100, (before + cents.sum(axis=1)) / 100


def _subject_comparables(
    market: Market, subject: Facts, date: DateArray | None, grid: SubjectGrid, index: float
) -> ComparableSales:
    """Return the comparables of one subject."""
    if not len(grid.weight):
        return ComparableSales((), ())
    by_weight = np.argsort(-grid.weight, kind="stable")
    is_used = grid.weight >= MIN_RELATIVE_WEIGHT * grid.weight.max()
    used = by_weight[is_used[by_weight]][:MAX_USED]
    # Log of (largest weight / own weight), split into facts, distance and time.
    penalty = grid.differences.penalty.astype(np.float64)
    penalty -= penalty[by_weight[0]]
    left_out = tuple(
        LeftOutSale(
            _round_to_metres(grid.km[index]),
            _sale_date(grid.sold, index),
            _round_to_cents(grid.sold.price[index]),
            _reason(market, subject, date, grid, index, penalty[index]),
        )
        for index in np.flatnonzero(~is_used)[:MAX_LEFT_OUT]
    )
    return ComparableSales(used_sales(market, grid, used, index), left_out)


def used_sales(market: Market, grid: SubjectGrid, indices: NDArray[np.intp], index: float) -> tuple[UsedSale, ...]:
    """Return some comparables of a grid; `index` is the price index on the valuation date."""
    sold = grid.sold.take(indices)
    names = [*(feature.name for feature in market.numbers), VALUATION_DATE]
    by_time = np.zeros(len(indices)) if sold.date is None else grid.time_adjustment[indices] + index
    by_fact = grid.differences.adjustment[indices].astype(np.float64)
    amounts, adjusted = adjust(sold.price, np.column_stack((by_fact, by_time)))
    return tuple(
        UsedSale(
            int(grid.rows[index]),
            sold.facts.as_values(market, row),
            _sale_date(sold, row),
            _round_to_cents(sold.price[row]),
            _round_to_metres(grid.km[index]),
            round(float(grid.weight[index]), 6),
            {name: amount for name, amount in zip(names, amounts[row].tolist(), strict=True) if amount},
            float(adjusted[row]),
        )
        for row, index in enumerate(indices)
    )


def _reason(
    market: Market, subject: Facts, date: DateArray | None, grid: SubjectGrid, index: int, penalty: FloatArray
) -> str:
    """Return a sentence about the difference that reduces a comparable's weight most.

    Latitude and longitude count as distance: for a reader all three are the location.

    Parameters
    ----------
    penalty
        Of each fact, the distance and the time, shape (f + 2,).
    """
    by_fact, distance, age = penalty[:-2].copy(), float(penalty[-2]), float(penalty[-1])
    is_coordinate = [feature.name in (market.coordinates or ()) for feature in market.numbers]
    distance += float(by_fact[is_coordinate].sum())
    by_fact[is_coordinate] = -np.inf
    largest = int(by_fact.argmax())
    if distance >= max(by_fact[largest], age):
        return f"It is {_round_to_metres(grid.km[index]):.15g} km away."
    if age >= by_fact[largest] and date is not None and grid.sold.date is not None:
        days = int((date[0] - grid.sold.date[index]) / np.timedelta64(1, "D"))
        when = "before" if days >= 0 else "after"
        return f"It was sold {abs(days)} {'day' if abs(days) == 1 else 'days'} {when} the valuation date."
    feature = market.numbers[largest]
    of_sale = format_fact(feature, grid.sold.facts[feature.name][index])
    of_subject = format_fact(feature, subject[feature.name][0])
    return f"Its {feature.name} is {of_sale}, the subject's is {of_subject}."


def _sale_date(sold: Sales, row: int) -> dt.date | None:
    return None if sold.date is None else dt.date.fromisoformat(str(sold.date[row]))


def _round_to_cents(amount: float) -> float:
    return round(float(amount), 2)


def _round_to_metres(km: float) -> float:
    return round(float(km), 3)
