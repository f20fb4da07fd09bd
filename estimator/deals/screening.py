"""Which listings should resell for more than they cost, best first.

Homes are valued without their list price. The resale price then follows from value and list price together, see
`list_prices`; a ranking by the value alone would put over-valued homes first. This module works on arrays: no
files, no requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from estimator.deals.list_prices import ListPriceModel
from estimator.errors import DataError
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.values import check_within
from estimator.uncertainty.conformal import MIN_CALIBRATION_SALES, ConformalRange

MIN_PROBABILITY, MAX_PROBABILITY = 0.5, 0.99
"""Bounds of the required probability: below one half a loss is more likely than a profit, and above .99 the
probability would depend on a handful of sales."""
DEFAULT_PROBABILITY = 0.8
"""Default probability of a resale above the break-even price for a listing to be a deal: four in five."""

LOW_QUANTILE, HIGH_QUANTILE = 0.1, 0.9
"""Shares of resales below the low and the high margin."""

SEVENTY_PERCENT = 0.7
"""Share of the after-repair value, less the repair, that investors pay at most by the 70% rule of thumb."""

MAX_PRICE_RATIO = 2.0
"""Ratio of list price and value, either way, above which a listing gets a warning. See benchmarks/DECISIONS.md,
"Warning for unusual list prices"."""


class Cost(NamedTuple):
    """One kind of cost; `default` applies where neither the request nor the listing gives the cost."""

    name: Literal["buying_cost", "selling_cost", "rehab", "holding"]
    unit: Literal["share", "amount"]
    default: float
    maximum: float
    description: str


COSTS = (
    Cost(
        "buying_cost",
        "share",
        0.02,
        0.5,
        "Share of the list price paid at purchase: title, escrow, inspection, lender's fees.",
    ),
    Cost(
        "selling_cost",
        "share",
        0.08,
        0.5,
        "Share of the resale price paid at the sale: agents, transfer tax, escrow, repairs.",
    ),
    Cost("rehab", "amount", 0.0, 1e9, "Repairs before the resale, in the market's currency."),
    Cost("holding", "amount", 0.0, 1e9, "Interest, tax and insurance until the resale, in the market's currency."),
)
"""The minimum of each is 0. The default shares are what US sellers and cash buyers commonly pay; there is no
common amount for repairs and holding, so these default to 0."""


@dataclass(frozen=True)
class Costs:
    """Costs of buying and reselling n homes; shape (n,) each, see `COSTS`."""

    buying_cost: FloatArray
    selling_cost: FloatArray
    rehab: FloatArray
    holding: FloatArray

    @classmethod
    def of(cls, given: Mapping[str, float], n: int) -> "Costs":
        """Return the same costs for n homes: the given ones by name, and defaults for the others."""
        return cls(**{cost.name: np.full(n, given.get(cost.name, cost.default)) for cost in COSTS})

    def take(self, rows: BoolArray) -> "Costs":
        """Return the costs of some homes."""
        return Costs(**{name: column[rows] for name, column in vars(self).items()})

    def outlay(self, list_price: FloatArray) -> FloatArray:
        """Return everything paid before the resale, shape (n,)."""
        return list_price * (1 + self.buying_cost) + self.rehab + self.holding

    def break_even(self, list_price: FloatArray) -> FloatArray:
        """Return the resale price that recovers the outlay, shape (n,)."""
        return self.outlay(list_price) / (1 - self.selling_cost)

    def margin(self, list_price: FloatArray, resale: FloatArray) -> FloatArray:
        """Return the profit of buying at the list price and reselling at a resale price, shape (n,)."""
        return resale * (1 - self.selling_cost) - self.outlay(list_price)

    def highest_offer(self, resale: FloatArray) -> FloatArray:
        """Return the purchase price whose break-even is a resale price, shape (n,); 0 if the costs exceed it."""
        proceeds = resale * (1 - self.selling_cost) - self.rehab - self.holding
        return np.maximum(proceeds, 0) / (1 + self.buying_cost)


@dataclass(frozen=True)
class Screening:
    """The expected outcome of buying and reselling n listed homes.

    Parameters
    ----------
    break_even
        Resale price that recovers the outlay, shape (n,), in the currency.
    resale_price, resale_low, resale_high
        Resale price given value and list price: expected, and its 10th and 90th percentile, shape (n,).
    probability
        Probability of a resale above the break-even, shape (n,).
    margin, margin_low, margin_high
        Profit: expected, and its 10th and 90th percentile, shape (n,).
    margin_percent, margin_low_percent, margin_high_percent
        The same in percent of the outlay.
    highest_offer
        Highest purchase price at which the resale is above the break-even with the required probability (the
        maximum allowable offer, MAO), shape (n,).
    seventy_percent_offer
        Highest purchase price by the 70% rule: 70% of the value less the repair, shape (n,). For comparison.
    naive_percent
        (value − list price)/list price in percent, shape (n,). For comparison: it ranks over-valued homes first.
    deal
        Whether the probability is at least the required one, shape (n,).
    """

    break_even: FloatArray
    resale_price: FloatArray
    resale_low: FloatArray
    resale_high: FloatArray
    probability: FloatArray
    margin: FloatArray
    margin_low: FloatArray
    margin_high: FloatArray
    margin_percent: FloatArray
    margin_low_percent: FloatArray
    margin_high_percent: FloatArray
    highest_offer: FloatArray
    seventy_percent_offer: FloatArray
    naive_percent: FloatArray
    deal: BoolArray

    def rounded(self) -> dict[str, NDArray[Any]]:
        """Return each column rounded for output: amounts and percentages to 2 decimals, the probability to 4."""
        decimals = {"probability": 4}
        return {
            name: column if column.dtype == np.bool_ else column.round(decimals.get(name, 2))
            for name, column in vars(self).items()
        }


def screen(
    value: FloatArray,
    fsd: FloatArray,
    list_price: FloatArray,
    costs: Costs,
    model: ListPriceModel,
    probability: float = DEFAULT_PROBABILITY,
) -> Screening:
    """Screen n listings. The result for one listing does not depend on the others.

    Parameters
    ----------
    value, fsd
        Valuations made without the list price, shape (n,).
    list_price
        Shape (n,), positive.
    costs
        Of each listing.
    model
        Joint model of values, list prices and resale prices in the market.
    probability
        Required probability of a resale above the break-even, for a deal and for the highest offer.

    Raises
    ------
    ValueError
        The probability is not between `MIN_PROBABILITY` and `MAX_PROBABILITY`.

    Notes
    -----
    A list price carries information about the home's worth, and an offer below it does not: the highest offer
    is valid for this list price.
    """
    check_within(probability, MIN_PROBABILITY, MAX_PROBABILITY)
    resale = model.resale(value, fsd, list_price)
    outlay, break_even = costs.outlay(list_price), costs.break_even(list_price)
    probability_of_profit = resale.probability_above(break_even)
    prices = resale.mean, resale.quantile(LOW_QUANTILE), resale.quantile(HIGH_QUANTILE)
    margin, low, high = (costs.margin(list_price, price) for price in prices)
    return Screening(
        break_even=break_even,
        resale_price=prices[0],
        resale_low=prices[1],
        resale_high=prices[2],
        probability=probability_of_profit,
        margin=margin,
        margin_low=low,
        margin_high=high,
        margin_percent=100 * margin / outlay,
        margin_low_percent=100 * low / outlay,
        margin_high_percent=100 * high / outlay,
        highest_offer=costs.highest_offer(resale.quantile(1 - probability)),
        seventy_percent_offer=np.maximum(SEVENTY_PERCENT * value - costs.rehab, 0),
        naive_percent=100 * (value - list_price) / list_price,
        deal=probability_of_profit >= probability,
    )


def check_ranges(ranges: ConformalRange) -> None:
    """Refuse to screen listings by a model that cannot say how sure its values are.

    Raises
    ------
    DataError
        It has too few calibration sales.
    """
    if not ranges.are_offered:
        raise DataError(
            "listings cannot be screened, because the model cannot say how sure its values are: that takes"
            f" {MIN_CALIBRATION_SALES} sales to check it on, and there are {ranges.n_sales}; train with more sales"
        )


def list_price_warnings(value: FloatArray, list_price: FloatArray) -> dict[str, BoolArray]:
    """Return warning → the listings with a list price far from their value, shape (n,)."""
    ratio = f"{MAX_PRICE_RATIO:g}"
    high = f"list_price is more than {ratio} times the value: check it for a typing error"
    low = (
        f"list_price is less than the value divided by {ratio}: check it for a typing error, an auction's opening"
        " bid or the price of a share"
    )
    marked = {high: list_price > MAX_PRICE_RATIO * value, low: list_price < value / MAX_PRICE_RATIO}
    return {text: rows for text, rows in marked.items() if rows.any()}


def best_first(margin_percent: FloatArray) -> NDArray[np.intp]:
    """Return the rows by falling expected margin in percent; ties in their original order, NaN last."""
    return np.argsort(-margin_percent, kind="stable")
