"""Judges a version by sales that it did not know when it valued them: a trained one, and a refreshed one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.assessment.gate import Judged, ValuedSales, Verdict, judge
from estimator.assessment.ridge import ridge_values
from estimator.assessment.walk_forward import WalkForward, month_steps, value_by_step, value_homes
from estimator.calibration import complete_sales
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales


def judge_trained(appraiser: Appraiser, test: Sales, walk: WalkForward | None, published: Appraiser) -> Verdict:
    """Judge a training by its test sales.

    Parameters
    ----------
    appraiser
        The evaluated appraiser, which does not know the test sales.
    walk
        Its walk through the months of the test sales; None to judge it without refreshing.
    published
        The appraiser that is to be published.
    """
    if walk is None:
        values, steps = value_homes(appraiser, test), [np.arange(len(test))]
    else:
        values, steps = walk.values, _steps(appraiser, test)
    valued = _valued_sales(appraiser, test, values, steps)
    judged: Judged = "test sales" if walk is None else "month by month"
    return judge(valued, appraiser.market.gate, judged, has_ranges=published.has_ranges)


def judge_refreshed(appraiser: Appraiser, new: Sales, refreshed: Appraiser, rng: np.random.Generator) -> Verdict:
    """Judge a refresh by its m ≥ 1 new sales, each valued before it was known.

    Parameters
    ----------
    appraiser
        The appraiser before the refresh, without the sales that are replaced.
    new
        The sales that were added. The values of a month's sales take the new sales of earlier months into account.
    refreshed
        The appraiser that knows them.
    rng
        Draws the facts that are withheld when the ranges are calibrated.
    """
    steps = _steps(appraiser, new)
    valued = _valued_sales(appraiser, new, value_by_step(appraiser, new, steps, rng), steps)
    return judge(valued, appraiser.market.gate, "new sales", has_ranges=refreshed.has_ranges)


def _valued_sales(
    appraiser: Appraiser, sales: Sales, values: FloatArray, steps: Sequence[NDArray[np.intp]]
) -> ValuedSales:
    """Put the values of n sales, shape (n, 3), beside those of a ridge regression that knows the same sales."""
    ridge = ridge_values(appraiser.market, appraiser.model.sales, complete_sales(appraiser.areas, sales), steps)
    value, low, high = values.T
    return ValuedSales(sales.price, value, low, high, ridge, 100 * CONFIDENCE)


def _steps(appraiser: Appraiser, sales: Sales) -> list[NDArray[np.intp]]:
    """Return the rows of each month's sales; all rows in a market without dates."""
    if sales.date is None or appraiser.sale_dates is None:
        return [np.arange(len(sales))]
    return [rows for _, rows in month_steps(sales.date, appraiser.sale_dates[1])]
