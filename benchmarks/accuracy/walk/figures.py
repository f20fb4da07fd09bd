"""Errors of predictions on test sales, overall, by month, and divided by the best peer's."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, dataclass

import numpy as np

from benchmarks.accuracy.walk.jobs import Predictions
from estimator.market.arrays import BoolArray, FloatArray


@dataclass(frozen=True)
class Figures:
    """Errors of n valuations; e = value/price − 1.

    Parameters
    ----------
    n
        Number of sales whose home was valued.
    hit_rate
        Share of homes that were valued, in percent.
    log_rmse
        Root mean square of log(value/price).
    mdape, ppe10
        Median of |e|, and share of sales with |e| within 10 percent, both in percent.
    bias
        Median of log(price/value): above 0, homes are under-valued overall.
    coverage
        Share of prices inside their 90% range, in percent; NaN without ranges.
    """

    n: float
    hit_rate: float
    log_rmse: float
    mdape: float
    ppe10: float
    bias: float
    coverage: float

    def to_dict(self) -> dict[str, float | None]:
        """Return the figures by name, rounded; None for those that do not exist."""
        return {name: None if math.isnan(value) else round(value, 5) for name, value in asdict(self).items()}


def figures(log_price: FloatArray, predicted: Predictions, rows: BoolArray | None = None) -> Figures:
    """Compare predictions with the log prices of the test sales, shape (n,).

    Parameters
    ----------
    rows
        Which of the sales count, shape (n,); None for all. At least one of them must be valued.
    """
    chosen = np.ones(len(log_price), np.bool_) if rows is None else rows
    valued = chosen & ~np.isnan(predicted.log_price)
    error = predicted.log_price[valued] - log_price[valued]
    percent = 100 * np.abs(np.expm1(error))
    low, high = predicted.low[valued], predicted.high[valued]
    inside = (low <= log_price[valued]) & (log_price[valued] <= high)
    has_ranges = bool(valued.any()) and not np.isnan(low).all()
    return Figures(
        n=float(valued.sum()),
        hit_rate=100 * float(valued.sum() / chosen.sum()),
        log_rmse=math.sqrt(np.mean(error**2)),
        mdape=float(np.median(percent)),
        ppe10=100 * float(np.mean(percent <= 10)),
        bias=float(np.median(-error)),
        coverage=100 * float(np.mean(inside)) if has_ranges else math.nan,
    )


def by_month(
    log_price: FloatArray, predicted: Predictions, months: np.ndarray[tuple[int], np.dtype[np.datetime64]]
) -> dict[str, Figures]:
    """Return the figures of each calendar month, such as `2018-03`; `months` has shape (n,)."""
    return {str(month): figures(log_price, predicted, months == month) for month in np.unique(months)}


def mean(by_seed: Sequence[Figures]) -> Figures:
    """Return the means over seeds."""
    return Figures(*(float(np.mean(values)) for values in zip(*map(astuple, by_seed), strict=True)))


@dataclass(frozen=True)
class Ratio:
    """Our error divided by the smallest error of a peer, and which peer that is; for log RMSE and for MdAPE."""

    log_rmse: float
    log_rmse_peer: str
    mdape: float
    mdape_peer: str


def ratio(ours: Figures, others: Mapping[str, Figures]) -> Ratio:
    """Divide our errors by those of the best of at least one peer, by title."""
    by_rmse = min(others, key=lambda title: others[title].log_rmse)
    by_mdape = min(others, key=lambda title: others[title].mdape)
    return Ratio(ours.log_rmse / others[by_rmse].log_rmse, by_rmse, ours.mdape / others[by_mdape].mdape, by_mdape)
