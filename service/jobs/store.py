"""The folder of all jobs. Each job is a folder of its own, whose files say everything about it.

    <id>/job.json        what was accepted           <id>/homes.csv    the table; removed once the job has ended
    <id>/progress.json   how far it is               <id>/result.csv   the table with its values
    <id>/outcome.json    how it ended                .<id>/            an upload, or a job that is being removed

Files appear complete or not at all, and an upload becomes a job by one rename: whoever is killed, no job is half
there. Knows nothing of HTTP.
"""

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from estimator.atomic_file import replace_atomically, sync_folder
from service.jobs.job import JobRequest, Outcome, Progress, StoredJob, now

STALE_SECONDS = 3600.0
"""Age of the last change after which an upload belongs to nobody: its server was killed."""
MAX_CRASHES = 3
"""Processes that may end over a job before it fails: a table that ends them must not do so for ever."""

TABLE, RESULT = "homes", "result"
"""How the names of a job's table and of its result begin."""

_ID = re.compile("[0-9a-f]{32}")
_JOB, _PROGRESS, _OUTCOME, _CRASHES, _TOLD = (
    "job.json",
    "progress.json",
    "outcome.json",
    "crashes.json",
    "told.json",
)
T = TypeVar("T")


class JobStore:
    """The jobs in a folder.

    Parameters
    ----------
    folder
        Created with the first upload.
    hours
        Time for which a job is kept after it has ended.
    """

    def __init__(self, folder: Path, hours: int) -> None:
        self._folder = folder
        self._kept = dt.timedelta(hours=hours)

    # Uploads

    def begin_upload(self, suffix: str, size: int) -> tuple[str, Path]:
        """Return an unguessable id, and the file for a table of a size: it has that size already, and no content.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        identifier = secrets.token_hex(16)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = self._upload(identifier)
        folder.mkdir(mode=0o700)
        table = folder / f"{TABLE}{suffix}"
        with table.open("wb") as file:
            file.truncate(size)  # so that other uploads see how much room it will take
        return identifier, table

    def upload(self, identifier: str) -> Path:
        """Return the file of an upload.

        Raises
        ------
        OSError
            It has gone, because its client has.
        """
        table = next(self._upload(identifier).glob(f"{TABLE}.*"), None)
        if table is None:
            raise FileNotFoundError("the upload has gone")
        return table

    def discard_upload(self, identifier: str) -> None:
        """Remove an upload, if it has not become a job."""
        shutil.rmtree(self._upload(identifier), ignore_errors=True)

    def accept(self, identifier: str, request: JobRequest, check: Callable[[], object] = lambda: None) -> None:
        """Make a job of a complete upload; of one that is a job already, nothing.

        Parameters
        ----------
        check
            Raises an error if there must be no further job. It is called while no other upload becomes a job.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        upload, job = self._upload(identifier), self._folder / identifier
        if job.exists():
            return
        with (upload / f"{TABLE}{request.suffix}").open("rb") as table:
            os.fsync(table.fileno())
        _write(upload / _JOB, asdict(request))
        with self._alone():
            check()
            upload.rename(job)
        sync_folder(self._folder)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Wait until no other thread or process is here."""
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)

    # Jobs

    def read(self, identifier: str) -> StoredJob | None:
        """Return a job, or None if there is none with this id, or it has expired."""
        if not _ID.fullmatch(identifier):
            return None
        folder = self._folder / identifier
        outcome = _read(folder / _OUTCOME, _outcome)
        progress = _read(folder / _PROGRESS, lambda fields: Progress(**fields))
        request = _read(folder / _JOB, lambda fields: JobRequest(**fields))
        job = None if request is None else StoredJob(identifier, request, progress, outcome)
        return None if job is None or self._is_expired(job) else job

    def jobs(self) -> list[StoredJob]:
        """Return all jobs, the oldest first."""
        jobs = [job for name in self._names() if (job := self.read(name)) is not None]
        return sorted(jobs, key=lambda job: (job.request.created, job.identifier))

    def expires(self, job: StoredJob) -> dt.datetime | None:
        """Return when a job is removed; None while it has not ended."""
        return None if job.outcome is None else dt.datetime.fromisoformat(job.outcome.finished) + self._kept

    def table(self, job: StoredJob) -> Path:
        """Return the file of a job's table."""
        return self._folder / job.identifier / f"{TABLE}{job.request.suffix}"

    def result(self, job: StoredJob) -> Path:
        """Return the file of a job's result."""
        return self._folder / job.identifier / f"{RESULT}{job.request.suffix}"

    def remove(self, job: StoredJob) -> None:
        """Remove a job and its files. Its process finds them missing and ends."""
        gone = self._upload(job.identifier)
        with contextlib.suppress(OSError):  # another process was faster
            (self._folder / job.identifier).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    # What happens to a job

    def set_progress(self, job: StoredJob, progress: Progress) -> None:
        """Say how far a job is.

        Raises
        ------
        OSError
            The job was removed, or its folder cannot be written to.
        """
        path = self._folder / job.identifier / _PROGRESS
        beside = path.with_suffix(".next")
        beside.write_text(json.dumps(asdict(progress)))
        beside.replace(path)  # not synced: after a power failure, the job begins again

    def finish(self, job: StoredJob, outcome: Outcome) -> None:
        """Say how a job ended, and remove its table.

        Raises
        ------
        OSError
            The job was removed, or its folder cannot be written to.
        """
        _write(self._folder / job.identifier / _OUTCOME, asdict(outcome))
        self.table(job).unlink(missing_ok=True)

    def count_crash(self, job: StoredJob) -> int:
        """Count that a process ended over a job; return how many did."""
        path = self._folder / job.identifier / _CRASHES
        crashes = 1 + (_read(path, lambda fields: int(fields["crashes"])) or 0)
        _write(path, {"crashes": crashes})
        return crashes

    def has_to_tell(self, job: StoredJob) -> bool:
        """Return whether a job has ended and its webhook does not know."""
        told = self._folder / job.identifier / _TOLD
        return bool(job.request.webhook) and job.outcome is not None and not told.exists()

    def set_told(self, job: StoredJob, *, delivered: bool) -> None:
        """Say that a job's webhook was told, or will not be."""
        _write(self._folder / job.identifier / _TOLD, {"delivered": delivered})

    # Room

    def tables_bytes(self) -> int:
        """Return the bytes of all tables, of those too that are being received."""
        return self._bytes_of(f"{TABLE}.*")

    def results_bytes(self) -> int:
        """Return the bytes of all results."""
        return self._bytes_of(f"{RESULT}.*")

    def _bytes_of(self, pattern: str) -> int:
        folders = [self._folder / name for name in (*self._names(), *self._names(prefix="."))]
        return sum(_size(path) for folder in folders for path in folder.glob(pattern))

    def sweep(self) -> None:
        """Remove what has expired, and what killed processes left."""
        for prefix, seconds in (("", self._kept.total_seconds()), (".", STALE_SECONDS)):
            for name in self._names(prefix):
                folder = self._folder / name
                if not prefix and self.read(name) is not None:
                    continue
                if time.time() - max(map(_changed, (folder, *folder.glob("*")))) > seconds:
                    shutil.rmtree(folder, ignore_errors=True)

    def _is_expired(self, job: StoredJob) -> bool:
        expires = self.expires(job)
        return expires is not None and expires <= now()

    def _upload(self, identifier: str) -> Path:
        return self._folder / f".{identifier}"

    def _names(self, prefix: str = "") -> list[str]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return []
        return [name for name in names if name.startswith(prefix) and _ID.fullmatch(name.removeprefix(prefix))]


def _outcome(fields: dict[str, Any]) -> Outcome:
    return Outcome(**{**fields, "faults": tuple(fields["faults"])})


def _write(path: Path, content: Any) -> None:
    with replace_atomically(path) as file:
        file.write(json.dumps(content).encode())


def _read(path: Path, make: Callable[[dict[str, Any]], T]) -> T | None:
    """Return what a file contains, or None if it is not there, or not what this program wrote."""
    try:
        return make(json.loads(path.read_bytes()))
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
