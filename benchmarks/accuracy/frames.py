"""Facts as data frames for other libraries: numbers with NaN, labels as categories, the date in days."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.market.market import Market

DATE = "sale_day"
"""Column of the sale date, in days since 1970-01-01."""

MIN_MISSING_SHARE = 0.01
"""Numbers missing in at least this share of training sales get a flag column where a model accepts no NaN."""


def frame(
    market: Market, facts: Facts, date: DateArray | None, labels: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return the facts of n homes. Labels that do not occur in the training sales become missing values.

    Parameters
    ----------
    labels
        Label fact → the labels that occur in the training sales.
    """
    columns: dict[str, Any] = {feature.name: facts[feature.name] for feature in market.numbers}
    for name, known in labels.items():
        given = pd.Series(facts[name]).where(np.isin(facts[name], known))
        columns[name] = given.astype(pd.CategoricalDtype(list(known)))
    if date is not None:
        columns[DATE] = date.astype(np.int64).astype(np.float64)
    return pd.DataFrame(columns)


def labels_of(market: Market, facts: Facts) -> dict[str, list[str]]:
    """Return the labels that occur in the training sales, sorted."""
    return {feature.name: sorted(set(facts[feature.name].tolist()) - {""}) for feature in market.labels}


@dataclass(frozen=True)
class Imputation:
    """Replaces missing numbers by the median of the training sales, and flags them, for models that accept no NaN.

    Parameters
    ----------
    median
        Median of each number.
    flagged
        The numbers that get a flag column; see `MIN_MISSING_SHARE`.
    """

    median: "pd.Series[float]"
    flagged: list[str]

    @classmethod
    def fit(cls, train: pd.DataFrame) -> "Imputation":
        """Compute medians and flags from the training sales."""
        numbers = train.select_dtypes("number")
        missing = numbers.isna().mean()
        return cls(numbers.median().fillna(0.0), list(missing.index[missing >= MIN_MISSING_SHARE]))

    def apply(self, homes: pd.DataFrame) -> pd.DataFrame:
        """Return the homes without missing numbers."""
        flags = homes[self.flagged].isna().astype(np.float64).add_suffix("_unknown")
        return pd.concat([homes.fillna(self.median.to_dict()), flags], axis=1)


def with_columns(homes: pd.DataFrame, values: NDArray[Any], names: Sequence[str]) -> pd.DataFrame:
    """Return the homes with additional number columns."""
    additional = pd.DataFrame(np.asarray(values, np.float64), columns=list(names), index=homes.index)
    return pd.concat([homes, additional], axis=1)
