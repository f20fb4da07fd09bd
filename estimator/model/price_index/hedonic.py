"""Residuals of a hedonic fit: what the months say about prices, after the facts of the homes sold in them.

One regression explains the log prices by the facts, by similar homes nearby (kriging) and by the month of the
sale. A sale's residual is its log price minus what the regression says about its home without the month.
"""

from dataclasses import replace

import numpy as np

from estimator.features.kriging import KrigingInputs
from estimator.features.kriging_fit import fit_kriging
from estimator.market.arrays import Float32Array, FloatArray
from estimator.market.sales import Sales

N_INDUCING_POINTS = 600
"""Sales that stand for all of them in the kriging of this fit: it must tell months apart, not streets.
See benchmarks/DECISIONS.md, "Hedonic fit of the price index"."""
_MONTH_SCALE = 10.0
"""Value of a month's column. It is large, so that the ridge penalty hardly shrinks the months' effects."""


def hedonic_residuals(homes: KrigingInputs, sales: Sales, rng: np.random.Generator) -> FloatArray:
    """Return log price − worth without regard to the month, of each of n dated sales, shape (n,).

    A sale's worth is estimated without the sales of its own home. The level is arbitrary.

    Parameters
    ----------
    homes
        The n homes as inputs of kriging, without any date.
    """
    assert sales.date is not None  # noqa: S101  # undated markets have no index
    log_price = np.log(sales.price)
    months = sales.date.astype("datetime64[M]").astype(np.int64)
    month_columns: Float32Array = (months[:, None] == np.unique(months)) * np.float32(_MONTH_SCALE)
    with_months = replace(homes, other=np.hstack((homes.other, month_columns)))
    no_month = replace(homes, other=np.hstack((homes.other, np.zeros_like(month_columns))))
    kriging, left_out = fit_kriging(with_months, log_price, sales.home, rng, N_INDUCING_POINTS)
    worth = left_out.estimate(no_month, sales.home) + kriging.monotone_effect(homes.monotone)
    residual: FloatArray = log_price - worth
    return residual
