"""Our own model, as the appraiser trains it.

The one place that knows the interface of `estimator.model.price_model`.
"""

from collections.abc import Sequence

import numpy as np

from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.market.arrays import FloatArray
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel


def fit_ours(lesson: Lesson, callbacks: Sequence[Callback] = ()) -> Predictor:
    """Train the price model; it takes facts as they are, and looks for comparables itself.

    Test homes are valued with the validation sales as evidence too, as the appraiser does it.

    Parameters
    ----------
    callbacks
        Called after each epoch of each network.
    """
    rng = np.random.default_rng(lesson.seed)
    model = PriceModel.fit(lesson.market, lesson.sales, lesson.validation_sales, rng, callbacks)
    with_sales = model.with_sales(lesson.sales.joined(lesson.validation_sales))

    def predict(subjects: Subjects) -> FloatArray:
        asked = model if subjects.sold is lesson.sales else with_sales
        return asked.predict(subjects.facts, subjects.date, subjects.home)

    return predict


def validation_log_rmse(lesson: Lesson, loss: float) -> float:
    """Return an epoch's validation loss as an error of the log price: the network learns it standardised."""
    return loss * float(lesson.log_price.std())
