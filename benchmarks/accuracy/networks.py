"""Neural networks of pytabkit with its default settings; the best epoch on the validation sales is used."""

from typing import Any

import numpy as np

from benchmarks.accuracy.frames import Imputation
from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from estimator.market.arrays import FloatArray


def fit_realmlp(training: TrainingInput) -> Predictor:
    """RealMLP-TD: Holzmüller et al. (2024), Better by default."""
    from pytabkit import RealMLP_TD_Regressor  # noqa: PLC0415  # the group `peers`

    return _fit(RealMLP_TD_Regressor, training)


def fit_tabm(training: TrainingInput) -> Predictor:
    """TabM: Gorishniy et al. (2024), Advancing tabular deep learning with parameter-efficient ensembling."""
    from pytabkit import TabM_D_Regressor  # noqa: PLC0415  # the group `peers`

    return _fit(TabM_D_Regressor, training)


def _fit(model_class: Any, training: TrainingInput) -> Predictor:
    imputation = Imputation.fit(training.train)
    model = model_class(random_state=training.seed, n_threads=training.threads, device="cpu")
    model.fit(
        imputation.apply(training.train),
        training.log_price,
        imputation.apply(training.validation),
        training.validation_log_price,
    )

    def predict(subjects: Subjects) -> FloatArray:
        return np.asarray(model.predict(imputation.apply(subjects.frame)), np.float64).reshape(-1)

    return predict
