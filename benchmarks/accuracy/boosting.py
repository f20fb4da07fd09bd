"""LightGBM, XGBoost and CatBoost, as a careful user takes them; the validation sales stop them early.

Their settings are searched for on the validation sales: see `tuning`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.market.arrays import FloatArray

TREES, PATIENCE = 5000, 150
"""More than any of them takes at the rates searched, and how many trees may pass without a new low."""

UNKNOWN = "unknown"
"""CatBoost's labels are text; this one no label is called."""


def fit_lightgbm(lesson: Lesson) -> Predictor:
    """LightGBM."""
    import lightgbm  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.03, "subsample": 0.8, "colsample_bytree": 0.7, **lesson.settings}
    model = lightgbm.LGBMRegressor(
        n_estimators=TREES, subsample_freq=1, n_jobs=lesson.threads, random_state=lesson.seed, verbosity=-1,
        **settings,
    )  # fmt: skip
    model.fit(
        lesson.train,
        lesson.log_price,
        eval_X=lesson.validation,
        eval_y=lesson.validation_log_price,
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return _predictor(model.predict)


def fit_xgboost(lesson: Lesson) -> Predictor:
    """XGBoost with histograms and its own handling of labels."""
    import xgboost  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.03, "subsample": 0.8, "colsample_bytree": 0.7, **lesson.settings}
    model = xgboost.XGBRegressor(
        n_estimators=TREES, early_stopping_rounds=PATIENCE, tree_method="hist", enable_categorical=True,
        n_jobs=lesson.threads, random_state=lesson.seed, **settings,
    )  # fmt: skip
    evaluation = [(lesson.validation, lesson.validation_log_price)]
    model.fit(lesson.train, lesson.log_price, eval_set=evaluation, verbose=False)
    return _predictor(model.predict)


def fit_catboost(lesson: Lesson, callbacks: Any = None) -> Predictor:
    """CatBoost, which encodes labels by its own ordered statistics.

    Parameters
    ----------
    callbacks
        CatBoost's own: what is called after each tree.
    """
    model = train_catboost(lesson, callbacks)
    return _predictor(lambda homes: model.predict(labels_as_text(homes), thread_count=lesson.threads))


def train_catboost(lesson: Lesson, callbacks: Any = None) -> Any:
    """Return CatBoost's own model; it takes frames with `labels_as_text`."""
    import catboost  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.05, **lesson.settings}
    model = catboost.CatBoostRegressor(
        iterations=TREES, thread_count=lesson.threads, random_seed=lesson.seed, allow_writing_files=False,
        verbose=False, **settings,
    )  # fmt: skip
    labels = _labels(lesson.train)
    train = catboost.Pool(labels_as_text(lesson.train), lesson.log_price, cat_features=labels)
    validation = catboost.Pool(labels_as_text(lesson.validation), lesson.validation_log_price, cat_features=labels)
    model.fit(train, eval_set=validation, early_stopping_rounds=PATIENCE, callbacks=callbacks)
    return model


def labels_as_text(homes: pd.DataFrame) -> pd.DataFrame:
    """Return the homes with labels as CatBoost takes them."""
    return homes.assign(**{name: homes[name].astype(object).fillna(UNKNOWN) for name in _labels(homes)})


def _labels(homes: pd.DataFrame) -> list[str]:
    return list(homes.select_dtypes("category").columns)


def _predictor(predict: Callable[[pd.DataFrame], Any]) -> Predictor:
    def values(subjects: Subjects) -> FloatArray:
        return np.asarray(predict(subjects.frame), np.float64)

    return values
