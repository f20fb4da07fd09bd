"""Sees that one job at a time is worked on, the oldest first, and removes jobs that have expired.

It runs on a thread of the front, which computes nothing itself, and knows only what the folder says: after a
restart it goes on with what it finds.
"""

import logging
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from service import metrics
from service.jobs.job import Outcome, Status, StoredJob
from service.jobs.store import MAX_CRASHES, JobStore
from service.jobs.work import EXIT_TAKEN

CHECK_SECONDS = 0.5
"""Pause between two looks at the folder: a job begins, or its process ends, that much later at most."""
SWEEP_SECONDS = 60.0
"""Pause between two removals of what has expired."""
RETRY_SECONDS = 5.0
"""Pause after a process that failed, or found another one at work on its job."""
STOP_SECONDS = 5.0

_SERIAL = {"OPENBLAS_NUM_THREADS": "1", "LOKY_MAX_CPU_COUNT": "1", "OMP_NUM_THREADS": "1"}
"""The process of a job uses one thread, so that the other cores are free for requests."""

_log = logging.getLogger(__name__)


class Supervisor:
    """Starts and ends the processes of jobs.

    Parameters
    ----------
    folder, hours
        As `JobStore` takes them.
    limits
        `Settings.job_max_rows` and `Settings.jobs_disk`.
    key_file
        With the key that versions must be signed with, if there is one.
    """

    def __init__(self, folder: Path, hours: int, limits: tuple[int, int], key_file: Path | None) -> None:
        self._folder, self._hours, self._limits, self._key_file = folder, hours, limits, key_file
        self._store = JobStore(folder, hours)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
        self._current: tuple[StoredJob, subprocess.Popen[bytes]] | None = None
        self._next_start = self._next_sweep = 0.0

    def start(self) -> None:
        """Begin to look for jobs."""
        self._thread.start()

    def stop(self) -> None:
        """End the process of a job, which goes on when the server is started again."""
        self._stopping.set()
        self._thread.join()
        if self._current is not None:
            _end(self._current[1])

    def _run(self) -> None:
        while not self._stopping.wait(CHECK_SECONDS):
            # Nothing may end this thread: without it, jobs would wait for ever.
            try:
                self._maintain()
            except Exception:
                _log.exception("cannot look after the jobs")

    def _maintain(self) -> None:
        now = time.monotonic()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_SECONDS
            self._store.sweep()
        jobs = self._store.jobs()
        metrics.set_jobs({status.value: sum(job.status is status for job in jobs) for status in Status})
        if self._current is not None:
            self._check(*self._current)
        if self._current is None and now >= self._next_start:
            due = (job for job in jobs if job.outcome is None or self._store.has_to_tell(job))
            if (job := next(due, None)) is not None:
                self._current = job, self._process(job)
                _log.info("started process %d for a job", self._current[1].pid)

    def _check(self, job: StoredJob, process: "subprocess.Popen[bytes]") -> None:
        """Notice that the process of a job has ended, or that its job was removed."""
        if self._store.read(job.identifier) is None:
            _end(process)
        code = process.poll()
        if code is None:
            return
        _close(process)
        self._current = None
        remaining = self._store.read(job.identifier)
        if code == 0 or remaining is None:
            return
        self._next_start = time.monotonic() + RETRY_SECONDS
        if code == EXIT_TAKEN:
            return
        _log.error("process %d ended with code %d over a job", process.pid, code)
        if self._store.count_crash(remaining) < MAX_CRASHES:
            return
        if remaining.outcome is None:
            self._store.finish(remaining, Outcome(f"the process that valued the table ended {MAX_CRASHES} times"))
        else:
            self._store.set_told(remaining, delivered=False)

    def _process(self, job: StoredJob) -> "subprocess.Popen[bytes]":
        key_file = [] if self._key_file is None else [str(self._key_file)]
        limits = map(str, self._limits)
        command = [str(self._folder), str(self._hours), job.identifier, *limits, *key_file]
        return subprocess.Popen(  # noqa: S603 # the command is this program
            [sys.executable, "-m", "service.jobs", *command],
            stdin=subprocess.PIPE,  # closes with this process
            env={**os.environ, **_SERIAL},
            start_new_session=True,  # signals of the terminal are for the front, and the priority is its own
        )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End a process, which may be anywhere in its work: files are replaced in one step."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    _close(process)


def _close(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        process.stdin.close()
