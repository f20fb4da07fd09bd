"""Requests that wait for a worker or are being answered by one."""

import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.front.messages import Answer
from service.http.problems import ProblemError

LARGE_BODY_BYTES = 4096
"""Bodies above this are taken for lists or tables, as compressed ones are. A home with all facts has 500 bytes."""

_numbers = itertools.count(1)


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
    attempts: int = 0
    finished: bool = False

    @property
    def is_large(self) -> bool:
        """Whether it may keep a core busy for long."""
        return len(self.body) > LARGE_BODY_BYTES or "HTTP_CONTENT_ENCODING" in self.environ

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
    """Jobs in the order in which they came; small ones overtake large ones that must wait."""

    def __init__(self) -> None:
        self._small: deque[Job] = deque()
        self._large: deque[Job] = deque()

    def __len__(self) -> int:
        return len(self._small) + len(self._large)

    def add(self, job: Job) -> None:
        """Add a job at the end."""
        (self._large if job.is_large else self._small).append(job)

    def put_back(self, job: Job) -> None:
        """Add a job at the front, because its worker has gone."""
        (self._large if job.is_large else self._small).appendleft(job)

    def next_large(self) -> Job | None:
        """Take the oldest large job."""
        return _next(self._large)

    def next_small(self) -> Job | None:
        """Take the oldest small job."""
        return _next(self._small)

    def expired(self) -> list[Job]:
        """Remove and return the jobs whose deadline has passed, and those that are finished."""
        now = time.monotonic()
        expired: list[Job] = []
        for jobs in (self._small, self._large):
            over = [job for job in jobs if job.finished or job.ends <= now]
            for job in over:
                jobs.remove(job)
            expired += over
        return expired


def _next(jobs: deque[Job]) -> Job | None:
    while jobs:
        job = jobs.popleft()
        if not job.finished:
            return job
    return None
