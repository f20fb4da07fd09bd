"""Searches a market's recipe with Optuna: trains with many settings and compares them on the validation sales.

The training set is built once. Each trial trains some networks on it with settings that Optuna proposes
(Tree-structured Parzen Estimator: Watanabe 2023, arXiv 2304.11127), and is scored by the error to expect of as
many networks as are served; the test sales are not used. No trial is stopped early: the learning rate falls to
zero, so half a training says little about the whole. The study is saved after every trial and can be resumed.
"""

import fcntl
import math
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from estimator.cluster import on_workers, trains_on_cluster
from estimator.errors import DataError, EstimatorError
from estimator.market.sales import Split
from estimator.model.ensemble import expected_log_rmse, train_ensemble
from estimator.model.recipe import DEFAULTS, Settings, write_settings
from estimator.model.trials import LOG_RMSE, write_trials
from estimator.network import NonFiniteLossError
from estimator.trial_setup import TrialSetup, prepare_trials, settings_not_tried

SEARCHED: Mapping[str, tuple[int, int] | tuple[float, float]] = {
    "depth": (1, 5),
    "width": (32, 256),
    "members": (2, 16),
    "learning_rate": (2e-4, 1e-2),
    "weight_decay": (1e-4, 1e-1),
}
"""Searched settings and their bounds; each is searched on a logarithmic scale. The largest network takes about ten
times as long as the default one to train and to value homes, which no gain in accuracy was worth."""

Progress = Callable[[int, float], None]
"""Called at the start and after each trial with the number of finished trials and the lowest validation log
RMSE."""


_DEFAULT_SETTINGS: Settings = {name: getattr(DEFAULTS, name) for name in SEARCHED}


@dataclass(frozen=True)
class TuningResult:
    """The result of a search.

    Parameters
    ----------
    settings
        The best settings tried.
    log_rmse, default_log_rmse
        Log RMSE to expect on the validation sales with these settings, and with the defaults, of as many networks
        as are served.
    """

    settings: Settings
    log_rmse: float
    default_log_rmse: float


def tune_market(
    market_path: Path,
    split: Split | None,
    seed: int,
    trials: int,
    jobs: int,
    studies: Path,
    progress: Progress,
) -> tuple[Path, TuningResult]:
    """Search for the settings with the lowest error on a market's validation sales and write its `recipe.toml`.

    Settings in that file that are not searched apply to every trial and are kept.

    Parameters
    ----------
    market_path, split, seed
        As for `train_market`, whose networks are trained on the same training set.
    trials
        Total number of trials, including those of earlier calls on the same sales; the first uses the defaults.
    jobs
        Number of trials run in parallel, each in its own process. With one, the same seed gives the same trials.
        On a cluster (`trainings_on`) as many run as its workers have threads.
    studies
        Folder for the files of the studies.
    progress
        See `Progress`.

    Returns
    -------
    Path
        The recipe's file.
    TuningResult
        Its new settings and their errors.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used, Optuna is missing, another search of the
        market is running, every trial diverged, or a file cannot be written.
    """
    optuna = _import_optuna()
    data, setup = prepare_trials(market_path, split, seed, SEARCHED)
    kept = settings_not_tried(data.folder, SEARCHED)
    with _search_lock(studies, data.market.name) as file, _storage_errors(file):
        name = joblib.hash((setup.training_set, setup.recipe, setup.n_served, seed, dict(SEARCHED)))
        study = _Study(optuna, file, name)
        _search(study, setup, seed, trials, jobs, progress)
        result, finished = study.best(), study.finished_trials()
    count = len(data.parts.validation)
    remarks = (
        "Settings of the networks for this market, read by train. Settings not listed have the defaults of\n"
        "estimator/model/recipe.py.\n"
        f"The best of {study.done} trials on {count:,} validation sales (split {data.split}, seed {seed}).\n"
        f"Expected log RMSE of {setup.n_served} networks: {result.log_rmse:.4f}; "
        f"with the defaults: {result.default_log_rmse:.4f}."
    )
    write_trials(data.folder, finished)
    return write_settings(data.folder, kept | result.settings, remarks), result


