"""LightGBM, XGBoost and CatBoost with tuned settings and early stopping on the validation sales; see `tuning`."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from estimator.market.arrays import FloatArray

MAX_TREES, PATIENCE = 5000, 150
"""Maximum number of trees; trees without improvement before a model stops."""

UNKNOWN = "unknown"
"""Label for unknown values: CatBoost takes text only. No real label has this name."""


def fit_lightgbm(training: TrainingInput) -> Predictor:
    """LightGBM."""
    import lightgbm  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.03, "subsample": 0.8, "colsample_bytree": 0.7, **training.settings}
    model = lightgbm.LGBMRegressor(
        n_estimators=MAX_TREES, subsample_freq=1, n_jobs=training.threads, random_state=training.seed,
        verbosity=-1, **settings,
    )  # fmt: skip
    model.fit(
        training.train,
        training.log_price,
        eval_X=training.validation,
        eval_y=training.validation_log_price,
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return _predictor(model.predict)


def fit_xgboost(training: TrainingInput) -> Predictor:
    """XGBoost with histograms and its own handling of categories."""
    import xgboost  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.03, "subsample": 0.8, "colsample_bytree": 0.7, **training.settings}
    model = xgboost.XGBRegressor(
        n_estimators=MAX_TREES, early_stopping_rounds=PATIENCE, tree_method="hist", enable_categorical=True,
        n_jobs=training.threads, random_state=training.seed, **settings,
    )  # fmt: skip
    evaluation = [(training.validation, training.validation_log_price)]
    model.fit(training.train, training.log_price, eval_set=evaluation, verbose=False)
    return _predictor(model.predict)


def fit_catboost(training: TrainingInput, callbacks: Any = None) -> Predictor:
    """CatBoost, which encodes categories by its own ordered statistics.

    Parameters
    ----------
    callbacks
        Callbacks in CatBoost's format, called after each tree.
    """
    model = train_catboost(training, callbacks)
    return _predictor(lambda homes: model.predict(labels_as_text(homes), thread_count=training.threads))


def train_catboost(training: TrainingInput, callbacks: Any = None) -> Any:
    """Return CatBoost's model object; its inputs need `labels_as_text`."""
    import catboost  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.05, **training.settings}
    model = catboost.CatBoostRegressor(
        iterations=MAX_TREES, thread_count=training.threads, random_seed=training.seed, allow_writing_files=False,
        verbose=False, **settings,
    )  # fmt: skip
    labels = _labels(training.train)
    train = catboost.Pool(labels_as_text(training.train), training.log_price, cat_features=labels)
    validation = catboost.Pool(
        labels_as_text(training.validation), training.validation_log_price, cat_features=labels
    )
    model.fit(train, eval_set=validation, early_stopping_rounds=PATIENCE, callbacks=callbacks)
    return model


def labels_as_text(homes: pd.DataFrame) -> pd.DataFrame:
    """Return the homes with their labels as text, as CatBoost requires."""
    return homes.assign(**{name: homes[name].astype(object).fillna(UNKNOWN) for name in _labels(homes)})


def _labels(homes: pd.DataFrame) -> list[str]:
    return list(homes.select_dtypes("category").columns)


def _predictor(predict: Callable[[pd.DataFrame], Any]) -> Predictor:
    def values(subjects: Subjects) -> FloatArray:
        return np.asarray(predict(subjects.frame), np.float64)

    return values
