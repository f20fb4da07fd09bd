"""LightGBM and CatBoost with fixed settings: the peers over time.

The number of trees is chosen once, on the last eighth of the training sales; every training then uses that number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy.boosting import labels_as_text
from estimator.market.arrays import FloatArray

MAX_TREES, PATIENCE, MIN_TREES = 5000, 100, 50
"""Maximum number of trees; trees without improvement before the choice stops; the smallest number chosen."""
LEARNING_RATE = 0.03
CHOICE_SHARE = 1 / 8
"""Share of the training sales, the last ones, on which the number of trees is chosen."""
THREADS = 2

Predict = Callable[[pd.DataFrame], FloatArray]


@dataclass(frozen=True)
class Booster:
    """A kind of boosted trees.

    Parameters
    ----------
    title
        Name in the report.
    package
        Package whose version can change the predictions.
    choose_trees
        Facts, log prices, row at which the last part starts, seed → number of trees.
    fit
        Facts, log prices, number of trees, seed → function that predicts log prices.
    """

    title: str
    package: str
    choose_trees: Callable[[pd.DataFrame, FloatArray, int, int], int]
    fit: Callable[[pd.DataFrame, FloatArray, int, int], Predict]


def n_before_choice(n: int) -> int:
    """Return how many of n training sales come before those on which the number of trees is chosen."""
    return n - int(CHOICE_SHARE * n)


def _lightgbm(trees: int, seed: int) -> Any:
    import lightgbm  # noqa: PLC0415  # the group `peers`

    return lightgbm.LGBMRegressor(
        n_estimators=trees, learning_rate=LEARNING_RATE, num_leaves=31, subsample=0.8, subsample_freq=1,
        colsample_bytree=0.5, verbose=-1, n_jobs=THREADS, random_state=seed,
    )  # fmt: skip


def _choose_lightgbm(homes: pd.DataFrame, log_price: FloatArray, start: int, seed: int) -> int:
    import lightgbm  # noqa: PLC0415  # the group `peers`

    model = _lightgbm(MAX_TREES, seed)
    model.fit(
        homes[:start],
        log_price[:start],
        eval_X=homes[start:],
        eval_y=log_price[start:],
        callbacks=[lightgbm.early_stopping(PATIENCE, verbose=False)],
    )
    return max(int(model.best_iteration_), MIN_TREES)


def _fit_lightgbm(homes: pd.DataFrame, log_price: FloatArray, trees: int, seed: int) -> Predict:
    model = _lightgbm(trees, seed).fit(homes, log_price)
    return lambda subjects: np.asarray(model.predict(subjects), np.float64)


def _catboost(homes: pd.DataFrame, trees: int, seed: int, settings: Mapping[str, Any]) -> Any:
    import catboost  # noqa: PLC0415  # the group `peers`

    return catboost.CatBoostRegressor(
        iterations=trees, random_seed=seed, thread_count=THREADS, allow_writing_files=False, verbose=False,
        cat_features=list(homes.select_dtypes("category").columns), **settings,
    )  # fmt: skip


def _catboost_with(settings: Mapping[str, Any], title: str) -> Booster:
    def choose(homes: pd.DataFrame, log_price: FloatArray, start: int, seed: int) -> int:
        text = labels_as_text(homes)
        model = _catboost(homes, MAX_TREES, seed, settings)
        model.fit(
            text[:start],
            log_price[:start],
            eval_set=(text[start:], log_price[start:]),
            early_stopping_rounds=PATIENCE,
        )
        return max(int(model.best_iteration_), MIN_TREES)

    def fit(homes: pd.DataFrame, log_price: FloatArray, trees: int, seed: int) -> Predict:
        model = _catboost(homes, trees, seed, settings).fit(labels_as_text(homes), log_price)
        return lambda subjects: np.asarray(model.predict(labels_as_text(subjects)), np.float64)

    return Booster(title, "catboost", choose, fit)


BOOSTERS: Mapping[str, Booster] = {
    "lightgbm": Booster("LightGBM", "lightgbm", _choose_lightgbm, _fit_lightgbm),
    "catboost": _catboost_with({"learning_rate": LEARNING_RATE}, "CatBoost"),
    "catboost-automatic": _catboost_with({}, "CatBoost, its own learning rate"),
}
"""Name → kind of boosted trees."""
