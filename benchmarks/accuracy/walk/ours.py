"""Our model as it is used: trained as `train` does it, then refreshed with the sales of each month."""

import numpy as np

from benchmarks.accuracy.walk.trials import Trial
from estimator.appraiser import Appraiser
from estimator.market.sales import Sales, split_sales
from estimator.model.recipe import DEFAULTS


def fit(trial: Trial) -> Appraiser:
    """Train on a part of the training sales, calibrate on the rest, train again on all, as `train` does.

    The newest fifth, on which `train` would judge the model, is known to what it publishes.
    """
    rng = np.random.default_rng(trial.seed)
    parts = split_sales(trial.train, "time" if trial.dated else "random", rng)
    fitted = Appraiser.fit(trial.market, trial.areas, parts, rng)
    return fitted.with_sales(parts.test, rng, learn=False).retrained(DEFAULTS, rng)


def refresh(appraiser: Appraiser, sales: Sales, rng: np.random.Generator) -> Appraiser:
    """Return the model that also knows these sales."""
    return appraiser.with_sales(sales, rng)
