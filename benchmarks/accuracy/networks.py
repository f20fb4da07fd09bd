"""Neural networks of pytabkit, at its defaults; the validation sales choose the epoch."""

from typing import Any

import numpy as np

from benchmarks.accuracy.frames import Imputation
from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.market.arrays import FloatArray


def fit_realmlp(lesson: Lesson) -> Predictor:
    """RealMLP-TD: Holzmüller et al. (2024), Better by default."""
    from pytabkit import RealMLP_TD_Regressor  # noqa: PLC0415  # the group `peers`

    return _fit(RealMLP_TD_Regressor, lesson)


def fit_tabm(lesson: Lesson) -> Predictor:
    """TabM: Gorishniy et al. (2024), Advancing tabular deep learning with parameter-efficient ensembling."""
    from pytabkit import TabM_D_Regressor  # noqa: PLC0415  # the group `peers`

    return _fit(TabM_D_Regressor, lesson)


def _fit(kind: Any, lesson: Lesson) -> Predictor:
    imputation = Imputation.fit(lesson.train)
    model = kind(random_state=lesson.seed, n_threads=lesson.threads, device="cpu")
    model.fit(
        imputation.apply(lesson.train),
        lesson.log_price,
        imputation.apply(lesson.validation),
        lesson.validation_log_price,
    )

    def predict(subjects: Subjects) -> FloatArray:
        return np.asarray(model.predict(imputation.apply(subjects.frame)), np.float64).reshape(-1)

    return predict
