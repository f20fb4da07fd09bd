"""One training and its predictions, kept in a cache, so that a run that was broken off goes on where it was."""

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
from benchmarks.accuracy.peers import PEERS, Variant
from benchmarks.accuracy.training_sets import Lesson, Subjects
from benchmarks.accuracy.tuning import settings_for
from estimator.market.arrays import FloatArray
from estimator.market.sales import Sales

CACHE = Path(__file__).parents[2] / ".cache" / "accuracy"


@dataclass(frozen=True, order=True)
class Job:
    """A training: which data set, which model, given what, with which seed."""

    data_set: str
    peer: str
    variant: Variant
    seed: int
    threads: int = 1

    @property
    def name(self) -> str:
        """As people and folders call it."""
        return f"{self.data_set}/{self.peer}/{self.variant}-{self.seed}-{self.threads}"

    def depends_on(self) -> dict[str, Any]:
        """Return what can change the outcome, but for our own model's source: see `--again`."""
        peer = PEERS[self.peer]
        near = {"comparables": comparables.VERSION} if self.variant == "comparables" else {}
        return {
            **asdict(self),
            "data": data_digest(self.data_set),
            "versions": peer.versions(),
            "settings": settings_for(self.data_set, self.peer, self.variant),
            **near,
        }

    def path(self, folder: Path) -> Path:
        """Return the file of its outcome."""
        key = hashlib.sha256(json.dumps(self.depends_on(), sort_keys=True).encode()).hexdigest()[:12]
        return folder / f"{self.name}-{key}.npz"


@dataclass(frozen=True)
class Outcome:
    """What a job gave.

    Parameters
    ----------
    validation, test
        Predicted log prices, shape (n,).
    train_seconds
        Processor seconds of training, which other programs on the machine disturb less than the clock; with
        comparables, of finding the training sales' as well.
    seconds_per_100k
        Of predicting 100,000 homes, their facts as the model takes them; with comparables, of finding those too.
    depended_on
        `Job.depends_on`, as it was.
    """

    validation: FloatArray
    test: FloatArray
    train_seconds: float
    seconds_per_100k: float
    depended_on: Mapping[str, Any]

    def save(self, path: Path) -> None:
        """Write it whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(".part.npz")
        np.savez(beside, **{**vars(self), "depended_on": json.dumps(self.depended_on)})
        beside.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Outcome":
        """Read it back."""
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
    """Read a data set once a process."""
    return DATA_SETS[name]()


@cache
def data_digest(name: str) -> str:
    """Return its hash, once a process."""
    return data_of(name).digest()


def run(job: Job, folder: Path) -> Outcome:
    """Train and predict, and keep the outcome; return what is kept already if it is."""
    path = job.path(folder)
    if not path.exists():
        _train(job, folder).save(path)
    return Outcome.load(path)


def _train(job: Job, folder: Path) -> Outcome:
    data = data_of(job.data_set)
    lesson, validation, test, near = build_training_set(job, data, folder)
    began = time.process_time()
    predict = PEERS[job.peer].fit(lesson)
    train_seconds = time.process_time() - began
    chosen = predict(validation)
    began = time.process_time()
    asked = predict(test)
    predict_seconds = time.process_time() - began
    if near is not None:
        train_seconds, predict_seconds = train_seconds + near.fit_seconds, predict_seconds + near.predict_seconds
    rate = predict_seconds * 100_000 / len(asked)
    return Outcome(chosen, asked, train_seconds, rate, job.depends_on())


def build_training_set(
    job: Job, data: DataSet, folder: Path
) -> tuple[Lesson, Subjects, Subjects, comparables.Nearby | None]:
    """Return what the model learns from and what it is asked: no test price is in any of it."""
    train, validation, test = data.parts.train, data.parts.validation, data.parts.test
    labels = labels_of(data.market, train.facts)
    frames = [frame(data.market, part.facts, part.date, labels) for part in (train, validation, test)]
    near = None
    if job.variant == "comparables":
        kept = folder / "comparables" / f"{data.digest()[:12]}-{comparables.VERSION}.npz"
        near = comparables.nearby(data, kept)
        facts = (near.train, near.validation, near.test)
        frames = [with_columns(homes, more, near.names) for homes, more in zip(frames, facts, strict=True)]
    lesson = Lesson(
        data.market, train, validation, frames[0], frames[1], data.size, job.seed, job.threads,
        settings_for(job.data_set, job.peer, job.variant),
    )  # fmt: skip
    return (
        lesson,
        _subjects(validation, frames[1], train),
        _subjects(test, frames[2], train.joined(validation)),
        near,
    )


def _subjects(part: Sales, homes: pd.DataFrame, sold: Sales) -> Subjects:
    return Subjects(part.facts, part.date, part.home, homes, sold)
