"""Encode facts as columns for the networks. Fitted on training sales, then fixed; uses no prices.

Every fact has its own columns, so that any fact can be unknown: numbers are scaled and have a missing-value flag,
labels are one-hot.
Of a feature with a `price_effect` only the missing-value flag is here; its value is encoded in `monotone`.

No date is a column. But a home sold before it was built was a building plot, and one sold in the year it was built
was new, or half finished. So each fact that is a year has two more columns: whether the valuation date is before
that year, and whether it is in it.
"""

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from estimator.errors import DataError
from estimator.features.numbers import NumberReader, Numbers, NumberUse, number_columns
from estimator.features.scaling import NumberScales
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray, LabelArray
from estimator.market.facts import Facts, find_labels, mark_labels
from estimator.market.market import Market
from estimator.market.overview import MIN_LABEL_COUNT

YEARS = (1500, 2200)
"""A fact is a year if all its values are between these: no size, count or distance is."""
_YEAR = np.dtype("datetime64[Y]")
MIN_UNFINISHED = 20
"""Sales in or before the year of such a fact that it needs to have these columns."""


class Encoding:
    """Facts → columns; made by `fit` or `from_state`.

    Raises
    ------
    DataError
        The market's facts give no column at all.

    Attributes
    ----------
    fact_names
        Names of the market's facts, in its order.
    n_numeric
        Number of columns that are scaled numbers; they come first.
    n_columns
        Number of columns, d.
    """

    def __init__(
        self,
        market: Market,
        scales: NumberScales,
        labels: Mapping[str, LabelArray],
        rare_labels: Mapping[str, LabelArray],
        years: tuple[str, ...],
    ) -> None:
        self._market = market
        self._scales = scales
        self._labels = labels
        self._rare_labels = rare_labels
        self._years = years
        self.fact_names = tuple(feature.name for feature in market.features)
        self._numeric_names = _unconstrained_numbers(market)
        self.n_numeric = len(self._numeric_names)
        self._optional = number_columns(
            market, [feature.name for feature in market.numbers if not feature.required]
        )
        self.n_columns = self._count_columns()
        if self.n_columns == 0 and not market.monotone:
            raise DataError(
                f"market '{market.name}' has nothing to learn from: no feature is a number, and no label has"
                f" {MIN_LABEL_COUNT} training sales. Add a number as a feature, or more sales"
            )

    @classmethod
    def fit(cls, market: Market, facts: Facts, date: DateArray | None) -> Self:
        """Fit scales and labels to n training sales."""
        scales = NumberScales.fit(facts.numbers(_unconstrained_numbers(market)))
        labels, rare_labels = {}, {}
        for feature in market.labels:
            labels[feature.name], rare_labels[feature.name] = _split_labels(facts[feature.name])
        years = tuple(
            feature.name
            for feature in market.numbers
            if _is_year(facts[feature.name]) and _unfinished(facts, feature.name, date).sum() >= MIN_UNFINISHED
        )
        return cls(market, scales, labels, rare_labels, years)

    def transform(self, facts: Facts, date: DateArray | None) -> Float32Array:
        """Encode n homes, each at its valuation date: shape (n, d)."""
        return self.encode(facts, date, NumberReader(self._market, [self.number_use]).read(facts))

    @property
    def number_use(self) -> NumberUse:
        """What it needs of the numbers. `encode` expects this use as the first one."""
        return NumberUse(self._numeric_names, self._scales)

    def encode(self, facts: Facts, date: DateArray | None, numbers: Numbers) -> Float32Array:
        """Encode n homes whose numbers have been read: shape (n, d)."""
        columns = np.zeros((len(numbers.values), self.n_columns), np.float32)
        columns[:, : self.n_numeric] = numbers.scaled[0]
        end = self.n_numeric + len(self._optional)
        columns[:, self.n_numeric : end] = numbers.unknown.take(self._optional, axis=1)
        for feature in self._market.labels:
            labels = self._labels[feature.name]
            start, end = end, end + len(labels)
            mark_labels(facts[feature.name], labels, columns[:, start:end])
        if date is not None:
            for index, name in enumerate(self._years):
                columns[:, end + 2 * index : end + 2 * index + 2] = _unfinished(facts, name, date)
        return columns

    def unseen(self, facts: Facts, name: str) -> BoolArray:
        """Return where a feature's label is known but has no column, shape (n,)."""
        return facts.known(name) & ~find_labels(facts[name], self._labels[name])[1]

    def rare(self, facts: Facts, name: str) -> BoolArray:
        """Return where a feature's label has no column because too few training sales have it, shape (n,)."""
        return np.isin(facts[name], self._rare_labels[name])

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return {
            "scales": self._scales.state(),
            "labels": dict(self._labels),
            "rare_labels": dict(self._rare_labels),
            "years": list(self._years),
        }

    @classmethod
    def from_state(cls, market: Market, state: Mapping[str, Any]) -> Self:
        """Restore the encoding from its state."""
        return cls(
            market,
            NumberScales.from_state(state["scales"]),
            state["labels"],
            state["rare_labels"],
            tuple(state["years"]),
        )

    def _count_columns(self) -> int:
        """Return the number of columns of all blocks."""
        n_labels = sum(len(labels) for labels in self._labels.values())
        return self.n_numeric + len(self._optional) + n_labels + 2 * len(self._years)


def _unconstrained_numbers(market: Market) -> list[str]:
    """Return the names of the numbers without a `price_effect`; `monotone` encodes the others."""
    return [feature.name for feature in market.numbers if feature.price_effect is None]


def _is_year(values: FloatArray) -> bool:
    """Whether all known values are years."""
    known = values[~np.isnan(values)]
    return len(known) > 0 and YEARS[0] <= known.min() and known.max() <= YEARS[1]


def _unfinished(facts: Facts, name: str, date: DateArray | None) -> BoolArray:
    """Return where a date is before the year of a fact, and where in it, shape (n, 2); False if unknown."""
    values = facts[name]
    unfinished = np.zeros((len(values), 2), np.bool_)
    if date is not None:
        year = date.astype(_YEAR).astype(np.int64) + 1970
        np.less(year, values, out=unfinished[:, 0])
        np.equal(year, values, out=unfinished[:, 1])
    return unfinished


def _split_labels(labels: LabelArray) -> tuple[LabelArray, LabelArray]:
    """Return the labels with enough sales, and those with too few, both sorted."""
    values, counts = np.unique(labels[labels != ""], return_counts=True)
    frequent = counts >= MIN_LABEL_COUNT
    return values[frequent], values[~frequent]
