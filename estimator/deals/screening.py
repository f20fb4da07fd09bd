"""Which listings resell for more than they cost, best first.

The value never saw the ask. What the home resells for is told by value and ask together, see `asks`; ranked by the
value alone, the first would be the homes whose value is too high. Knows arrays: no files, no requests.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from estimator.deals.list_prices import ListPriceModel
from estimator.market.facts import BoolArray, FloatArray, check_within

LEAST_PROBABILITY, GREATEST_PROBABILITY = 0.5, 0.99
"""What may be asked for: below a half the resale is more likely to lose, beyond .99 a handful of sales tells."""
PROBABILITY = 0.8
"""Of a resale above the break-even, for a listing to be a deal, unless another is asked for: four in five."""

LOW, HIGH = 0.1, 0.9
"""Shares of resales below the low and the high margin."""

SEVENTY_PERCENT = 0.7
"""Share of the after-repair value that the investors' rule of thumb pays at most, less the repair."""

SLIPPED = 2.0
"""Asks so many times above or below the value come with a warning: values of King County's validation sales miss
by as much five times in a thousand."""


class Cost(NamedTuple):
    """One kind of cost; `default` holds where nothing is said."""

    name: Literal["buying_cost", "selling_cost", "rehab", "holding"]
    unit: Literal["share", "amount"]
    default: float
    greatest: float
    text: str


COSTS = (
    Cost("buying_cost", "share", 0.02, 0.5, "Of the list price: title, escrow, inspection, lender's fees."),
    Cost("selling_cost", "share", 0.08, 0.5, "Of the resale price: agents, transfer tax, escrow, repairs."),
    Cost("rehab", "amount", 0.0, 1e9, "Repair before the resale, in the market's currency; the listing's own."),
    Cost("holding", "amount", 0.0, 1e9, "Interest, tax, insurance until then, in the market's currency."),
)
"""The least of each is 0. The shares' defaults are what US sellers and cash buyers commonly pay; of the amounts
nothing is common, so they are 0 until said."""


@dataclass(frozen=True)
class Costs:
    """What it takes to buy and resell n homes; shape (n,) each, see `COSTS`."""

    buying_cost: FloatArray
    selling_cost: FloatArray
    rehab: FloatArray
    holding: FloatArray

    @classmethod
    def of(cls, said: Mapping[str, float], n: int) -> "Costs":
        """Return the same costs for n homes: the ones said, and the defaults of the others."""
        return cls(**{cost.name: np.full(n, said.get(cost.name, cost.default)) for cost in COSTS})

    def take(self, rows: BoolArray) -> "Costs":
        """Return the costs of some homes."""
        return Costs(**{name: column[rows] for name, column in vars(self).items()})

    def outlay(self, ask: FloatArray) -> FloatArray:
        """Return all that is paid before the resale, shape (n,)."""
        return ask * (1 + self.buying_cost) + self.rehab + self.holding

    def break_even(self, ask: FloatArray) -> FloatArray:
        """Return the resale price that brings back the outlay, shape (n,)."""
        return self.outlay(ask) / (1 - self.selling_cost)

    def margin(self, ask: FloatArray, resale: FloatArray) -> FloatArray:
        """Return what a resale leaves, shape (n,)."""
        return resale * (1 - self.selling_cost) - self.outlay(ask)

    def highest_offer(self, resale: FloatArray) -> FloatArray:
        """Return the offer whose break-even is a resale price, shape (n,); 0 where the other costs eat it up."""
        left = resale * (1 - self.selling_cost) - self.rehab - self.holding
        return np.maximum(left, 0) / (1 + self.buying_cost)


@dataclass(frozen=True)
class Screening:
    """What n listings promise.

    Parameters
    ----------
    break_even
        Resale price that brings back the outlay, shape (n,), in the currency.
    resale_price, resale_low, resale_high
        Resale price given value and ask: expected, and its 10th and 90th percentile, shape (n,).
    probability
        Of a resale above the break-even, shape (n,).
    margin, margin_low, margin_high
        What the resale leaves: expected, and its 10th and 90th percentile, shape (n,).
    margin_percent, margin_low_percent, margin_high_percent
        The same in percent of the outlay.
    highest_offer
        The most to pay for a home so that the resale is above the break-even with the probability asked for (the
        maximum allowable offer, MAO), shape (n,).
    seventy_percent_offer
        The most by the 70% rule: 70% of the value less the repair, shape (n,). For comparison.
    naive_percent
        (value − ask)/ask in percent, shape (n,). For comparison: the homes it likes best are over-valued.
    deal
        Whether the probability is at least the one asked for, shape (n,).
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
        """Return each column as answers give it: amounts to the cent, percents alike, the probability finer."""
        decimals = {"probability": 4}
        return {
            name: column if column.dtype == np.bool_ else column.round(decimals.get(name, 2))
            for name, column in vars(self).items()
        }


def screen(
    value: FloatArray,
    fsd: FloatArray,
    ask: FloatArray,
    costs: Costs,
    asks: ListPriceModel,
    probability: float = PROBABILITY,
) -> Screening:
    """Screen n listings. What is said of one does not depend on the others.

    Parameters
    ----------
    value, fsd
        Valuations that never saw an ask, shape (n,).
    ask
        List prices, shape (n,), positive.
    costs
        Of each listing.
    asks
        How values, asks and resales go together in the market.
    probability
        Of a resale above the break-even, for a deal and for the highest offer, within what may be asked for.

    Raises
    ------
    ValueError
        The probability is not within what may be asked for.

    Notes
    -----
    An ask is evidence of what the home is worth, an offer below it is not: the highest offer holds for this ask.
    """
    check_within(probability, LEAST_PROBABILITY, GREATEST_PROBABILITY)
    resale = asks.resale(value, fsd, ask)
    outlay, break_even = costs.outlay(ask), costs.break_even(ask)
    above = resale.above(break_even)
    prices = resale.mean, resale.quantile(LOW), resale.quantile(HIGH)
    margin, low, high = (costs.margin(ask, price) for price in prices)
    return Screening(
        break_even=break_even,
        resale_price=prices[0],
        resale_low=prices[1],
        resale_high=prices[2],
        probability=above,
        margin=margin,
        margin_low=low,
        margin_high=high,
        margin_percent=100 * margin / outlay,
        margin_low_percent=100 * low / outlay,
        margin_high_percent=100 * high / outlay,
        highest_offer=costs.highest_offer(resale.quantile(1 - probability)),
        seventy_percent_offer=np.maximum(SEVENTY_PERCENT * value - costs.rehab, 0),
        naive_percent=100 * (value - ask) / ask,
        deal=above >= probability,
    )


def ask_warnings(value: FloatArray, ask: FloatArray) -> dict[str, BoolArray]:
    """Return warning → the listings whose ask hardly goes with their value, shape (n,)."""
    marked = {
        f"list_price is more than {SLIPPED:g} times the value: is it a slip of the pen?": ask > SLIPPED * value,
        f"list_price is less than the value divided by {SLIPPED:g}: is it a slip of the pen, an auction's opening"
        " bid or the price of a share?": ask < value / SLIPPED,
    }
    return {text: where for text, where in marked.items() if where.any()}


def best_first(margin_percent: FloatArray) -> NDArray[np.intp]:
    """Return the rows in the order of the expected margin in percent; equals as they came, NaN last."""
    return np.argsort(-margin_percent, kind="stable")
