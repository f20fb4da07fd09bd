"""What may be true of a list price, and what buying and reselling a home then comes to.

Without closed listings nobody knows how much a list price says about a home. Two readings bound the answer: the
seller knows what no record contains, so the asking price is informed; or the asking price says nothing, and our
value is right. Where enough homes were sold twice, a third reading says what became of their buyers. Works on
arrays: no files, no requests.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel, ResaleDistribution
from estimator.market.arrays import BoolArray, FloatArray, LabelArray

ASK_INFORMED, VALUE_RIGHT, PAST_RESALES = "if_ask_informed", "if_value_right", "as_past_resales"
"""Names of the readings, in answers and in the names of a file's columns."""
READINGS = {
    ASK_INFORMED: "if the asking price is informed",
    VALUE_RIGHT: "if our value is right",
    PAST_RESALES: "if it goes as with homes of this market that were resold within two years",
}
"""Reading → how people read it."""

PAYS_BOTH, PAYS_VALUE_ONLY, PAYS_NEITHER = (
    "pays under both",
    "pays only if our value is right",
    "pays under neither",
)
"""Labels of listings without closed listings. No listing pays only if the asking price is informed: that price
draws the resale price down to itself, which no cost is below."""
PAYS, PAYS_NOT = "pays", "does not pay"
"""Labels of listings where closed listings say how much a list price means."""
LABELS = (PAYS_BOTH, PAYS_VALUE_ONLY, PAYS_NEITHER, PAYS, PAYS_NOT)
DEAL_LABELS = (PAYS_BOTH, PAYS_VALUE_ONLY, PAYS)
"""Labels of deals."""

LOW_QUANTILE, HIGH_QUANTILE = 0.1, 0.9
"""Shares of resales below the low and the high margin."""

MAX_SPREAD = 2.0
"""Largest spread of a resale price that its mean follows: a value with an FSD of 200% says nothing."""


@dataclass(frozen=True)
class Outcome:
    """The expected outcome of buying and reselling n homes, under one reading of their list prices.

    Parameters
    ----------
    resale_price, resale_low, resale_high
        Resale price: expected, and its 10th and 90th percentile, shape (n,), in the currency.
    probability
        Probability of a resale above the break-even, shape (n,).
    margin, margin_low, margin_high
        Profit: expected, and its 10th and 90th percentile, shape (n,).
    margin_percent, margin_low_percent, margin_high_percent
        The same in percent of the outlay.
    cash_on_cash_percent
        Expected profit a year in percent of the buyer's own money, shape (n,); NaN without holding months.
    highest_offer
        Highest purchase price at which the resale is above the break-even with the required probability (the
        maximum allowable offer, MAO), shape (n,).
    pays
        Whether the probability is at least the required one, shape (n,).
    """

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
    cash_on_cash_percent: FloatArray
    highest_offer: FloatArray
    pays: BoolArray

    @classmethod
    def of(cls, resale: ResaleDistribution, list_price: FloatArray, costs: Costs, probability: float) -> "Outcome":
        """Return the outcome of buying n homes at their list prices, if they resell as a distribution says."""
        outlay = costs.outlay(list_price)
        chance = resale.probability_above(costs.break_even(list_price))
        prices = resale.mean, resale.quantile(LOW_QUANTILE), resale.quantile(HIGH_QUANTILE)
        margin, low, high = (costs.margin(list_price, price) for price in prices)
        return cls(
            resale_price=prices[0],
            resale_low=prices[1],
            resale_high=prices[2],
            probability=chance,
            margin=margin,
            margin_low=low,
            margin_high=high,
            margin_percent=100 * margin / outlay,
            margin_low_percent=100 * low / outlay,
            margin_high_percent=100 * high / outlay,
            cash_on_cash_percent=100 * costs.cash_on_cash(list_price, margin),
            highest_offer=costs.highest_offer(resale.quantile(1 - probability)),
            pays=chance >= probability,
        )


def resale_if_value_right(value: FloatArray, fsd: FloatArray, model: ListPriceModel) -> ResaleDistribution:
    """Return the resale prices of n homes by their values alone: each errs by its FSD, whatever is asked."""
    return ResaleDistribution(np.log(value) + model.drift, fsd, model.scores, MAX_SPREAD)


def labels(readings: dict[str, Outcome], decided: Outcome) -> LabelArray:
    """Return what each of n listings pays under, shape (n,).

    Parameters
    ----------
    readings
        `ASK_INFORMED`, `VALUE_RIGHT` and perhaps others → outcome; empty where closed listings decide.
    decided
        The outcome by closed listings, where these decide.
    """
    if not readings:
        return np.where(decided.pays, PAYS, PAYS_NOT)
    return np.where(
        readings[ASK_INFORMED].pays, PAYS_BOTH, np.where(readings[VALUE_RIGHT].pays, PAYS_VALUE_ONLY, PAYS_NEITHER)
    )


READING_FIELDS = (
    "resale_price",
    "probability",
    "margin",
    "margin_low",
    "margin_high",
    "margin_percent",
    "cash_on_cash_percent",
    "highest_offer",
)
"""Figures that answers and files give under each reading."""


def rounded(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return columns rounded for output: amounts and percentages to 2 decimals, the probability to 4."""
    return {
        name: column.round(4 if name == "probability" else 2) if column.dtype == np.float64 else column
        for name, column in columns.items()
    }
