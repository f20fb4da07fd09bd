"""The sales since the networks were trained, as the networks saw them before their prices were known."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.pipeline import FeaturePipeline
from estimator.market.arrays import BoolArray, Float32Array, FloatArray
from estimator.market.sales import Sales
from estimator.model.price_networks import PriceNetworks

MAX_SALES = 5000
"""Newest sales that are kept. Their columns are part of a saved version and take some megabytes."""


@dataclass(frozen=True, eq=False)
class SalesSinceTraining:
    """The sales after the last one that the networks were trained on, oldest first.

    Those that lack facts which nearly all training sales know are left out: what they say of other homes is mostly
    what they lack.

    Earlier sales that were added later do not count, because kriging and the comparables know them already: see
    benchmarks/DECISIONS.md, "Errors of the sales since the training". There are none without dates, which would
    show which sales are new.

    Parameters
    ----------
    row
        Their rows among the sales that the model knows, shape (m,).
    columns
        Input of the networks when their prices were not known yet, shape (m, d).
    log_worth
        What the networks as trained took them to be worth then, shape (m,).
    """

    row: NDArray[np.intp]
    columns: Float32Array
    log_worth: FloatArray

    @classmethod
    def none(cls) -> Self:
        """Return no sales, as after a training."""
        return cls(np.empty(0, np.intp), np.empty((0, 0), np.float32), np.empty(0))

    def __len__(self) -> int:
        return len(self.row)

    def joined(
        self, known: Sales, n_added: int, learned: BoolArray, pipeline: FeaturePipeline, trained: PriceNetworks
    ) -> "SalesSinceTraining":
        """Return the newest of these sales and of those that are added.

        Parameters
        ----------
        known
            All n sales that the model will know; the last n_added of them are added.
        learned
            Whether the networks were trained on them, shape (n,).
        pipeline
            Does not know the added sales.
        trained
            The networks as trained.
        """
        if known.date is None or not n_added or not learned.any():  # all may have been replaced, a few at a time
            return self
        is_new = known.date > known.date[learned].max()
        is_new[:-n_added] = False
        is_new &= pipeline.complete(known.facts)
        added = np.flatnonzero(is_new)
        added = added[np.argsort(known.date[added], kind="stable")][-MAX_SALES:]
        if not len(added):
            return self
        homes = known.take(added)
        features = pipeline.transform(homes.facts, homes.date, homes.home, homes.date)
        row = np.concatenate((self.row, added))
        columns = np.vstack((self.columns, features.columns)) if len(self) else features.columns
        log_worth = np.concatenate((self.log_worth, trained.estimate(features)))
        newest = np.argsort(known.date[row], kind="stable")[-MAX_SALES:]
        return SalesSinceTraining(row[newest], columns[newest], log_worth[newest])

    def without(self, forgotten: BoolArray) -> "SalesSinceTraining":
        """Return those that remain when the model forgets some of its n sales, shape (n,)."""
        kept = ~forgotten[self.row]
        row = (np.cumsum(~forgotten) - 1)[self.row[kept]]
        return SalesSinceTraining(row, self.columns[kept], self.log_worth[kept])

    def state(self) -> dict[str, Any]:
        """Return the fields as plain values and arrays."""
        return {"row": self.row, "columns": self.columns, "log_worth": self.log_worth}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the sales from their state."""
        return cls(**state)
