"""The search for a market's recipe: trainings side by side, judged by the validation sales, kept in its folder.

What networks learn from is made once. Each trial trains some networks on it by other settings, which Optuna
proposes (Tree-structured Parzen Estimator: Watanabe 2023, arXiv 2304.11127), and is judged by what as many as are
served would be off by; the test sales are not looked at. Nothing is given up half-way: the learning rate falls to
nothing, so that half a training says little of the whole. The study is kept in a file after every trial, and goes
on from there.
"""

import fcntl
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from estimator.appraiser import completed
from estimator.errors import DataError, EstimatorError
from estimator.market.areas import AreaLookup
from estimator.market.sales import Split
from estimator.model.ensemble import log_rmse_of_more, train_ensemble
from estimator.model.recipe import (
    DEFAULTS,
    LOG_RMSE,
    Recipe,
    Settings,
    read_settings,
    write_settings,
    write_trials,
)
from estimator.model.training_set import TrainingSet, build_training_set
from estimator.network import NonFiniteLossError
from estimator.training import Divided, read_divided

SEARCHED: Mapping[str, tuple[int, int] | tuple[float, float]] = {
    "depth": (1, 5),
    "width": (32, 256),
    "members": (2, 16),
    "learning_rate": (2e-4, 1e-2),
    "weight_decay": (1e-4, 1e-1),
}
"""Settings that are searched, between which values, each by its logarithm. The greatest network of them takes some
ten times as long to train as the default one, and to value homes: more is not worth its wait."""

TRIED = 4
"""Networks of a trial, at most. Judged by a single network, slow and narrow ones won in Ames (a learning rate of
.0003, 82 neurons wide): one of them was .8 % less off than one by the defaults, but they err alike, and eight of
them were .9 % further off than eight by the defaults. From two of those eight, what all are off by was told within
.6 %; from four, within .4."""

Progress = Callable[[int, float], None]
"""Told after each trial, and at the start, how many are done and the lowest validation log RMSE."""


_DEFAULT_SETTINGS: Settings = {name: getattr(DEFAULTS, name) for name in SEARCHED}


@dataclass(frozen=True)
class Found:
    """What a search found.

    Parameters
    ----------
    settings
        The best that were tried.
    log_rmse, default_log_rmse
        To be expected on the validation sales of networks by them, and by the defaults: of as many as are served.
    """

    settings: Settings
    log_rmse: float
    default_log_rmse: float


@dataclass(frozen=True)
class _Task:
    """What every trial has in common.

    Parameters
    ----------
    lessons
        What is learned from.
    recipe
        What is not searched, with as many networks as a trial is of.
    served
        How many networks a training by the recipe found has.
    rng
        As a training's is when its networks' turn has come: each trial starts from the same.
    """

    lessons: TrainingSet
    recipe: Recipe
    served: int
    rng: np.random.Generator


def tune_market(
    market_path: Path,
    split: Split | None,
    seed: int,
    trials: int,
    jobs: int,
    studies: Path,
    progress: Progress,
) -> tuple[Path, Found]:
    """Search for the settings that value a market's validation sales best, and write them to its `recipe.toml`.

    The settings in that file that are not searched hold for every trial, and stay.

    Parameters
    ----------
    market_path, split, seed
        As for `train_market`, whose networks learn from the same.
    trials
        In all, those of an earlier call on the same sales counted; the first is of the defaults.
    jobs
        Trials side by side, each in a process of its own. With one, the same seed leads to the same trials.
    studies
        Folder of the files in which studies are kept.

    Returns
    -------
    Path
        The recipe's file.
    Found
        What is new in it.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used, Optuna is missing, another search of the
        market is going on, no trial could learn, or a file cannot be written.
    """
    optuna = _optuna()
    divided, task = _prepare(market_path, split, seed)
    kept = _not_searched(divided.folder)
    with _only_search(studies, divided.market.name) as file, _told_of(file):
        study = _Study(optuna, file, joblib.hash((task.lessons, task.recipe, task.served, seed, dict(SEARCHED))))
        _search(study, task, seed, trials, jobs, progress)
        found, tried = study.best(), study.tried()
    count = len(divided.parts.validation)
    remarks = (
        "Settings of the networks that value homes here; train reads them. Left out: as in estimator/recipe.py.\n"
        f"The best of {study.done} trials on {count:,} validation sales (split {divided.split}, seed {seed}).\n"
        f"To be expected of {task.served} networks: "
        f"log RMSE {found.log_rmse:.4f}, by the defaults {found.default_log_rmse:.4f}."
    )
    write_trials(divided.folder, tried)
    return write_settings(divided.folder, kept | found.settings, remarks), found


