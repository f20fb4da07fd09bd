"""Validation error against training time, to see when our model reaches CatBoost's final error.

Times are wall-clock times, so run it on an otherwise idle machine.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import joblib
import numpy as np

from benchmarks.accuracy.boosting import fit_catboost
from benchmarks.accuracy.jobs import Job, build_inputs, data_of
from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from benchmarks.accuracy.ours import fit_ours, validation_log_rmse
from benchmarks.accuracy.peers import OURS, Variant
from estimator.model.ensemble import EpochEvent


@dataclass(frozen=True)
class Curve:
    """Validation error over the time of one training.

    Parameters
    ----------
    seconds, log_rmse
        Seconds since the start and validation error, after each tree or epoch.
    total_seconds
        Seconds of the whole fit.
    final
        Validation log RMSE of the finished model.
    """

    seconds: list[float]
    log_rmse: list[float]
    total_seconds: float
    final: float

    def time_to_error(self, error: float) -> float | None:
        """Return the seconds until the validation error is at most `error`; None if it never is."""
        points = zip([*self.seconds, self.total_seconds], [*self.log_rmse, self.final], strict=True)
        return next((seconds for seconds, value in points if value <= error), None)


Trace = Callable[[TrainingInput, Subjects], Curve]


class _ErrorLog:
    """Records validation errors with the time since its creation; usable as a callback of CatBoost."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self.seconds: list[float] = []
        self.errors: list[float] = []

    def record(self, error: float) -> None:
        self.seconds.append(self.elapsed())
        self.errors.append(error)

    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    def after_iteration(self, info: Any) -> bool:
        """Record the validation error of the newest tree; True continues the training."""
        self.record(info.metrics["validation"]["RMSE"][-1])
        return True


def compare(data_set: str, seed: int, threads: int, folder: Path) -> tuple[Curve, Curve]:
    """Train the tuned CatBoost, then our model, both with the given number of threads."""
    contenders: tuple[tuple[str, Variant, Trace], ...] = (
        ("catboost", "plain", catboost_curve),
        (OURS, "whole", our_curve),
    )
    curves = []
    for peer, variant, trace in contenders:
        training, validation, _, _ = build_inputs(
            Job(data_set, peer, variant, seed, threads), data_of(data_set), folder
        )
        curves.append(trace(training, validation))
    return curves[0], curves[1]


def catboost_curve(training: TrainingInput, validation: Subjects) -> Curve:
    """Train CatBoost and record the error after each tree."""
    log = _ErrorLog()
    return _finish(log, training, validation, fit_catboost(training, [log]))


def our_curve(training: TrainingInput, validation: Subjects) -> Curve:
    """Train our model and record the error after each epoch."""
    log = _ErrorLog()

    def record(event: EpochEvent) -> None:
        assert event.epoch.validation_loss is not None
        log.record(validation_log_rmse(training, event.epoch.validation_loss))

    with patch.object(joblib, "cpu_count", lambda: training.threads):
        return _finish(log, training, validation, fit_ours(training, [record]))


def _finish(log: _ErrorLog, training: TrainingInput, validation: Subjects, predict: Predictor) -> Curve:
    total = log.elapsed()
    final = float(np.sqrt(np.mean((predict(validation) - training.validation_log_price) ** 2)))
    return Curve(log.seconds, log.errors, total, final)


HEAD = (
    "| | threads | CatBoost, log RMSE | seconds | "
    "ours reaches it in, seconds | share | ours, log RMSE | seconds |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def line(title: str, threads: int, catboost: Curve, ours: Curve) -> str:
    """Return a row of the table."""
    reached = ours.time_to_error(catboost.final)
    reached_cells = (
        ["never", "–"] if reached is None else [f"{reached:.2f}", f"{reached / catboost.total_seconds:.2f}"]
    )
    cells = [
        *(title, str(threads), f"{catboost.final:.4f}", f"{catboost.total_seconds:.1f}"),
        *reached_cells,
        *(f"{ours.final:.4f}", f"{ours.total_seconds:.1f}"),
    ]
    return "| " + " | ".join(cells) + " |"
