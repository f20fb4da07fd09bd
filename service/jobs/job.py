"""What is known about a job: what was accepted, how far it is, and how it ended."""

import datetime as dt
from dataclasses import dataclass, field
from enum import Enum


class Status(Enum):
    """State of a job; the value is its name in answers."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What was accepted.

    Parameters
    ----------
    owner
        SHA-256 of the API key that made it; empty where no keys are required.
    version, version_folder
        Name and folder of the version that values it.
    confidence
        Of the ranges.
    with_index
        Whether the result has the factors of the price index.
    webhook
        URL to tell when it has ended; empty if there is none.
    suffix
        How the names of its table and of its result end.
    size
        Bytes of its table.
    created
        When it was accepted, in ISO form.
    """

    owner: str
    version: str
    version_folder: str
    confidence: float
    with_index: bool
    webhook: str
    suffix: str
    size: int
    created: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the process is, since it began or went on.

    Parameters
    ----------
    rows
        Homes that it has worked on.
    total
        Homes of the table, by the number of its lines.
    seconds
        Time since it began.
    """

    rows: int
    total: int
    seconds: float

    @property
    def rate(self) -> float | None:
        """Homes per second, if that is known."""
        return self.rows / self.seconds if self.rows and self.seconds > 0 else None

    @property
    def seconds_left(self) -> float | None:
        """Expected time until the end, if that is known."""
        return None if self.rate is None else max(self.total - self.rows, 0) / self.rate


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a job ended.

    Parameters
    ----------
    detail
        Why it failed; empty if it did not.
    valued, refused
        Numbers of homes with and without a value.
    faults
        What was wrong with values, by column and kind.
    finished
        When, in ISO form.
    """

    detail: str
    valued: int = 0
    refused: int = 0
    faults: tuple[str, ...] = ()
    finished: str = field(default_factory=lambda: now().isoformat(timespec="seconds"))


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A job as its files say."""

    identifier: str
    request: JobRequest
    progress: Progress | None
    outcome: Outcome | None

    @property
    def status(self) -> Status:
        """Its state."""
        if self.outcome is not None:
            return Status.FAILED if self.outcome.detail else Status.DONE
        return Status.WAITING if self.progress is None else Status.RUNNING


def now() -> dt.datetime:
    """Return the time, in UTC."""
    return dt.datetime.now(dt.UTC)
