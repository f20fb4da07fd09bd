"""Settings of the boosters and of MLPRegressor, tuned on the validation sales and stored in `tuned.json`.

A search with Optuna's TPE, as their users would do it, for each data set, with and without comparables, seed 0.
Early stopping uses the same validation sales, as in our own model.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.model_inputs import Fit, Subjects, TrainingInput

TUNED = Path(__file__).with_name("tuned.json")
N_TRIALS = 30
"""Trainings per search; the first third are random, before TPE starts."""

Space = Callable[[Any], dict[str, Any]]


def settings_for(data_set: str, peer: str, variant: str) -> dict[str, Any]:
    """Return the tuned settings; empty where no search was done."""
    result = _tuned().get(_key(data_set, peer, variant), {})
    return dict(result.get("settings", {}))


def search(training: TrainingInput, subjects: Subjects, fit: Fit, space: Space, trials: int) -> dict[str, Any]:
    """Search for the best settings on the validation sales.

    Parameters
    ----------
    subjects
        The validation sales.
    space
        Draws settings with a trial of Optuna.

    Returns
    -------
    dict
        The best `settings`, their `validation_log_rmse`, the number of `trials` and the version of `optuna`.
    """
    import optuna  # noqa: PLC0415  # the group `peers`

    optuna.logging.set_verbosity(optuna.logging.WARNING)

    def error(trial: Any) -> float:
        predict = fit(replace(training, settings=space(trial)))
        return float(np.sqrt(np.mean((predict(subjects) - training.validation_log_price) ** 2)))

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(n_startup_trials=trials // 3, seed=training.seed)
    )
    study.optimize(error, n_trials=trials)
    best = space(optuna.trial.FixedTrial(study.best_params))
    settings = {name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in best.items()}
    return {
        "settings": settings,
        "validation_log_rmse": round(study.best_value, 5),
        "trials": trials,
        "optuna": optuna.__version__,
    }


def store(data_set: str, peer: str, variant: str, result: Mapping[str, Any]) -> None:
    """Add the result of a search to the file."""
    results = {**_read(), _key(data_set, peer, variant): dict(result)}
    TUNED.write_text(json.dumps(dict(sorted(results.items())), indent=1) + "\n", encoding="utf-8")
    _tuned.cache_clear()


def _key(data_set: str, peer: str, variant: str) -> str:
    return f"{data_set}/{peer}/{variant}"


def _read() -> dict[str, Any]:
    return dict(json.loads(TUNED.read_text(encoding="utf-8"))) if TUNED.exists() else {}


_tuned = cache(_read)


def lightgbm_space(trial: Any) -> dict[str, Any]:
    """Search space of LightGBM."""
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
    """Search space of XGBoost."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "max_depth": trial.suggest_int("max_depth", 4, 10),
        "min_child_weight": trial.suggest_float("min_child_weight", 1.0, 60.0, log=True),
        "subsample": trial.suggest_float("subsample", 0.5, 1.0),
        "colsample_bytree": trial.suggest_float("colsample_bytree", 0.3, 1.0),
        "reg_lambda": trial.suggest_float("reg_lambda", 1e-2, 30.0, log=True),
    }


def catboost_space(trial: Any) -> dict[str, Any]:
    """Search space of CatBoost."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.03, 0.15, log=True),
        "depth": trial.suggest_int("depth", 4, 8),
        "l2_leaf_reg": trial.suggest_float("l2_leaf_reg", 0.5, 20.0, log=True),
        "random_strength": trial.suggest_float("random_strength", 0.1, 5.0, log=True),
        "bagging_temperature": trial.suggest_float("bagging_temperature", 0.0, 1.0),
    }


def histogram_space(trial: Any) -> dict[str, Any]:
    """Search space of HistGradientBoostingRegressor."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 0.02, 0.1, log=True),
        "max_leaf_nodes": trial.suggest_int("max_leaf_nodes", 8, 128, log=True),
        "min_samples_leaf": trial.suggest_int("min_samples_leaf", 3, 60, log=True),
        "l2_regularization": trial.suggest_float("l2_regularization", 1e-3, 30.0, log=True),
        "max_features": trial.suggest_float("max_features", 0.3, 1.0),
    }


def mlp_space(trial: Any) -> dict[str, Any]:
    """Search space of MLPRegressor."""
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
"""Name of a peer → its search space."""
