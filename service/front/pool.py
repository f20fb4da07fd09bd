"""The worker processes: which one answers which request, and their start, replacement and end."""

import asyncio
import logging
import time
from collections.abc import Sequence

from service.front.jobs import Job, Lane, Queue
from service.front.link import WorkerLink
from service.http.deadline import DeadlineExceeded
from service.http.problems import BUSY, NOT_READY, ProblemError

MAX_ATTEMPTS = 3
"""Workers that may end while they have the same request: by chance once or twice, not more often."""
LATE_SECONDS = 2.0
"""A worker answers 503 itself when a deadline passes. If it has not done so after this, the front does."""
HUNG_SECONDS = 60.0
"""A worker that has not stopped so long after a deadline, or has said nothing for so long, is replaced."""
RETRY_SECONDS = 1.0
"""Pause before another worker is started after one that ended before it was ready."""
STOP_SECONDS = 2.0
"""Time that workers have to end after the last answer, before they are killed."""

_log = logging.getLogger(__name__)


class WorkerPool:
    """Keeps a number of workers running, and gives each request to the one that has least to do.

    A request whose worker ends is given to another one: no request changes anything, so it can be repeated.

    Parameters
    ----------
    command
        What a worker does; see `service.front.worker`.
    workers, threads
        Number of processes, and of requests that each handles at a time.
    max_jobs
        Maximum number of requests that are in progress or wait.
    """

    def __init__(self, command: Sequence[str], *, workers: int, threads: int, max_jobs: int) -> None:
        self._command = command
        self._number = workers
        self._threads = threads
        self._max_jobs = max_jobs
        self._links: list[WorkerLink] = []
        self._ending: list[tuple[WorkerLink, float]] = []
        self._queue = Queue()
        self._generation = 0
        self._next_start = 0.0
        self._has_been_ready = False
        self._stopping = False
        self._connecting: set[asyncio.Task[None]] = set()

    def serving(self) -> list[WorkerLink]:
        """Return the workers that serve."""
        return [link for link in self._links if link.serves]

    def refusal(self) -> ProblemError | None:
        """Return why another request would not be accepted now, or None."""
        if not self._has_been_ready:
            return ProblemError(NOT_READY, "no model is loaded yet")
        if len(self._queue) + sum(len(link.jobs) for link in self._links) >= self._max_jobs:
            return ProblemError(BUSY, f"{self._max_jobs} requests are already in progress, which is the maximum")
        return None

    def submit(self, job: Job) -> None:
        """Let a worker answer a request, now or when one is free."""
        self._queue.add(job)
        self._give_out()

    def cancel(self, job: Job) -> None:
        """Stop working on a request: its client has gone."""
        job.finished = True
        job.body = b""  # a finished job can wait in the queue, or at a worker, for a long time
        for link in self._links:
            link.cancel(job)

    def reload(self) -> None:
        """Replace all workers, each one once its successor is ready."""
        _log.info("replacing all workers")
        self._generation += 1
        self.maintain()

    def maintain(self) -> None:
        """Start and end workers as needed, and answer requests that have waited too long. Call it periodically."""
        for job in self._queue.expired():
            job.fail(DeadlineExceeded())
        for link in self._links:
            self._check_deadlines(link)
        self._end_leftovers()
        if self._stopping:
            return
        staying = [link for link in self._links if not link.draining]
        outdated = [link for link in staying if link.generation < self._generation]
        if outdated and sum(link.serves for link in staying) > self._number:
            outdated[0].drain()
        elif len(staying) < self._number + bool(outdated) and time.monotonic() >= self._next_start:
            self._start_worker()

    async def stop(self) -> None:
        """End all workers."""
        self._stopping = True
        await asyncio.gather(*self._connecting)
        for link in self._links:
            link.stop()
            self._ending.append((link, time.monotonic() + STOP_SECONDS))
        while self._ending:
            self._end_leftovers()
            await asyncio.sleep(0.01)

    def _start_worker(self) -> None:
        link = WorkerLink(self._threads, self._generation, changed=self._worker_changed, freed=self._give_out)
        try:
            connection = link.start(self._command)
        except OSError as error:
            _log.error("cannot start a worker: %s", error)
            self._next_start = time.monotonic() + RETRY_SECONDS
            return
        self._links.append(link)
        task = asyncio.get_running_loop().create_task(link.connect(connection))
        self._connecting.add(task)
        task.add_done_callback(self._connecting.discard)

    def _worker_changed(self, link: WorkerLink) -> None:
        self._has_been_ready |= link.serves
        if link.has_gone and link in self._links:
            self._remove(link)
        self._give_out()
        self.maintain()

    def _remove(self, link: WorkerLink) -> None:
        self._links.remove(link)
        self._ending.append((link, time.monotonic() + STOP_SECONDS))
        if self._stopping or (link.draining and not link.jobs):
            return
        _log.error("worker %d ended with %d requests in progress", link.pid, len(link.jobs))
        if not link.readiness.ready:
            self._next_start = time.monotonic() + RETRY_SECONDS
        for job in link.jobs.values():
            if job.attempts < MAX_ATTEMPTS:
                job.lane = Lane.RETRIED
                self._queue.add(job)
            else:
                job.fail(ProblemError(NOT_READY, "the processes that worked on this request ended"))
        link.jobs.clear()

    def _give_out(self) -> None:
        """Give waiting requests to workers that can take them."""
        for lane in Lane:
            while able := [link for link in self._links if link.can_take(lane)]:
                job = self._queue.next(lane)
                if job is None:
                    break
                min(able, key=lambda link: len(link.jobs)).send(job)

    def _check_deadlines(self, link: WorkerLink) -> None:
        now = time.monotonic()
        hangs = link.silent_seconds > HUNG_SECONDS
        for job in link.jobs.values():
            if job.ends + LATE_SECONDS <= now and not job.finished:
                job.fail(DeadlineExceeded())
                link.cancel(job)
            hangs |= job.ends + HUNG_SECONDS <= now
        if hangs:
            _log.error("worker %d hangs and is ended", link.pid)
            link.kill()

    def _end_leftovers(self) -> None:
        """Collect processes that have ended, and kill those that should have."""
        for link, deadline in self._ending:
            if time.monotonic() >= deadline and link.is_running():
                link.kill()
        self._ending = [(link, deadline) for link, deadline in self._ending if link.is_running()]
