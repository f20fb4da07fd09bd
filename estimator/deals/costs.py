"""What buying and reselling a home costs. Works on arrays: no files, no requests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray


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
