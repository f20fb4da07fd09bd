"""Contributions: what each fact of a home adds to the price of the market's reference home, to the cent.

The facts of the reference home are replaced by the subject's one after the other; each change of the price is
attributed to the fact just replaced. It depends on the order, so it is averaged over a few orders and their
reverses (Castro, Gómez and Tejada 2009, Polynomial calculation of the Shapley value; reverses: Mitchell et al.
2022, Sampling permutations for Shapley value estimation). The orders are fixed, so the same home always has the
same contributions. Every price is the whole model's: if a fact leads to other comparables, their effect is part of
it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import BoolArray, DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges
from estimator.market.facts import Facts
from estimator.market.market import VALUATION_DATE, Market

PLACE = "place"
"""Name of latitude, longitude and postal code together: they are only meaningful together."""
N_ORDERS = 4
"""Orders of replacement, half of them the reverses of the others: some 80 homes to value at most, in two
milliseconds."""

MAX_REFERENCE_LOCATIONS = 512
"""Sold homes at most whose locations are tried for the reference home: enough for its price to be within some 3%
of the median, in a tenth of a second."""

PriceFunction = Callable[[Facts, DateArray | None], FloatArray]
"""Complete facts of n homes and valuation dates → prices rounded to cents, shape (n,)."""


@dataclass(frozen=True)
class Contributions:
    """What each fact of a home adds to its price.

    Parameters
    ----------
    reference_price
        Price of the reference home at the newest sale's date.
    parts
        Name of a fact, `place` or `valuation_date` → what it adds, in the currency, to the cent. The parts and the
        reference price sum to the home's price.
    """

    reference_price: float
    parts: Mapping[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Return them in the form of a JSON answer: largest first, without parts of 0."""
        ordered = sorted(self.parts.items(), key=lambda part: -abs(part[1]))
        return {"reference_price": self.reference_price, "parts": {name: part for name, part in ordered if part}}


def build_reference_home(
    market: Market, facts: Facts, ranges: FactRanges, price: Callable[[Facts], FloatArray]
) -> Facts:
    """Return the reference home: median of each number, most common label, and the location of one sold home.

    Parameters
    ----------
    facts
        Of n sold homes, n ≥ 1.
    ranges
        Typical values of the facts.
    price
        Facts of homes → their prices, all as of the same day.

    Returns
    -------
    Facts
        Of one home. Its location is that of a sold home: the one where its price comes nearest to the median price
        of the sold homes, so that locations are not nearly all better, or nearly all worse, than the reference
        home's.
    """
    names = market.location
    typical = Facts(_typical_facts(market, ranges))
    if not names:
        return typical
    n_known = np.sum([facts.known(name) for name in names], axis=0)
    located = np.flatnonzero(n_known == n_known.max())
    sold = facts.take(located[:: -(-len(located) // MAX_REFERENCE_LOCATIONS)])
    homes = typical.take(np.zeros(len(sold), np.intp)).replace({name: sold[name] for name in names})
    distance = np.abs(np.log(price(homes) / np.median(price(sold))))
    return homes.take(np.array([distance.argmin()]))


def _typical_facts(market: Market, ranges: FactRanges) -> dict[str, NDArray[Any]]:
    """Return the median of each number and the most common label, of one home; unknown where no home has it."""
    columns: dict[str, NDArray[Any]] = {}
    for feature in market.features:
        if feature.is_label:
            columns[feature.name] = np.array(ranges.labels.get(feature.name, ("",))[:1])
        else:
            known = ranges.numbers.get(feature.name)
            columns[feature.name] = np.array([np.nan if known is None else known.median])
    return columns


def explain(
    market: Market,
    price: PriceFunction,
    reference: Facts,
    subject: Facts,
    dates: tuple[np.datetime64, np.datetime64] | None,
) -> Contributions:
    """Return the contributions to the price of one home.

    Parameters
    ----------
    reference, subject
        One home each, with area figures filled in.
    dates
        Valuation dates of the reference and of the subject; None in a market without dates.
    """
    groups = _groups(market, has_dates=dates is not None)
    names = list(groups)
    orders, is_replaced = _replacements(len(names))
    differs = [any(subject[name][0] != reference[name][0] for name in members) for members in groups.values()]
    if dates is not None:
        differs[names.index(VALUATION_DATE)] = dates[0] != dates[1]
    is_replaced, home = _distinct(is_replaced & differs)  # many facts of many homes are those of the reference
    rows = Facts(
        {
            name: np.where(is_replaced[:, index], subject[name], reference[name])
            for index, members in enumerate(groups.values())
            for name in members
        }
    )
    days = None if dates is None else np.where(is_replaced[:, names.index(VALUATION_DATE)], dates[1], dates[0])
    cents = np.rint(price(rows, days) * 100).astype(np.int64)[home].reshape(len(orders), len(names) + 1)
    added = np.zeros(len(names), np.int64)
    for order, prices in zip(orders, cents, strict=True):
        added[order] += np.diff(prices)
    parts = _rounded_means(added, len(orders)) / 100
    return Contributions(float(cents[0, 0] / 100), dict(zip(names, parts.tolist(), strict=True)))


def count_valued_homes(market: Market) -> int:
    """Return how many homes are valued to explain one home at most: what its contributions cost."""
    return N_ORDERS * (len(_groups(market, has_dates=market.sale_date is not None)) + 1)


def _groups(market: Market, *, has_dates: bool) -> dict[str, list[str]]:
    """Return name of a group → the facts that are replaced together."""
    location_names = list(market.location)
    groups = {PLACE: location_names} if location_names else {}
    groups |= {feature.name: [feature.name] for feature in market.features if feature.name not in location_names}
    return groups | ({VALUATION_DATE: []} if has_dates else {})


@lru_cache
def _replacements(n: int) -> tuple[Sequence[NDArray[np.intp]], BoolArray]:
    """Return random orders of n groups and their reverses, the same ones every time, and what they replace.

    Returns
    -------
    orders
        `N_ORDERS` permutations, shape (n,) each.
    is_replaced
        Which groups are the subject's at each step of each order, shape (orders·(n + 1), n).
    """
    rng = np.random.default_rng(0)
    permutations = [rng.permutation(n) for _ in range(N_ORDERS // 2)]
    orders = [order for permutation in permutations for order in (permutation, permutation[::-1])]
    steps = [np.argsort(order) < np.arange(n + 1)[:, None] for order in orders]
    return orders, np.vstack(steps)


def _distinct(rows: BoolArray) -> tuple[BoolArray, NDArray[np.intp]]:
    """Return the distinct ones of n rows, in the order of their first appearance, and which each row is, (n,)."""
    number: dict[bytes, int] = {}
    which = np.array([number.setdefault(row.tobytes(), len(number)) for row in rows])
    return np.frombuffer(b"".join(number), np.bool_).reshape(len(number), -1), which


def _rounded_means(cents: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Round cents/n to whole cents that sum to Σ cents/n, which is a whole number.

    The largest remainders are rounded up, so that 0 stays 0.
    """
    whole, remainder = np.divmod(cents, n)
    n_rounded_up = int(remainder.sum()) // n
    whole[np.argsort(-remainder, kind="stable")[:n_rounded_up]] += 1
    return whole
