"""Facts as other libraries take them: numbers with NaN, labels as categories, the date as days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market

DATE = "sale_day"
"""Column of the day of sale, in days since 1970-01-01."""

OFTEN_MISSING = 0.01
"""A number unknown in this share of training sales gets a column that says so, where a model takes no NaN."""


def frame(
    market: Market, facts: Facts, date: DateArray | None, labels: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return n homes' facts; a label that the training sales do not have is unknown.

    Parameters
    ----------
    labels
        Of each fact with labels, those of the training sales.
    """
    columns: dict[str, Any] = {feature.name: facts[feature.name] for feature in market.numbers}
    for name, known in labels.items():
        given = pd.Series(facts[name]).where(np.isin(facts[name], known))
        columns[name] = given.astype(pd.CategoricalDtype(list(known)))
    if date is not None:
        columns[DATE] = date.astype(np.int64).astype(np.float64)
    return pd.DataFrame(columns)


def labels_of(market: Market, facts: Facts) -> dict[str, list[str]]:
    """Return the labels that the training sales have, sorted."""
    return {feature.name: sorted(set(facts[feature.name].tolist()) - {""}) for feature in market.labels}


@dataclass(frozen=True)
class Imputation:
    """Fills in numbers where a model takes no NaN: the training sales' median; a column says where many lack.

    Parameters
    ----------
    median
        Of each number.
    flagged
        The numbers that are often missing.
    """

    median: "pd.Series[float]"
    flagged: list[str]

    @classmethod
    def fit(cls, train: pd.DataFrame) -> "Imputation":
        """Learn from the training sales."""
        numbers = train.select_dtypes("number")
        missing = numbers.isna().mean()
        return cls(numbers.median().fillna(0.0), list(missing.index[missing >= OFTEN_MISSING]))

    def apply(self, homes: pd.DataFrame) -> pd.DataFrame:
        """Return the homes without NaN."""
        flags = homes[self.flagged].isna().astype(np.float64).add_suffix("_unknown")
        return pd.concat([homes.fillna(self.median.to_dict()), flags], axis=1)


def with_columns(homes: pd.DataFrame, values: NDArray[Any], names: Sequence[str]) -> pd.DataFrame:
    """Return the homes with more numbers."""
    more = pd.DataFrame(np.asarray(values, np.float64), columns=list(names), index=homes.index)
    return pd.concat([homes, more], axis=1)


def numbers_of(homes: pd.DataFrame) -> FloatArray:
    """Return the numbers alone, shape (n, m)."""
    numbers: FloatArray = homes.select_dtypes("number").to_numpy(np.float64)
    return numbers
