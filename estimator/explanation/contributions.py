"""Why this price: what each fact of a home adds to the price of the market's usual home, to the cent.

Facts are exchanged one after the other, from the usual home's to the subject's; each change of the price is the
last exchanged fact's. What that is depends on the order; so it is the mean over a few orders and their reverses
(Castro, Gómez and Tejada 2009, Polynomial calculation of the Shapley value; reverses: Mitchell et al. 2022,
Sampling permutations for Shapley value estimation). The orders are always the same, so the same home has the same
reasons. Every price on the way is the whole model's: when a fact leads to other comparables, their effect is its.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.market.areas import kilometres
from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import VALUATION_DATE, Market

PLACE = "place"
"""What latitude, longitude and postal code are called together: one without the others is nowhere."""
ORDERS = 4
"""Orders of exchange, half of them the reverses of the others: some 80 homes to value, a few milliseconds."""

Value = Callable[[Facts, DateArray | None], FloatArray]
"""Complete facts (n,) and days → prices to the cent, shape (n,)."""


@dataclass(frozen=True)
class Contributions:
    """Why a home is worth what it is.

    Parameters
    ----------
    reference_price
        Of the usual home, on the newest day.
    parts
        Name of a fact, `place` or `valuation_date` → what it adds, in the currency, to the cent. They and the
        reference price sum to the home's price.
    """

    reference_price: float
    parts: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return them as an answer gives them: the greatest first, those of 0 left out."""
        ordered = sorted(self.parts.items(), key=lambda part: -abs(part[1]))
        return {"reference_price": self.reference_price, "parts": {name: part for name, part in ordered if part}}


def reference_home(market: Market, facts: Facts, ranges: FactRanges) -> Facts:
    """Return the market's usual home: the median of each number, the commonest label, one sold home's place.

    Parameters
    ----------
    facts
        Of n sold homes, n ≥ 1.
    ranges
        What values those take.

    Returns
    -------
    Facts
        Of one home. Its place, with the area's facts, is that of the sold home nearest to all homes' median place:
        medians of latitude and longitude by themselves may lie in a lake.
    """
    row = _nearest_to_median_place(market, facts)
    here = _place_names(market)
    columns: dict[str, NDArray[Any]] = {}
    for feature in market.features:
        if feature.name in here:
            columns[feature.name] = facts[feature.name][row : row + 1]
        elif feature.is_label:
            columns[feature.name] = np.array(ranges.labels.get(feature.name, ("",))[:1])
        else:
            known = ranges.numbers.get(feature.name)
            columns[feature.name] = np.array([np.nan if known is None else known.usual])
    return Facts(columns)


def explain(
    market: Market,
    value: Value,
    reference: Facts,
    subject: Facts,
    dates: tuple[np.datetime64, np.datetime64] | None,
) -> Contributions:
    """Explain the price of one home.

    Parameters
    ----------
    reference, subject
        One home each, complete.
    dates
        The reference's day and the subject's; None in a market without dates.
    """
    groups = _groups(market, dated=dates is not None)
    names = list(groups)
    orders = _orders(len(names))
    exchanged = _exchanged(orders, len(names))
    rows = Facts(
        {
            name: np.where(exchanged[:, place], subject[name], reference[name])
            for place, members in enumerate(groups.values())
            for name in members
        }
    )
    days = None if dates is None else np.where(exchanged[:, names.index(VALUATION_DATE)], dates[1], dates[0])
    cents = np.rint(value(rows, days) * 100).astype(np.int64).reshape(len(orders), len(names) + 1)
    added = np.zeros(len(names), np.int64)
    for order, prices in zip(orders, cents, strict=True):
        added[order] += np.diff(prices)
    parts = _shares(added, len(orders)) / 100
    return Contributions(float(cents[0, 0] / 100), dict(zip(names, parts.tolist(), strict=True)))


def _groups(market: Market, *, dated: bool) -> dict[str, list[str]]:
    """Return what is exchanged together, by its name."""
    here = _place_names(market)
    groups = {PLACE: here} if here else {}
    groups |= {feature.name: [feature.name] for feature in market.features if feature.name not in here}
    return groups | ({VALUATION_DATE: []} if dated else {})


def _place_names(market: Market) -> list[str]:
    return list(market.location)


def _orders(n: int) -> list[NDArray[np.intp]]:
    """Return the orders, always the same."""
    rng = np.random.default_rng(0)
    half = [rng.permutation(n) for _ in range(ORDERS // 2)]
    return [each for order in half for each in (order, order[::-1])]


def _exchanged(orders: Sequence[NDArray[np.intp]], n: int) -> BoolArray:
    """Return which groups are the subject's on each step of each order, shape (orders·(n + 1), n)."""
    steps = []
    for order in orders:
        place = np.empty(n, np.intp)
        place[order] = np.arange(n)
        steps.append(place[None, :] < np.arange(n + 1)[:, None])
    return np.vstack(steps)


def _shares(cents: NDArray[np.int64], among: int) -> NDArray[np.int64]:
    """Return whole cents that are as near as can be to cents/among and sum to Σ cents/among, which is whole.

    The largest remainders are rounded up: what is 0 stays 0.
    """
    whole, remainder = np.divmod(cents, among)
    left = int(remainder.sum()) // among
    whole[np.argsort(-remainder, kind="stable")[:left]] += 1
    return whole


def _nearest_to_median_place(market: Market, facts: Facts) -> int:
    """Return the row of the sold home nearest to the median place; the first where none has a place."""
    if market.coordinates is None or not facts.known(market.coordinates[0]).any():
        return 0
    place = kilometres(facts, market.coordinates, float(np.nanmedian(facts[market.coordinates[0]])))
    return int(np.nanargmin(((place - np.nanmedian(place, axis=0)) ** 2).sum(axis=1)))