def _import_optuna() -> Any:
    """Import Optuna, an optional dependency."""
    try:
        import optuna  # noqa: PLC0415
    except ImportError as error:
        raise EstimatorError(
            "tune needs Optuna, which is not installed: run `pip install 'house-price-estimator[tune]'`, or in the"
            " project's repository `make tune` or `pip install -r requirements-tune.lock`"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


@contextmanager
def _search_lock(studies: Path, market: str) -> Iterator[Path]:
    """Allow one process at a time to tune a market; yield the file of its studies."""
    try:
        studies.mkdir(parents=True, exist_ok=True)
        lock = (studies / f"{market}.lock").open("w")
    except OSError as error:
        raise DataError(f"{studies}: {error}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # released when the process ends, however it ends
        except BlockingIOError as error:
            raise EstimatorError(f"{market} is being tuned by another process ({lock.name} is locked)") from error
        yield studies / f"{market}.sqlite3"


@contextmanager
def _storage_errors(file: Path) -> Iterator[None]:
    """Raise a DataError if a study's file cannot be read or written."""
    from optuna.exceptions import StorageInternalError  # noqa: PLC0415
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        raise DataError(f"{file}: the study cannot be stored here: {str(error).splitlines()[0]}") from error


class _Study:
    """The settings tried so far and their errors, in a file.

    Parameters
    ----------
    optuna
        The module.
    file
        SQLite file, created if missing: its transactions survive a kill.
    name
        Name of the study in it, new or to be resumed.
    """

    def __init__(self, optuna: Any, file: Path, name: str) -> None:
        self._optuna = optuna
        self._states = optuna.trial.TrialState
        self._study = optuna.create_study(storage=f"sqlite:///{file}", study_name=name, load_if_exists=True)
        for trial in self._trials(self._states.RUNNING):  # left unfinished by a kill
            self._study.tell(trial.number, state=self._states.FAIL)
        if not self._trials(self._states.WAITING) and all(
            trial.params != _DEFAULT_SETTINGS for trial in self._trials(self._states.COMPLETE)
        ):
            self._study.enqueue_trial(_DEFAULT_SETTINGS)

    @property
    def done(self) -> int:
        """Number of finished trials."""
        return len(self._trials(self._states.COMPLETE))

    def remaining(self, trials: int) -> int:
        """Return how many of the requested trials remain; the trial of the defaults always runs."""
        return max(trials - self.done, len(self._trials(self._states.WAITING)))

    @property
    def log_rmse(self) -> float:
        """Lowest log RMSE; inf before the first trial."""
        return min((trial.value for trial in self._trials(self._states.COMPLETE)), default=math.inf)

    def propose(self, seed: int) -> tuple[int, Settings]:
        """Return the number and the settings of a new trial."""
        # Seeded per proposal and not per study, so that the proposals do not depend on where a search was stopped.
        n_before = len(self._trials(self._states.COMPLETE, self._states.RUNNING))
        state = np.random.SeedSequence((seed, n_before)).generate_state(1)
        self._study.sampler = self._optuna.samplers.TPESampler(seed=int(state[0]))
        trial = self._study.ask()
        return trial.number, _suggest_settings(trial)

    def record(self, number: int, log_rmse: float) -> None:
        """Save the result of a trial."""
        self._study.tell(number, log_rmse)

    def best(self) -> TuningResult:
        """Return the best settings; of several equally good ones, the earliest."""
        trials = self._trials(self._states.COMPLETE)
        best = min(trials, key=lambda trial: (trial.value, trial.number))
        if not math.isfinite(best.value):
            raise DataError("no settings could be trained on these sales: the loss diverged in every trial")
        default = next(trial.value for trial in trials if trial.params == _DEFAULT_SETTINGS)
        return TuningResult(self._settings(best), float(best.value), float(default))

    def finished_trials(self) -> list[Settings]:
        """Return the settings and the log RMSE of each finished trial, as `write_trials` takes them."""
        return [
            {**self._settings(trial), LOG_RMSE: float(trial.value)}
            for trial in self._trials(self._states.COMPLETE)
        ]

    def _settings(self, trial: Any) -> Settings:
        return _suggest_settings(self._optuna.trial.FixedTrial(trial.params))

    def _trials(self, *states: Any) -> list[Any]:
        return list(self._study.get_trials(deepcopy=False, states=states))


def _search(study: _Study, setup: TrialSetup, seed: int, trials: int, jobs: int, progress: Progress) -> None:
    """Run trials in parallel until the total number of trials is reached."""
    progress(study.done, study.log_rmse)
    proposals = (study.propose(seed) for _ in range(study.remaining(trials)))
    for number, log_rmse in _run_trials(setup, proposals, jobs):
        study.record(number, log_rmse)
        progress(study.done, study.log_rmse)


def _run_trials(
    setup: TrialSetup, proposals: Iterator[tuple[int, Settings]], jobs: int
) -> Generator[tuple[int, float], None, None]:
    """Yield the number and the log RMSE of each proposed trial as it is done."""
    if trains_on_cluster():
        return on_workers(_run_trial, setup, proposals, in_order=False)
    # Batches of one, and no more than there are processes: a later proposal can use more results.
    parallel = joblib.Parallel(
        jobs, backend="loky", return_as="generator_unordered", batch_size=1, pre_dispatch=jobs
    )
    results: Generator[tuple[int, float], None, None] = parallel(
        joblib.delayed(_run_trial)(setup, *proposal) for proposal in proposals
    )
    return results


def _suggest_settings(trial: Any) -> Settings:
    """Let an Optuna trial choose the searched settings, rounded to three digits for readable recipes."""
    settings: Settings = {}
    for name, (low, high) in SEARCHED.items():
        if isinstance(low, int):
            settings[name] = trial.suggest_int(name, low, high, log=True)
        else:
            settings[name] = float(f"{trial.suggest_float(name, low, high, log=True):.3g}")
    return settings


def _run_trial(setup: TrialSetup, number: int, settings: Settings) -> tuple[int, float]:
    """Return the trial's number and the validation log RMSE with its settings; inf if the training diverges."""
    with threadpool_limits(1, user_api="blas"):
        try:
            ensemble = train_ensemble(setup.training_set, replace(setup.recipe, **settings), deepcopy(setup.rng))
        except NonFiniteLossError:
            return number, math.inf
        return number, expected_log_rmse(setup.training_set, ensemble, setup.n_served)
