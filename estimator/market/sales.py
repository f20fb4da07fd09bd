"""Closed sales, and how they are split into training, validation and test parts.

This module knows neither files nor models.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from estimator.errors import DataError
from estimator.market.arrays import DateArray, FloatArray, LabelArray
from estimator.market.facts import Facts
from estimator.wording import plural

Split = Literal["time", "random"]

TIME_PARTS = (0.70, 0.10, 0.20)
"""Training, validation and test shares of a split by time: the newest fifth represents the future."""
RANDOM_PARTS = (0.64, 0.16, 0.20)
"""The same of a random split: a fifth for testing, then a fifth of the rest for validation."""


@dataclass(frozen=True)
class Sales:
    """n closed sales.

    Parameters
    ----------
    facts
        Facts of the n homes.
    price
        Sale prices, shape (n,), in the market's currency, positive.
    date
        Days of sale, datetime64[D], shape (n,); None in a market without dates.
    home
        Number of the home that was sold, shape (n,): repeat sales of a home share it.
    sale_id
        Its identifier in the file, text, shape (n,); None in a market without.
    address
        Its address, empty where unknown, shape (n,); None in a market without.
    """

    facts: Facts
    price: FloatArray
    date: DateArray | None
    home: NDArray[np.int64]
    sale_id: LabelArray | None = None
    address: LabelArray | None = None

    def __len__(self) -> int:
        return len(self.price)

    def take(self, rows: NDArray[Any]) -> "Sales":
        """Return the sales at some rows."""
        date = None if self.date is None else self.date[rows]
        sale_id = None if self.sale_id is None else self.sale_id[rows]
        return Sales(
            self.facts.take(rows),
            self.price[rows],
            date,
            self.home[rows],
            sale_id,
            None if self.address is None else self.address[rows],
        )

    def joined(self, more: "Sales") -> "Sales":
        """Return these sales followed by more of the same market; both must number the homes alike."""
        date = None if self.date is None or more.date is None else np.concatenate((self.date, more.date))
        sale_id: LabelArray | None = None
        if self.sale_id is not None and more.sale_id is not None:
            sale_id = np.concatenate((self.sale_id, more.sale_id))
        address: LabelArray | None = None
        if self.address is not None and more.address is not None:
            address = np.concatenate((self.address, more.address))
        price, home = np.concatenate((self.price, more.price)), np.concatenate((self.home, more.home))
        return Sales(self.facts.joined(more.facts), price, date, home, sale_id, address)

    def state(self) -> dict[str, Any]:
        """Return the sales as plain values and arrays, for `from_state`."""
        return {
            "facts": dict(self.facts.columns),
            "price": self.price,
            "date": None if self.date is None else self.date.astype(np.int64),
            "home": self.home,
            "sale_id": self.sale_id,
            "address": self.address,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the sales from their state."""
        date = None if state["date"] is None else state["date"].astype("datetime64[D]")
        return cls(
            Facts(state["facts"]), state["price"], date, state["home"], state["sale_id"], state.get("address")
        )

    def sorted_by_date(self) -> "Sales":
        """Return the sales sorted by date; the order within a day is kept."""
        return self if self.date is None else self.take(np.argsort(self.date, kind="stable"))

    def in_fixed_order(self) -> "Sales":
        """Return the sales sorted by date, those of a day by price and facts, however they are ordered now."""
        keys = (*self.facts.columns.values(), self.price)
        return self.take(np.lexsort(keys if self.date is None else (*keys, self.date)))


@dataclass(frozen=True)
class Parts:
    """Sales to train on, to select and calibrate on, and to test on once, at the end."""

    train: Sales
    validation: Sales
    test: Sales


def split_sales(sales: Sales, how: Split, rng: np.random.Generator) -> Parts:
    """Split sales into training, validation and test parts; see `split_rows`."""
    return Parts(*(sales.take(rows) for rows in split_rows(sales, how, rng)))


def split_rows(sales: Sales, how: Split, rng: np.random.Generator) -> list[NDArray[np.intp]]:
    """Return the rows of the training, the validation and the test part; all sales of a home are in one part.

    Parameters
    ----------
    how
        `time`: the oldest for training, the newest for testing; a home sold more than once is placed by its last
        sale, so that no later price of it is ever in an earlier part. `random`: homes are drawn at random.

    Raises
    ------
    DataError
        A split by time of sales without dates, or a part would be empty.
    """
    homes, home = np.unique(sales.home, return_inverse=True)
    if len(homes) < 3:
        raise DataError(
            f"{plural(len(sales), 'sale')} of {plural(len(homes), 'home')}: too few to split, because each of the"
            " three parts needs a home"
        )
    if how == "time":
        if sales.date is None:
            raise DataError("the market's sales have no dates; split them at random")
        rank = np.zeros(len(homes), np.int64)
        np.maximum.at(rank, home, sales.date.astype(np.int64))
        shares = TIME_PARTS
    else:
        rank, shares = rng.permutation(len(homes)), RANDOM_PARTS
    # By home within a day, so that the sales of one home are adjacent.
    order = np.lexsort((home, rank[home]))
    ordered = home[order]
    ends = np.round(np.cumsum(shares[:2]) * len(sales)).astype(int)
    cuts = [int(np.argmax(ordered == ordered[cut])) for cut in ends]  # never between two sales of one home
    parts = [np.sort(rows) for rows in np.split(order, cuts)]
    for name, rows in zip(("training", "validation", "test"), parts, strict=True):
        if len(rows) == 0:
            raise DataError(
                f"{plural(len(sales), 'sale is', 'sales are')} too few: the {name} part would be empty"
            )
    return parts
