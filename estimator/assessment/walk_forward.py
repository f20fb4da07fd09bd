"""Walk forward, as a model is used: it values a month's sales, then it is refreshed with their prices, and so on.

The same model without refreshing ("frozen") values the same sales.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.assessment.rounding import rounded_figures
from estimator.errors import DataError
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.sales import Sales

_VALUE = 0
"""Column of the value among those of `value_homes`."""

Progress = Callable[[int, int], None]
"""Called with the number of months that are done, and of all months."""


@dataclass(frozen=True)
class WalkFigures:
    """Errors of valuations against the prices of n sales; all but `n` and `hit_rate` are None if n is 0.

    Parameters
    ----------
    n
        Number of sales whose home was valued.
    hit_rate
        Share of the sales that were valued, in percent.
    log_rmse
        Root mean square of log(value/price).
    mdape, ppe10
        Median of |value − price|/price, and the share of sales where it is within 10 percent, in percent.
    bias
        Median of log(price/value): above 0, homes are valued too low overall.
    coverage
        Share of prices inside their price range, in percent; also None if the values have no ranges.
    """

    n: int
    hit_rate: float
    log_rmse: float | None = None
    mdape: float | None = None
    ppe10: float | None = None
    bias: float | None = None
    coverage: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """Return the figures by name, rounded to four decimals."""
        return rounded_figures(self)


@dataclass(frozen=True)
class WalkMonth:
    """The figures of the sales of one calendar month, such as `2018-03`, by the refreshed and the frozen model."""

    month: str
    refreshed: WalkFigures
    frozen: WalkFigures


@dataclass(frozen=True, eq=False)
class WalkForward:
    """The figures of all sales and of each month, by the refreshed and the frozen model.

    Parameters
    ----------
    refreshed, frozen
        Of all sales.
    months
        In order. The first one includes sales of earlier months.
    confidence
        Confidence level of the ranges, in percent.
    values
        Values and ranges by the refreshed model, as from `value_by_step`; not among the plain values.
    """

    refreshed: WalkFigures
    frozen: WalkFigures
    months: tuple[WalkMonth, ...]
    confidence: float
    values: FloatArray

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            "confidence": self.confidence,
            "refreshed": self.refreshed.to_dict(),
            "frozen": self.frozen.to_dict(),
            "months": [
                {"month": entry.month, "refreshed": entry.refreshed.to_dict(), "frozen": entry.frozen.to_dict()}
                for entry in self.months
            ],
        }


def walk_forward(
    appraiser: Appraiser, sales: Sales, rng: np.random.Generator, progress: Progress | None = None
) -> WalkForward:
    """Follow an appraiser through the months of n sales that it does not know.

    Each home is valued with all its facts as of its day of sale, by an appraiser that knows the sales of the
    months before. If the sales that it was given end within a month, it knows that part of this month too.

    Parameters
    ----------
    sales
        Their homes numbered as those of the appraiser's sales. Sales older than the newest one that the appraiser
        knows are valued in the first month; a split by time leaves some, since all sales of a home stay together.
    rng
        Draws the facts that are withheld when the ranges are calibrated.

    Raises
    ------
    DataError
        The sales have no dates, or no home can be valued.
    """
    if sales.date is None or appraiser.sale_dates is None:
        raise DataError(f"the sales of market '{appraiser.market.name}' have no dates, so they have no months")
    frozen = value_homes(appraiser, sales)
    if np.isnan(frozen[:, _VALUE]).all():
        raise DataError(f"none of the {len(sales)} homes can be valued")
    steps = month_steps(sales.date, appraiser.sale_dates[1])
    refreshed = value_by_step(appraiser, sales, [rows for _, rows in steps], rng, progress)
    return WalkForward(
        _figures(sales.price, refreshed),
        _figures(sales.price, frozen),
        tuple(
            WalkMonth(
                str(month),
                _figures(sales.price[rows], refreshed[rows]),
                _figures(sales.price[rows], frozen[rows]),
            )
            for month, rows in steps
        ),
        100 * CONFIDENCE,
        refreshed,
    )


def value_by_step(
    appraiser: Appraiser,
    sales: Sales,
    steps: Sequence[NDArray[np.intp]],
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> FloatArray:
    """Value n homes, those of each step by the appraiser that knows the sales of the steps before.

    Parameters
    ----------
    steps
        Rows of the sales, each row in one step.

    Returns
    -------
    array
        Values and the bounds of their ranges, shape (n, 3); NaN where a home was refused.
    """
    values = np.empty((len(sales), 3))
    for done, rows in enumerate(steps):
        if done:
            appraiser = appraiser.with_sales(sales.take(steps[done - 1]), rng)
        values[rows] = value_homes(appraiser, sales.take(rows))
        if progress is not None:
            progress(done + 1, len(steps))
    return values


def month_steps(date: DateArray, newest: np.datetime64) -> list[tuple[np.datetime64, NDArray[np.intp]]]:
    """Return each calendar month with the rows of its sales; sales up to `newest` belong to the first month."""
    later = date[date > newest]
    first = later.min() if len(later) else newest
    month = np.maximum(date, first).astype("datetime64[M]")
    return [(start, np.flatnonzero(month == start)) for start in np.unique(month)]


def value_homes(appraiser: Appraiser, sales: Sales) -> FloatArray:
    """Return values of n homes and the bounds of their ranges, shape (n, 3); NaN where a home was refused."""
    values = appraiser.value(sales.facts, sales.date, CONFIDENCE, earlier_sales_only=True)
    return np.column_stack((values.price, values.low, values.high))


def _figures(price: FloatArray, values: FloatArray) -> WalkFigures:
    """Compare the values of n ≥ 1 homes and their ranges, shape (n, 3), with their prices, shape (n,)."""
    valued = ~np.isnan(values[:, _VALUE])
    n, hit_rate = int(valued.sum()), 100 * float(valued.mean())
    if n == 0:
        return WalkFigures(n, hit_rate)
    price, (value, low, high) = price[valued], values[valued].T
    log_ratio = np.log(price / value)
    percent = 100 * np.abs(value - price) / price
    return WalkFigures(
        n,
        hit_rate,
        log_rmse=float(np.sqrt(np.mean(log_ratio**2))),
        mdape=float(np.median(percent)),
        ppe10=100 * float(np.mean(percent <= 10)),
        bias=float(np.median(log_ratio)),
        coverage=None if np.isnan(low).all() else _coverage(price, low, high),
    )


def _coverage(price: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Return the share of prices in their ranges in percent, of those that have one."""
    return 100 * float(np.mean(((low <= price) & (price <= high))[~np.isnan(low)]))
