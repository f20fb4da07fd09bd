"""Predictions of one model on the test sales of one trial, cached, so that an interrupted run continues.

A frozen model is trained once, on the training sales. A walking model is refitted at the start of each calendar
month on all sales before it, and values the sales of that month.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd

from benchmarks.accuracy import peers
from benchmarks.accuracy.frames import DATE
from benchmarks.accuracy.walk import ours
from benchmarks.accuracy.walk.boosters import (
    BOOSTERS,
    CHOICE_SHARE,
    LEARNING_RATE,
    MAX_TREES,
    MIN_TREES,
    PATIENCE,
    THREADS,
    n_before_choice,
)
from benchmarks.accuracy.walk.trials import Trial
from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales

Way = Literal["frozen", "walk"]
Time = Literal["day", "index"]
"""What a booster knows of time: the day of sale is a fact, or its prices are adjusted by our price index."""

IndexAt = Callable[[Sales], FloatArray]
"""Returns what the price index adds to the log prices of n homes on their days, shape (n,)."""
FitIndex = Callable[[Trial, Sales], IndexAt]
"""Estimates a price index from sales."""

Ranges = tuple[FloatArray, FloatArray, FloatArray]
"""Log prices of n homes and the bounds of their 90% ranges; see `Predictions`."""
Value = Callable[[Sales], Ranges]
"""Values n homes on the days of their sales. It must not use their prices."""
Fit = Callable[[Sales], Value]
"""Trains on sales."""

VERSION = 1
"""Version of the peers' predictions. Raise it when this package changes them."""


@dataclass(frozen=True)
class Predictions:
    """Log prices predicted for n test sales.

    Parameters
    ----------
    log_price
        Shape (n,); NaN where the model refuses the home.
    low, high
        Bounds of the 90% ranges, log price, shape (n,); NaN where the model gives none.
    trees
        Number of trees; 0 for our model.
    seconds
        CPU seconds of all trainings and predictions.
    """

    log_price: FloatArray
    low: FloatArray
    high: FloatArray
    trees: int
    seconds: float

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, **vars(self))
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Read predictions from their file."""
        with np.load(path) as file:
            return cls(file["log_price"], file["low"], file["high"], int(file["trees"]), float(file["seconds"]))


@dataclass(frozen=True)
class Model:
    """A row of the report: our model (`peers.OURS`) or one of `BOOSTERS`, and what a booster knows of time."""

    name: str
    time: Time = "day"

    @property
    def title(self) -> str:
        """Name in the report."""
        if self.name == peers.OURS:
            return peers.PEERS[peers.OURS].title
        return BOOSTERS[self.name].title + (", prices adjusted by our index" if self.time == "index" else "")

    def depends_on(self) -> dict[str, Any]:
        """Return what can change the predictions, except our own source code; for that see `--again`."""
        if self.name == peers.OURS:
            return {**asdict(self), "versions": peers.PEERS[peers.OURS].versions()}
        package = BOOSTERS[self.name].package
        return {
            **asdict(self),
            "version": VERSION,
            "settings": [LEARNING_RATE, MAX_TREES, PATIENCE, MIN_TREES, CHOICE_SHARE, THREADS],
            "versions": {package: peers.version(package)},
        }


def cache_path(trial: Trial, model: Model, way: Way, folder: Path) -> Path:
    """Return the file of a model's predictions."""
    depended_on = {**model.depends_on(), "sales": trial.digest, "seed": trial.seed}
    key = hashlib.sha256(json.dumps(depended_on, sort_keys=True).encode()).hexdigest()[:12]
    return folder / "walk" / trial.name / f"{model.name}-{model.time}-{way}-{trial.seed}-{key}.npz"


def predictions(trial: Trial, model: Model, way: Way, folder: Path, fit_index: FitIndex | None) -> Predictions:
    """Return a model's predictions, from the cache if they are there.

    Parameters
    ----------
    folder
        Folder of the cache.
    fit_index
        Estimates the price index of the boosters whose prices are adjusted by it; the others need none.
    """
    path = cache_path(trial, model, way, folder)
    if not path.exists():
        if model.name == peers.OURS:
            start, trees, fit = time.process_time(), 0, _fit_ours(trial)
        else:
            chosen = None if way == "frozen" else predictions(trial, model, "frozen", folder, fit_index).trees
            start = time.process_time()
            trees, fit = _booster(trial, model, chosen, fit_index)
        valued = _frozen(trial, fit) if way == "frozen" else _walk(trial, fit)
        Predictions(*valued, trees, time.process_time() - start).save(path)
    return Predictions.load(path)


def forget(market: str, again: str, folder: Path) -> None:
    """Delete a model's cached predictions of a market; `index` means all boosters that are given our index."""
    patterns = ["*-index-*"] if again == "index" else [f"{again}-{time}-*" for time in get_args(Time)]
    for path in (path for pattern in patterns for path in (folder / "walk" / market).glob(pattern)):
        path.unlink()


def _frozen(trial: Trial, fit: Fit) -> Ranges:
    return fit(trial.train)(trial.test)


def _walk(trial: Trial, fit: Fit) -> Ranges:
    n = len(trial.test)
    log_price, low, high = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    for _, earlier, rows in trial.months():
        log_price[rows], low[rows], high[rows] = fit(earlier)(trial.test.take(rows))
    return log_price, low, high


def _fit_ours(trial: Trial) -> Fit:
    """Train our model once, for both ways; later sales refresh it."""
    current, n_known = _trained(trial), len(trial.train)
    rng = np.random.default_rng(trial.seed)

    def fit(sales: Sales) -> Value:
        nonlocal current, n_known
        if len(sales) > n_known:
            current = ours.refresh(current, sales.take(np.arange(n_known, len(sales))), rng)
            n_known = len(sales)

        def value(subjects: Sales) -> Ranges:
            values = current.value(subjects.facts, subjects.date, earlier_sales_only=True)
            return np.log(values.price), np.log(values.low), np.log(values.high)

        return value

    return fit


@cache
def _trained(trial: Trial) -> Appraiser:
    return ours.fit(trial)


def _booster(trial: Trial, model: Model, trees: int | None, fit_index: FitIndex | None) -> tuple[int, Fit]:
    """Return the number of trees, chosen on the training sales unless given, and the function that trains."""
    booster = BOOSTERS[model.name]

    def prepare(sales: Sales) -> tuple[pd.DataFrame, FloatArray, IndexAt]:
        index_at = _no_index if fit_index is None or model.time == "day" else fit_index(trial, sales)
        return _inputs(trial, model, sales), np.log(sales.price) - index_at(sales), index_at

    if trees is None:
        homes, log_price, _ = prepare(trial.train)
        trees = booster.choose_trees(homes, log_price, n_before_choice(len(homes)), trial.seed)
    n_trees = trees

    def fit(sales: Sales) -> Value:
        homes, log_price, index_at = prepare(sales)
        predict = booster.fit(homes, log_price, n_trees, trial.seed)

        def value(subjects: Sales) -> Ranges:
            none = np.full(len(subjects), np.nan)
            return predict(_inputs(trial, model, subjects)) + index_at(subjects), none, none

        return value

    return n_trees, fit


def _inputs(trial: Trial, model: Model, sales: Sales) -> pd.DataFrame:
    """Return the facts that a booster is given; the day is not among them if its prices are adjusted for time."""
    homes = trial.table(sales)
    return homes.drop(columns=DATE) if model.time == "index" else homes


def _no_index(sales: Sales) -> FloatArray:
    return np.zeros(len(sales))
