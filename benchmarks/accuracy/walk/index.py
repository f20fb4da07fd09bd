"""Our price index for the peers: estimated from sales alone, without our networks."""

import numpy as np

from benchmarks.accuracy.walk.jobs import IndexAt
from benchmarks.accuracy.walk.trials import Trial
from estimator.features.home_encoder import HomeEncoder
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales
from estimator.model.price_index import IndexSales, fit_price_index, hedonic_residuals


def fit_index(trial: Trial, sales: Sales) -> IndexAt:
    """Estimate our index from n dated sales, as our model does before it is trained; see `jobs.FitIndex`."""
    known = trial.completed(sales)
    assert known.date is not None  # a market without dates has no index
    rng = np.random.default_rng(trial.seed)
    inputs = HomeEncoder.fit(trial.market, known.facts, known.date).transform(known.facts, known.date)
    residual = hedonic_residuals(inputs.kriging_inputs, known, rng)
    index = fit_price_index(trial.market, IndexSales(known.facts, known.date, residual))

    def index_at(homes: Sales) -> FloatArray:
        return index.at(trial.market, trial.completed(homes).facts, homes.date)

    return index_at
