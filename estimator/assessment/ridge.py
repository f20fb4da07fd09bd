"""A ridge regression of the log price: the simplest model that anyone would try, and ours must not be worse.

Its columns are the numbers and the day of sale, standardised; whether each fact is unknown; and the labels that
enough sales have, one column each.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.market import Market
from estimator.market.sales import Sales

MIN_LABEL_SALES = 10
"""Sales that a label must have for a column of its own: the mean of fewer says little."""
MAX_LABELS = 100
"""Columns for the labels of one fact, the most frequent ones: it bounds the time."""
PENALTY = 1.0
"""Penalty of a squared weight, as heavy as one sale: it makes every problem solvable, also with equal columns."""
MAX_DEVIATIONS = 4.0
"""Standard deviations beyond which a number counts no further: a mistyped one must not ruin the comparison."""
_BLOCK = 10_000
"""Sales that are encoded at a time, which bounds the memory."""


@dataclass(frozen=True)
class _Encoding:
    """How sales become columns.

    Parameters
    ----------
    mean, deviation
        Of each number and of the day of sale, shape (k,).
    labels
        Fact → its labels that have a column.
    """

    market: Market
    mean: FloatArray
    deviation: FloatArray
    labels: Mapping[str, LabelArray]

    @classmethod
    def of(cls, market: Market, sales: Sales) -> Self:
        """Return the encoding that is learned from n ≥ 1 sales."""
        numbers = _numbers(market, sales)
        known = ~np.isnan(numbers)
        count = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, numbers, 0.0).sum(axis=0) / count
        deviation = np.sqrt((np.where(known, numbers - mean, 0.0) ** 2).sum(axis=0) / count)
        labels = {feature.name: _frequent_labels(sales.facts[feature.name]) for feature in market.labels}
        return cls(market, mean, np.where(deviation > 0, deviation, 1.0), labels)

    def columns(self, sales: Sales) -> FloatArray:
        """Return the columns of n sales, shape (n, d); the first one is 1, for the intercept."""
        standard = (_numbers(self.market, sales) - self.mean) / self.deviation
        unknown = np.isnan(standard)
        parts = [np.ones((len(sales), 1)), np.where(unknown, 0.0, standard).clip(-MAX_DEVIATIONS, MAX_DEVIATIONS)]
        parts.append(unknown.astype(np.float64))
        for name, labels in self.labels.items():
            parts.append((sales.facts[name][:, None] == np.append(labels, "")).astype(np.float64))
        return np.concatenate(parts, axis=1)


def fact_columns(market: Market, known: Sales, sales: Sales) -> FloatArray:
    """Return the facts and days of n sales as columns, shape (n, d): standardised, so that like homes are near.

    Parameters
    ----------
    known
        At least one sale, which mean, deviation and labels are learned from. Both have their areas' figures.
    """
    return _Encoding.of(market, known).columns(sales)[:, 1:]


def ridge_values(market: Market, known: Sales, sales: Sales, steps: Sequence[NDArray[np.intp]]) -> FloatArray:
    """Value n sales by ridge regressions that do not know them, shape (n,), in the currency.

    Parameters
    ----------
    known
        What the first regression is fitted to: at least one sale, its area's figures filled in.
    sales
        Also with their areas' figures.
    steps
        Rows of `sales`, each row once: the regression is fitted anew for each step, to the sales of the steps
        before too.
    """
    values = np.empty(len(sales))
    with threadpool_limits(1, user_api="blas"):  # more threads would change the last bits
        for rows in steps:
            values[rows] = _fitted_values(market, known, sales.take(rows))
            known = known.joined(sales.take(rows))
    return values


def _fitted_values(market: Market, known: Sales, sales: Sales) -> FloatArray:
    """Fit to the known sales in closed form (Hoerl and Kennard 1970, Ridge regression) and value others."""
    encoding = _Encoding.of(market, known)
    log_price = np.log(known.price)
    level = log_price.mean()
    gram: FloatArray | float = 0.0
    moment: FloatArray | float = 0.0
    for rows in _blocks(len(known)):
        columns = encoding.columns(known.take(rows))
        gram = gram + columns.T @ columns
        moment = moment + columns.T @ (log_price[rows] - level)
    penalty = np.full(len(np.atleast_1d(moment)), PENALTY)
    penalty[0] = 0.0  # the intercept is not shrunk
    weights = np.linalg.solve(gram + np.diag(penalty), moment)
    parts = [encoding.columns(sales.take(rows)) @ weights for rows in _blocks(len(sales))]
    values: FloatArray = np.exp(np.concatenate(parts) + level)
    return values


def _blocks(n: int) -> Iterator[NDArray[np.intp]]:
    for start in range(0, n, _BLOCK):
        yield np.arange(start, min(start + _BLOCK, n))


def _numbers(market: Market, sales: Sales) -> FloatArray:
    """Return the numbers of n sales and their day where it is known, shape (n, k); NaN where unknown."""
    numbers = sales.facts.numbers([feature.name for feature in market.numbers])
    if sales.date is None:
        return numbers
    return np.column_stack((numbers, sales.date.astype(np.int64)))


def _frequent_labels(column: LabelArray) -> LabelArray:
    """Return the most frequent known labels of a column, sorted."""
    labels, count = np.unique(column[column != ""], return_counts=True)
    most = np.argsort(-count, kind="stable")[:MAX_LABELS]
    return np.sort(labels[most[count[most] >= MIN_LABEL_SALES]])
