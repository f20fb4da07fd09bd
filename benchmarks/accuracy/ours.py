"""Our own model, as the appraiser trains it.

The one place that knows the interface of `estimator.price_model`.
"""

import numpy as np

from benchmarks.accuracy.lessons import Lesson, Predictor, Subjects
from estimator.facts import FloatArray
from estimator.price_model import PriceModel


def fit_ours(lesson: Lesson) -> Predictor:
    """Train the price model; it takes facts as they are, and looks for comparables itself."""
    rng = np.random.default_rng(lesson.seed)
    model = PriceModel.fit(lesson.market, lesson.sales, lesson.validation_sales, rng)

    def predict(subjects: Subjects) -> FloatArray:
        return model.predict(subjects.facts, subjects.date)

    return predict
