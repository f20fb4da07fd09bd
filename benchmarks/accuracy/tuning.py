"""Settings of the boosters and of MLPRegressor: searched for on the validation sales, kept in `tuned.json`.

A search of the kind that their users do (Optuna's TPE), for each data set, with comparables and without, seed 0.
Their early stopping is on the same sales, as our own model's is.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.training_sets import Fit, Lesson, Subjects

TUNED = Path(__file__).with_name("tuned.json")
TRIALS = 30
"""Trainings a search; a third of them at random before TPE takes over."""

Space = Callable[[Any], dict[str, Any]]


def settings_for(data_set: str, peer: str, variant: str) -> dict[str, Any]:
    """Return what the search found; nothing where it has not been."""
    found = _tuned().get(_key(data_set, peer, variant), {})
    return dict(found.get("settings", {}))


def search(lesson: Lesson, subjects: Subjects, fit: Fit, space: Space, trials: int) -> dict[str, Any]:
    """Try settings on the validation sales.

    Parameters
    ----------
    subjects
        The validation sales.
    space
        Draws settings by Optuna's trial.

    Returns
    -------
    dict
        The best `settings`, their `validation_log_rmse`, of how many `trials`, and by which version of `optuna`.
    """
    import optuna  # noqa: PLC0415  # the group `peers`

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def error(trial: Any) -> float:
        predict = fit(replace(lesson, settings=space(trial)))
        return float(np.sqrt(np.mean((predict(subjects) - lesson.validation_log_price) ** 2)))

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(n_startup_trials=trials // 3, seed=lesson.seed))
    study.optimize(error, n_trials=trials)
    best = space(optuna.trial.FixedTrial(study.best_params))
    settings = {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in best.items()}
    return {
        "settings": settings,
        "validation_log_rmse": round(study.best_value, 5),
        "trials": trials,
        "optuna": optuna.__version__,
    }


def keep(data_set: str, peer: str, variant: str, found: Mapping[str, Any]) -> None:
    """Write what a search found among the others."""
    every = {**_read(), _key(data_set, peer, variant): dict(found)}
    TUNED.write_text(json.dumps(dict(sorted(every.items())), indent=1) + "\n", encoding="utf-8")
    _tuned.cache_clear()


def _key(data_set: str, peer: str, variant: str) -> str:
    return f"{data_set}/{peer}/{variant}"


def _read() -> dict[str, Any]:
    return dict(json.loads(TUNED.read_text(encoding="utf-8"))) if TUNED.exists() else {}


_tuned = cache(_read)


def lightgbm_space(trial: Any) -> dict[str, Any]:
    """LightGBM's."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "num_leaves": trial.suggest_int("num_leaves", 8, 128, log=True),
        "min_child_samples": trial.suggest_int("min_child_samples", 3, 60, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-3, 30.0, log=True),
        "cat_smooth": trial.suggest_float("cat_smooth", 1.0, 100.0, log=True),
    }


def xgboost_space(trial: Any) -> dict[str, Any]:
    """XGBoost's."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "max_depth": trial.suggest_int("max_depth", 4, 10),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 60.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30.0, log=True),
    }


def catboost_space(trial: Any) -> dict[str, Any]:
    """CatBoost's."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.15, log=True),
        "depth": trial.suggest_int("depth", 4, 8),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 20.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 5.0, log=True),
        "bagging_temperature": trial.suggest_float("bagging_temperature", 0.0, 1.0),
    }


def histogram_space(trial: Any) -> dict[str, Any]:
    """HistGradientBoostingRegressor's."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 8, 128, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 3, 60, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 30.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.3, 1.0),
    }


def mlp_space(trial: Any) -> dict[str, Any]:
    """MLPRegressor's."""
    width = trial.suggest_int("width", 32, 256, log=True)
    return {
        "hidden_layer_sizes": (width,) * trial.suggest_int("depth", 1, 3),
        "alpha": trial.suggest_float("alpha", 1e-4, 10.0, log=True),
        "learning_rate_init": trial.suggest_float("learning_rate_init", 2e-4, 5e-3, log=True),
        "batch_size": trial.suggest_int("batch_size", 64, 512, log=True),
    }


SPACES: Mapping[str, Space] = {
    "mlp": mlp_space,
    "histogram": histogram_space,
    "lightgbm": lightgbm_space,
    "xgboost": xgboost_space,
    "catboost": catboost_space,
}
"""Peer → what is searched."""
