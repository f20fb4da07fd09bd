"""What the labels of homes are worth: one number for each level of a feature with rare labels.

A category such as a suburb or a housing estate has hundreds of levels, most of them with a few sales, too few for
a column of their own. So each level gets one number: the mean residual of its sales' log prices after a
linear model, shrunk towards 0; the fewer its sales, the more. Statisticians know it as the best linear
unbiased prediction of a random effect (Robinson 1991, That BLUP is a good thing), machine learning as a target
statistic (Micci-Barreca 2001, A preprocessing scheme for high-cardinality categorical attributes).

A home's own sales are left out of its numbers, otherwise a network would learn to trust them too much.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from estimator.features.kriging import MONOTONE_SCALE, KrigingInputs
from estimator.features.leave_home_out import SalesOfHomes
from estimator.market.arrays import BoolArray, FloatArray, LabelArray
from estimator.market.facts import Facts, find_labels
from estimator.market.market import Market
from estimator.market.overview import MIN_LABEL_COUNT
from estimator.market.sales import Sales

MIN_RARE_SHARE = 0.05
"""A feature gets effects if at least this share of its sales has a label that is too rare for a column. Where
nearly all labels have columns, these tell the networks enough. See benchmarks/DECISIONS.md, "Categories with many
levels"."""


@dataclass(frozen=True)
class LevelSums:
    """The sales of each of k levels of one feature.

    Parameters
    ----------
    levels
        Sorted, shape (k,).
    total
        Sum of the residuals, shape (k,).
    count
        Number of sales, shape (k,).
    prior_sales
        How many sales of its own a level needs before its mean counts half: the variance of a sale over the
        variance between levels.
    """

    levels: LabelArray
    total: FloatArray
    count: FloatArray
    prior_sales: float


@dataclass(frozen=True)
class LabelEffects:
    """Labels → effects; made by `fit` or `from_state`.

    Parameters
    ----------
    sums
        Feature name → its levels; only features with rare labels.
    residual
        Of the n sales behind them, log price, shape (n,).
    sales
        These sales.
    """

    sums: Mapping[str, LevelSums]
    residual: FloatArray
    sales: Sales

    @classmethod
    def fit(cls, names: Sequence[str], sales: Sales, homes: KrigingInputs, log_price: FloatArray) -> Self:
        """Measure the effects of some features' levels.

        Parameters
        ----------
        names
            Of the features.
        sales
            n sales.
        homes
            Their homes as inputs of kriging: its linear model explains what the other facts are worth, and what
            the columns of frequent labels are.
        log_price
            Adjusted for time, shape (n,).
        """
        residual = _ridge_residuals(homes, log_price) if names else np.zeros(len(sales))
        sums = {name: _level_sums(sales.facts[name], residual) for name in names}
        return cls(sums, residual, sales)

    def with_sales(self, sales: Sales, homes: KrigingInputs, log_price: FloatArray) -> "LabelEffects":
        """Return the effects of the same features' levels in other sales, shrunk as before; see `fit`.

        The networks have learned what an effect of this size means.
        """
        updated = LabelEffects.fit(self.names, sales, homes, log_price)
        sums = {
            name: replace(entry, prior_sales=self.sums[name].prior_sales) for name, entry in updated.sums.items()
        }
        return replace(updated, sums=sums)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the features with effects."""
        return tuple(self.sums)

    def transform(self, facts: Facts, home: NDArray[np.int64] | None = None) -> FloatArray:
        """Return the effects of n homes' labels, log price, shape (n, k); 0 for an unknown or new label.

        Parameters
        ----------
        home
            Identifies the homes, so that their own sales are left out, shape (n,); None for homes not among the
            sales.
        """
        effects = np.zeros((len(facts), len(self.sums)))
        pairs = None if home is None or not self.sums else self._sales_of_homes.pairs(home)
        for index, (name, sums) in enumerate(self.sums.items()):
            code, known = find_labels(facts[name], sums.levels)
            total, count = sums.total[code] * known, sums.count[code] * known
            if pairs is not None:
                subject, sale = pairs
                own = known[subject] & (self._sale_codes[name][sale] == code[subject])
                subject, sale = subject[own], sale[own]
                total -= np.bincount(subject, self._centred[name][sale], len(facts))
                count -= np.bincount(subject, minlength=len(facts))
            effects[:, index] = total / (count + sums.prior_sales)
        return effects

    def unseen(self, facts: Facts, name: str) -> BoolArray:
        """Return where a feature's label is known but was never sold, shape (n,)."""
        unseen: BoolArray = facts.known(name) & ~find_labels(facts[name], self.sums[name].levels)[1]
        return unseen

    def rare(self, facts: Facts, name: str) -> BoolArray:
        """Return where fewer than `MIN_LABEL_COUNT` sales have a feature's label, known or not, shape (n,)."""
        sums = self.sums[name]
        code, known = find_labels(facts[name], sums.levels)
        rare: BoolArray = facts.known(name) & (sums.count[code] * known < MIN_LABEL_COUNT)
        return rare

    def state(self) -> dict[str, Any]:
        """Return what was fitted as plain values and arrays; `from_state` restores it."""
        return {
            "sums": {
                name: [sums.levels, sums.total, sums.count, sums.prior_sales] for name, sums in self.sums.items()
            },
            "residual": self.residual,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], sales: Sales) -> Self:
        """Restore the effects from their state and the sales behind them."""
        sums = {name: LevelSums(*entry) for name, entry in state["sums"].items()}
        return cls(sums, state["residual"], sales)

    @cached_property
    def _sales_of_homes(self) -> SalesOfHomes:
        return SalesOfHomes(self.sales.home)

    @cached_property
    def _sale_codes(self) -> Mapping[str, NDArray[np.intp]]:
        """Feature name → level of each sale, −1 where it is unknown, shape (n,)."""
        codes = {name: find_labels(self.sales.facts[name], sums.levels) for name, sums in self.sums.items()}
        return {name: np.where(known, code, -1) for name, (code, known) in codes.items()}

    @cached_property
    def _centred(self) -> Mapping[str, FloatArray]:
        """Feature name → residual of each sale, less the mean of those whose label is known, shape (n,)."""
        return {name: _centred(self.residual, code >= 0) for name, code in self._sale_codes.items()}


