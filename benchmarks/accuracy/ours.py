"""Our own model, trained as the appraiser trains it."""

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from estimator.market.arrays import FloatArray
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel


def fit_ours(training: TrainingInput, callbacks: Sequence[Callback] = ()) -> Predictor:
    """Train the price model, which finds comparables itself.

    For test homes the model also uses the validation sales as comparables and for kriging, as the appraiser does.

    Parameters
    ----------
    callbacks
        Called after each epoch of each network.
    """
    rng = np.random.default_rng(training.seed)
    model = PriceModel.fit(training.market, training.sales, training.validation_sales, rng, callbacks)
    validation = training.validation_sales
    worth = model.estimate(validation.facts, validation.date, validation.home, validation.date).log_worth
    with_sales = model.with_sales(validation, np.log(validation.price) - worth, learn=False)

    def predict(subjects: Subjects) -> FloatArray:
        chosen = model if subjects.sold is training.sales else with_sales
        estimates = chosen.estimate(subjects.facts, subjects.date, subjects.home, subjects.date)
        return estimates.log_worth + chosen.index.at(training.market, subjects.facts, subjects.date)

    return predict


def validation_log_rmse(training: TrainingInput, loss: float) -> float:
    """Convert an epoch's validation loss, which is of standardised log prices, to an error of the log price."""
    return loss * float(training.log_price.std())
