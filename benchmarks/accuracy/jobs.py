"""One training and its predictions. Results are cached, so an interrupted run continues where it stopped."""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.accuracy import comparables
from benchmarks.accuracy.datasets import DATA_SETS, DataSet
from benchmarks.accuracy.frames import frame, labels_of, with_columns
from benchmarks.accuracy.model_inputs import Subjects, TrainingInput
from benchmarks.accuracy.peers import PEERS, Variant
from benchmarks.accuracy.tuning import settings_for
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales

CACHE = Path(__file__).parents[2] / ".cache" / "accuracy"


@dataclass(frozen=True, order=True)
class Job:
    """One training: data set, model, inputs of the model, and seed."""

    data_set: str
    peer: str
    variant: Variant
    seed: int
    threads: int = 1

    @property
    def name(self) -> str:
        """Readable name, also used as the path in the cache."""
        return f"{self.data_set}/{self.peer}/{self.variant}-{self.seed}-{self.threads}"

    def depends_on(self) -> dict[str, Any]:
        """Return everything that can change the outcome, except our own source code; for that see `--again`."""
        peer = PEERS[self.peer]
        feature_version = {"comparables": comparables.VERSION} if self.variant == "comparables" else {}
        return {
            **asdict(self),
            "data": data_digest(self.data_set),
            "versions": peer.versions(),
            "settings": settings_for(self.data_set, self.peer, self.variant),
            **feature_version,
        }

    def path(self, folder: Path) -> Path:
        """Return the cache file of the outcome."""
        key = hashlib.sha256(json.dumps(self.depends_on(), sort_keys=True).encode()).hexdigest()[:12]
        return folder / f"{self.name}-{key}.npz"


@dataclass(frozen=True)
class Outcome:
    """The result of a job.

    Parameters
    ----------
    validation, test
        Predicted log prices, shape (n,).
    train_seconds
        CPU seconds of training, including the features of comparables. CPU time depends less on other programs
        than wall-clock time.
    seconds_per_100k
        CPU seconds for predicting 100,000 homes from data frames, including the features of comparables.
    depended_on
        `Job.depends_on` at the time of the training.
    """

    validation: FloatArray
    test: FloatArray
    train_seconds: float
    seconds_per_100k: float
    depended_on: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write the file atomically."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npz")
        np.savez(temporary, **{**vars(self), "depended_on": json.dumps(self.depended_on)})
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Read an outcome from its file."""
        with np.load(path) as file:
            return cls(
                file["validation"],
                file["test"],
                float(file["train_seconds"]),
                float(file["seconds_per_100k"]),
                json.loads(str(file["depended_on"])),
            )


@cache
def data_of(name: str) -> DataSet:
    """Read a data set, once per process."""
    return DATA_SETS[name]()


@cache
def data_digest(name: str) -> str:
    """Return the hash of a data set, computed once per process."""
    return data_of(name).digest()


def run(job: Job, folder: Path) -> Outcome:
    """Return the cached outcome of a job; if there is none, train, predict and cache it."""
    path = job.path(folder)
    if not path.exists():
        _train(job, folder).save(path)
    return Outcome.load(path)


def _train(job: Job, folder: Path) -> Outcome:
    data = data_of(job.data_set)
    training, validation, test, features = build_inputs(job, data, folder)
    start = time.process_time()
    predict = PEERS[job.peer].fit(training)
    train_seconds = time.process_time() - start
    validation_log_price = predict(validation)
    start = time.process_time()
    test_log_price = predict(test)
    predict_seconds = time.process_time() - start
    if features is not None:
        train_seconds += features.fit_seconds
        predict_seconds += features.predict_seconds
    rate = predict_seconds * 100_000 / len(test_log_price)
    return Outcome(validation_log_price, test_log_price, train_seconds, rate, job.depends_on())


def build_inputs(
    job: Job, data: DataSet, folder: Path
) -> tuple[TrainingInput, Subjects, Subjects, comparables.ComparableFeatures | None]:
    """Return the training input, the validation homes, the test homes and the features of comparables, if any.

    No test price is in any of them.
    """
    train, validation, test = data.parts.train, data.parts.validation, data.parts.test
    labels = labels_of(data.market, train.facts)
    frames = [frame(data.market, part.facts, part.date, labels) for part in (train, validation, test)]
    features = None
    if job.variant == "comparables":
        cached = folder / "comparables" / f"{data.digest()[:12]}-{comparables.VERSION}.npz"
        features = comparables.comparable_features(data, cached)
        columns = (features.train, features.validation, features.test)
        frames = [with_columns(homes, added, features.names) for homes, added in zip(frames, columns, strict=True)]
    training = TrainingInput(
        data.market, train, validation, frames[0], frames[1], data.size, job.seed, job.threads,
        settings_for(job.data_set, job.peer, job.variant),
    )  # fmt: skip
    return (
        training,
        _subjects(validation, frames[1], train),
        _subjects(test, frames[2], train.joined(validation)),
        features,
    )


def _subjects(part: Sales, homes: pd.DataFrame, sold: Sales) -> Subjects:
    return Subjects(part.facts, part.date, part.home, homes, sold)
