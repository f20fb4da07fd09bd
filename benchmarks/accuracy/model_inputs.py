"""The inputs of every model: what it is trained on, and the homes it values. Neither contains test prices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales


@dataclass(frozen=True)
class Subjects:
    """n homes to be valued.

    Parameters
    ----------
    facts, date, home
        As in `Sales`.
    frame
        The same facts as a data frame for other libraries; the variant `comparables` adds features of comparables.
    sold
        The sales that were closed before; comparables may be taken from them.
    """

    facts: Facts
    date: DateArray | None
    home: Any
    frame: pd.DataFrame
    sold: Sales


@dataclass(frozen=True)
class TrainingInput:
    """What a model is trained on and selected on.

    Parameters
    ----------
    market
        Declares the facts.
    sales, validation_sales
        The training and the validation part.
    train, validation
        Their facts as data frames for other libraries.
    size
        Name of the fact that measures the size of a home.
    seed
        Seed of the model.
    threads
        Number of threads the model may use.
    settings
        Tuned settings by name; empty where nothing was tuned.
    """

    market: Market
    sales: Sales
    validation_sales: Sales
    train: pd.DataFrame
    validation: pd.DataFrame
    size: str
    seed: int
    threads: int = 1
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def log_price(self) -> FloatArray:
        """Log prices of the training sales, shape (n,)."""
        return np.log(self.sales.price)

    @property
    def validation_log_price(self) -> FloatArray:
        """Log prices of the validation sales, shape (n,)."""
        return np.log(self.validation_sales.price)


Predictor = Callable[[Subjects], FloatArray]
"""Returns the estimated log prices of homes, shape (n,)."""
Fit = Callable[[TrainingInput], Predictor]
