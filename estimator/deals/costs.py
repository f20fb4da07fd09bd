"""What buying and reselling a home costs. Works on arrays: no files, no requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray


class Cost(NamedTuple):
    """One kind of cost; `default` applies where neither the request nor the listing gives the cost."""

    name: Literal[
        "buying_cost",
        "selling_cost",
        "rehab",
        "holding",
        "holding_months",
        "monthly_cost",
        "loan",
        "rent",
        "rent_costs",
    ]
    unit: Literal["share", "amount", "months"]
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
    Cost("holding_months", "months", 0.0, 120.0, "Months until the resale; needed for cash-on-cash."),
    Cost("monthly_cost", "amount", 0.0, 1e9, "Paid in each of these months, besides the holding cost."),
    Cost("loan", "share", 0.0, 0.95, "Share of the list price that a loan pays; its interest is a holding cost."),
    Cost("rent", "amount", 0.0, 1e9, "Rent a month, for the cap rate; 0 if the home is not let."),
    Cost("rent_costs", "share", 0.5, 1.0, "Share of the rent that vacancy, repairs, tax and management take."),
)
"""The minimum of each is 0. The default shares are what US sellers and cash buyers commonly pay, and half of the
rent is investors' 50% rule of thumb; there is no common amount for repairs and holding, so these default to 0. Ten
years is longer than anybody holds a home to resell it, and 95% is the largest common mortgage."""

_MONTHS_A_YEAR = 12
_A_DAY = _MONTHS_A_YEAR / 365
"""Of months. A profit of less than a day says nothing about a year's, and could be larger than any number."""


@dataclass(frozen=True)
class Costs:
    """Costs of buying and reselling n homes, and rents; shape (n,) each, see `COSTS`."""

    buying_cost: FloatArray
    selling_cost: FloatArray
    rehab: FloatArray
    holding: FloatArray
    holding_months: FloatArray
    monthly_cost: FloatArray
    loan: FloatArray
    rent: FloatArray
    rent_costs: FloatArray

    @classmethod
    def of(cls, given: Mapping[str, float], n: int) -> "Costs":
        """Return the same costs for n homes: the given ones by name, and defaults for the others."""
        return cls(**{cost.name: np.full(n, given.get(cost.name, cost.default)) for cost in COSTS})

    def take(self, rows: BoolArray) -> "Costs":
        """Return the costs of some homes."""
        return Costs(**{name: column[rows] for name, column in vars(self).items()})

    @property
    def until_resale(self) -> FloatArray:
        """What is paid besides the purchase, shape (n,): the repair, and the months until the resale."""
        return self.rehab + self.holding + self.holding_months * self.monthly_cost

    def outlay(self, list_price: FloatArray) -> FloatArray:
        """Return everything paid before the resale, shape (n,)."""
        return list_price * (1 + self.buying_cost) + self.until_resale

    def break_even(self, list_price: FloatArray) -> FloatArray:
        """Return the resale price that recovers the outlay, shape (n,)."""
        return self.outlay(list_price) / (1 - self.selling_cost)

    def margin(self, list_price: FloatArray, resale: FloatArray) -> FloatArray:
        """Return the profit of buying at the list price and reselling at a resale price, shape (n,)."""
        return resale * (1 - self.selling_cost) - self.outlay(list_price)

    def highest_offer(self, resale: FloatArray) -> FloatArray:
        """Return the purchase price whose break-even is a resale price, shape (n,); 0 if the costs exceed it."""
        proceeds = resale * (1 - self.selling_cost) - self.until_resale
        return np.maximum(proceeds, 0) / (1 + self.buying_cost)

    def cash_on_cash(self, list_price: FloatArray, margin: FloatArray) -> FloatArray:
        """Return a profit as a share of the buyer's own money, a year, shape (n,); NaN below a day of holding."""
        cash = self.outlay(list_price) - self.loan * list_price
        years = np.where(self.holding_months >= _A_DAY, self.holding_months / _MONTHS_A_YEAR, np.nan)
        return margin / cash / years

    def cap_rate(self, list_price: FloatArray) -> FloatArray:
        """Return a year's rent, less its costs, as a share of list price and repair, shape (n,); NaN without."""
        rent = np.where(self.rent > 0, _MONTHS_A_YEAR * self.rent * (1 - self.rent_costs), np.nan)
        return rent / (list_price + self.rehab)