def _optuna() -> Any:
    """Import Optuna, which is not among what everyone installs."""
    try:
        import optuna  # noqa: PLC0415
    except ImportError as error:
        raise EstimatorError(
            "tune needs Optuna, which is not installed: `make tune` installs it, and so does "
            "`pip install -r requirements-tune.lock`"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _not_searched(folder: Path) -> Settings:
    """Return the settings that a market's recipe declares and that are not searched."""
    return {name: value for name, value in read_settings(folder).items() if name not in SEARCHED}


def _prepare(market_path: Path, split: Split | None, seed: int) -> tuple[Divided, _Task]:
    """Read and divide the sales, and make the lessons, as a training with the same seed does."""
    rng = np.random.default_rng(seed)
    divided = read_divided(market_path, None, split, rng)
    served = replace(DEFAULTS, **_not_searched(divided.folder))
    recipe = replace(served, networks=min(TRIED, served.networks))
    lookup = AreaLookup(divided.market, divided.areas, divided.parts.train.facts)
    train, validation = (completed(lookup, part) for part in (divided.parts.train, divided.parts.validation))
    with threadpool_limits(1, user_api="blas"):
        _, lessons = build_training_set(divided.market, train, validation, recipe.withheld_share, rng)
    return divided, _Task(lessons, recipe, served.networks, rng)


@contextmanager
def _only_search(studies: Path, market: str) -> Iterator[Path]:
    """Let one process search a market's settings at a time; give the file that its studies are kept in."""
    try:
        studies.mkdir(parents=True, exist_ok=True)
        lock = (studies / f"{market}.lock").open("w")
    except OSError as error:
        raise DataError(f"{studies}: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # let go of when the process ends, however it ends
        except BlockingIOError as error:
            raise EstimatorError(f"{market} is being tuned by another process ({lock.name} is locked)") from error
        yield studies / f"{market}.sqlite3"


@contextmanager
def _told_of(file: Path) -> Iterator[None]:
    """Tell of a study's file that cannot be read or written as of any other file."""
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise DataError(f"{file}: the study cannot be kept here: {str(error).splitlines()[0]}") from error


class _Study:
    """Settings tried and how well they did, in a file.

    Parameters
    ----------
    optuna
        The module.
    file
        SQLite's, made if it is not there: its transactions outlive a kill.
    name
        Of the study in it, new or begun before.
    """

    def __init__(self, optuna: Any, file: Path, name: str) -> None:
        self._optuna = optuna
        self._states = optuna.trial.TrialState
        self._study = optuna.create_study(storage=f"sqlite:///{file}", study_name=name, load_if_exists=True)
        for trial in self._trials(self._states.RUNNING):  # a kill left it half done
            self._study.tell(trial.number, state=self._states.FAIL)
        if not self._trials(self._states.WAITING) and all(
            trial.params != _DEFAULT_SETTINGS for trial in self._trials(self._states.COMPLETE)
        ):
            self._study.enqueue_trial(_DEFAULT_SETTINGS)

    @property
    def done(self) -> int:
        """How many trials are done."""
        return len(self._trials(self._states.COMPLETE))

    def left(self, trials: int) -> int:
        """Return how many are left of so many trials; that of the defaults is never spared."""
        return max(trials - self.done, len(self._trials(self._states.WAITING)))

    @property
    def log_rmse(self) -> float:
        """The lowest; inf before the first trial."""
        return min((trial.value for trial in self._trials(self._states.COMPLETE)), default=math.inf)

    def ask(self, seed: int) -> tuple[int, Settings]:
        """Return a new trial's number, and what to try."""
        # A seed for each asking, not for the study: where a search was stopped does not change what is proposed.
        before = len(self._trials(self._states.COMPLETE, self._states.RUNNING))
        state = np.random.SeedSequence((seed, before)).generate_state(1)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=int(state[0]))
        trial = self._study.ask()
        return trial.number, _drawn(trial)

    def tell(self, number: int, log_rmse: float) -> None:
        """Keep a trial's outcome."""
        self._study.tell(number, log_rmse)

    def best(self) -> Found:
        """Return the best settings; the earliest of equals."""
        trials = self._trials(self._states.COMPLETE)
        best = min(trials, key=lambda trial: (trial.value, trial.number))
        if not math.isfinite(best.value):
            raise DataError("no trial could learn from these sales: every loss became infinite")
        default = next(trial.value for trial in trials if trial.params == _DEFAULT_SETTINGS)
        return Found(_drawn(self._optuna.trial.FixedTrial(best.params)), float(best.value), float(default))

    def tried(self) -> list[Settings]:
        """Return the settings that were tried, each with what came of them, as `write_trials` takes them."""
        return [
            {**_drawn(self._optuna.trial.FixedTrial(trial.params)), LOG_RMSE: float(trial.value)}
            for trial in self._trials(self._states.COMPLETE)
        ]

    def _trials(self, *states: Any) -> list[Any]:
        return list(self._study.get_trials(deepcopy=False, states=states))


def _search(study: _Study, task: _Task, seed: int, trials: int, jobs: int, progress: Progress) -> None:
    """Try settings, so many side by side, until so many trials are done."""
    progress(study.done, study.log_rmse)
    # One to a batch and no more than there are processes: what is asked late is asked with more known.
    parallel = joblib.Parallel(
        jobs, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch=jobs
    )
    asked = (study.ask(seed) for _ in range(study.left(trials)))
    for number, log_rmse in parallel(joblib.delayed(_try)(task, *trial) for trial in asked):
        study.tell(number, log_rmse)
        progress(study.done, study.log_rmse)


def _drawn(trial: Any) -> Settings:
    """Draw the searched settings by Optuna's trial, to three digits: all that a person wants to read."""
    settings: Settings = {}
    for name, (least, greatest) in SEARCHED.items():
        if isinstance(least, int):
            settings[name] = trial.suggest_int(name, least, greatest, log=True)
        else:
            settings[name] = float(f"{trial.suggest_float(name, least, greatest, log=True):.3g}")
    return settings


def _try(task: _Task, number: int, settings: Settings) -> tuple[int, float]:
    """Return the trial's number and the validation log RMSE by its settings; inf if they cannot be learned by."""
    with threadpool_limits(1, user_api="blas"):
        try:
            learned = train_ensemble(task.lessons, replace(task.recipe, **settings), deepcopy(task.rng))
        except NonFiniteLossError:
            return number, math.inf
        return number, log_rmse_of_more(task.lessons, learned, task.served)
