"""What a model is given to learn from, and what it is asked. No test sale's price is in either."""

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
        The same facts, and in the variant with comparables theirs, as other libraries take them.
    sold
        The sales that are closed by now, which comparables may be taken from.
    """

    facts: Facts
    date: DateArray | None
    home: Any
    frame: pd.DataFrame
    sold: Sales


@dataclass(frozen=True)
class Lesson:
    """Sales to learn from and to choose on.

    Parameters
    ----------
    market
        Which facts there are.
    sales, validation_sales
        The two parts.
    train, validation
        Their facts, as other libraries take them.
    size
        The fact that says how large a home is.
    seed
        Of the model.
    threads
        That it may use.
    settings
        What was tuned, by name; empty where nothing was.
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
        """Of the training sales, shape (n,)."""
        return np.log(self.sales.price)

    @property
    def validation_log_price(self) -> FloatArray:
        """Of the validation sales."""
        return np.log(self.validation_sales.price)


Predictor = Callable[[Subjects], FloatArray]
"""Values homes: their log prices, shape (n,)."""
Fit = Callable[[Lesson], Predictor]
