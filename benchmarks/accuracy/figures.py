"""Error figures of one outcome, and their means over seeds."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.jobs import Outcome
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales


@dataclass(frozen=True)
class Figures:
    """Errors and costs of n valuations.

    Parameters
    ----------
    log_rmse
        Root mean square error of the log price; for California of the value itself.
    dollar_rmse
        Root mean square error of the price, USD.
    mdape, ppe10
        See `estimator.assessment.evaluation.ErrorFigures`.
    train_seconds, seconds_per_100k
        See `Outcome`.
    """

    log_rmse: float
    dollar_rmse: float
    mdape: float
    ppe10: float
    train_seconds: float
    seconds_per_100k: float


def figures(data: DataSet, part: Sales, log_price: FloatArray, outcome: Outcome) -> Figures:
    """Compare predicted log prices with the prices of a part, shape (n,)."""
    actual = np.log(part.price)
    log_rmse = math.sqrt(np.mean((log_price - actual) ** 2))
    if data.dollars is None:
        price, estimate = part.price, np.exp(log_price)
    else:
        price, estimate = actual * data.dollars, log_price * data.dollars
    error = 100 * np.abs(estimate - price) / price
    return Figures(
        log_rmse=log_rmse,
        dollar_rmse=math.sqrt(np.mean((estimate - price) ** 2)),
        mdape=float(np.median(error)),
        ppe10=100 * float(np.mean(error <= 10)),
        train_seconds=outcome.train_seconds,
        seconds_per_100k=outcome.seconds_per_100k,
    )


def mean(by_seed: Sequence[Figures]) -> Figures:
    """Return the means over seeds."""
    return Figures(*(float(np.mean(values)) for values in zip(*map(astuple, by_seed), strict=True)))
