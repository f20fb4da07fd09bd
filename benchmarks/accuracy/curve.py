"""Validation error against seconds of training: when our model is as good as CatBoost is in the end.

Seconds are the clock's, so that threads count: to be run on a machine that does nothing else.
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
from benchmarks.accuracy.jobs import Job, build_training_set, data_of
from benchmarks.accuracy.ours import fit_ours, validation_log_rmse
from benchmarks.accuracy.peers import OURS, Variant
from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.model.ensemble import Moment


@dataclass(frozen=True)
class Curve:
    """A training as it went.

    Parameters
    ----------
    seconds, log_rmse
        After each tree or epoch: time since the start of the fit, and the validation error then.
    total_seconds
        Of the whole fit.
    final
        Validation log RMSE of the finished model.
    """

    seconds: list[float]
    log_rmse: list[float]
    total_seconds: float
    final: float

    def passes(self, error: float) -> float | None:
        """Return the seconds after which the validation error is at most this; None if it never is."""
        moments = zip([*self.seconds, self.total_seconds], [*self.log_rmse, self.final], strict=True)
        return next((seconds for seconds, reached in moments if reached <= error), None)


Trace = Callable[[Lesson, Subjects], Curve]


class _Stopwatch:
    """Notes errors with the time since it was made; a callback of CatBoost's kind."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self.seconds: list[float] = []
        self.errors: list[float] = []

    def note(self, error: float) -> None:
        self.seconds.append(self.elapsed())
        self.errors.append(error)

    def elapsed(self) -> float:
        return time.perf_counter() - self._began

    def after_iteration(self, info: Any) -> bool:
        """Take the validation error of the newest tree; True: go on."""
        self.note(info.metrics["validation"]["RMSE"][-1])
        return True


def compare(data_set: str, seed: int, threads: int, folder: Path) -> tuple[Curve, Curve]:
    """Train CatBoost as it was tuned, then our model, each on so many threads."""
    contenders: tuple[tuple[str, Variant, Trace], ...] = (
        ("catboost", "plain", catboost_curve),
        (OURS, "whole", our_curve),
    )
    curves = []
    for peer, variant, trace in contenders:
        lesson, validation, _, _ = build_training_set(
            Job(data_set, peer, variant, seed, threads), data_of(data_set), folder
        )
        curves.append(trace(lesson, validation))
    return curves[0], curves[1]


def catboost_curve(lesson: Lesson, validation: Subjects) -> Curve:
    """Train CatBoost, with the error after each tree."""
    watch = _Stopwatch()
    return _finish(watch, lesson, validation, fit_catboost(lesson, [watch]))


def our_curve(lesson: Lesson, validation: Subjects) -> Curve:
    """Train our model, with the error after each epoch."""
    watch = _Stopwatch()

    def note(moment: Moment) -> None:
        assert moment.epoch.validation_loss is not None
        watch.note(validation_log_rmse(lesson, moment.epoch.validation_loss))

    with patch.object(joblib, "cpu_count", lambda: lesson.threads):
        return _finish(watch, lesson, validation, fit_ours(lesson, [note]))


def _finish(watch: _Stopwatch, lesson: Lesson, validation: Subjects, predict: Predictor) -> Curve:
    total = watch.elapsed()
    final = float(np.sqrt(np.mean((predict(validation) - lesson.validation_log_price) ** 2)))
    return Curve(watch.seconds, watch.errors, total, final)


HEAD = (
    "| | threads | CatBoost, log RMSE | seconds | ours as good, seconds | share | ours, log RMSE | seconds |\n"
    "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
)


def line(title: str, threads: int, theirs: Curve, ours: Curve) -> str:
    """Return a line of the table."""
    passed = ours.passes(theirs.final)
    when = ["never", "–"] if passed is None else [f"{passed:.2f}", f"{passed / theirs.total_seconds:.2f}"]
    cells = [
        *(title, str(threads), f"{theirs.final:.4f}", f"{theirs.total_seconds:.1f}"),
        *when,
        *(f"{ours.final:.4f}", f"{ours.total_seconds:.1f}"),
    ]
    return "| " + " | ".join(cells) + " |"
