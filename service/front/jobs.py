"""Requests that wait for a worker or are being answered by one."""

import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from service.front.messages import Answer
from service.http.problems import ProblemError

LARGE_BODY_BYTES = 4096
"""Bodies above this are taken for lists or tables, as compressed ones are. A home with all facts has 500 bytes."""

_numbers = itertools.count(1)


class Lane(Enum):
    """Kinds of requests that wait in lines of their own, in the order in which they get a worker.

    The value is the number that a worker handles at a time, if it is less than its number of threads.
    """

    RETRIED = 1
    """A worker ended while it had them. One at a time, so that one that ends workers takes no other with it."""
    SMALL = None
    """They are answered at once, also while large ones are computed."""
    LARGE = 4
    """They keep a core busy: more at a time would take memory, but not be faster."""


@dataclass(eq=False, slots=True)
class Job:
    """A whole request; `attempts` counts the workers that got it.

    Parameters
    ----------
    environ
        Its WSGI environ, without objects.
    ends
        Time of `time.monotonic()` at which it must have been answered.
    answered, failed
        Called once, one of them.
    """

    environ: dict[str, Any]
    body: bytes
    ends: float
    answered: Callable[[Answer], None]
    failed: Callable[[ProblemError], None]
    number: int = field(default_factory=lambda: next(_numbers))
    lane: Lane = field(init=False)
    attempts: int = 0
    finished: bool = False

    def __post_init__(self) -> None:
        large = len(self.body) > LARGE_BODY_BYTES or "HTTP_CONTENT_ENCODING" in self.environ
        self.lane = Lane.LARGE if large else Lane.SMALL

    def answer(self, answer: Answer) -> None:
        """Pass on the answer, if nobody was faster."""
        if not self.finished:
            self.finished = True
            self.answered(answer)

    def fail(self, problem: ProblemError) -> None:
        """Pass on a problem instead of an answer, if nobody was faster."""
        if not self.finished:
            self.finished = True
            self.failed(problem)


class Queue:
    """Waiting jobs, by lane, in the order in which they came."""

    def __init__(self) -> None:
        self._jobs: dict[Lane, deque[Job]] = {lane: deque() for lane in Lane}

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def add(self, job: Job) -> None:
        """Add a job at the end of its lane."""
        self._jobs[job.lane].append(job)

    def next(self, lane: Lane) -> Job | None:
        """Take the oldest job of a lane that is not finished."""
        jobs = self._jobs[lane]
        while jobs:
            job = jobs.popleft()
            if not job.finished:
                return job
        return None

    def expired(self) -> list[Job]:
        """Remove and return the jobs whose deadline has passed."""
        now = time.monotonic()
        expired = [job for jobs in self._jobs.values() for job in jobs if job.ends <= now and not job.finished]
        if expired:
            for lane, jobs in self._jobs.items():
                self._jobs[lane] = deque(job for job in jobs if job.ends > now and not job.finished)
        return expired