def with_rare_labels(market: Market, facts: Facts) -> tuple[str, ...]:
    """Return the names of the features that need effects; see `MIN_RARE_SHARE`."""
    return tuple(feature.name for feature in market.labels if _rare_share(facts[feature.name]) >= MIN_RARE_SHARE)


def _rare_share(labels: LabelArray) -> float:
    """Return the share of the known labels that fewer than `MIN_LABEL_COUNT` sales have."""
    _, count = np.unique(labels[labels != ""], return_counts=True)
    return float(count[count < MIN_LABEL_COUNT].sum() / max(count.sum(), 1))


def _ridge_residuals(homes: KrigingInputs, log_price: FloatArray) -> FloatArray:
    """Return the residuals of n log prices after a ridge regression with a penalty of 1, shape (n,)."""
    columns = np.hstack((homes.linear_terms(), MONOTONE_SCALE * homes.monotone)).astype(np.float64)
    centred = log_price - log_price.mean()
    coefficients = np.linalg.solve(columns.T @ columns + np.eye(columns.shape[1]), columns.T @ centred)
    residual: FloatArray = centred - columns @ coefficients
    return residual


def _level_sums(labels: LabelArray, residual: FloatArray) -> LevelSums:
    """Sum the residuals by level, and estimate how far to shrink their means.

    The variance of a sale and the variance between levels are estimated by the method of moments of a one-way
    analysis of variance with groups of unequal size (Searle, Casella and McCulloch 1992, Variance Components,
    section 3.6).
    """
    known = labels != ""
    levels, code = np.unique(labels[known], return_inverse=True)
    centred = _centred(residual, known)[known]
    count = np.bincount(code).astype(np.float64)
    total: FloatArray = np.bincount(code, centred, len(levels)).astype(np.float64)
    n, k = len(code), len(levels)
    if n <= k or k < 2:
        return LevelSums(levels, total, count, np.inf)
    between = float(np.sum(total**2 / count))
    of_sale = (float(np.sum(centred**2)) - between) / (n - k)
    of_level = (between - (k - 1) * of_sale) / (n - float(np.sum(count**2)) / n)
    return LevelSums(levels, total, count, of_sale / of_level if of_level > 0 else np.inf)


def _centred(residual: FloatArray, known: BoolArray) -> FloatArray:
    """Return the residuals less the mean of the known ones."""
    return residual - (residual[known].mean() if known.any() else 0.0)
