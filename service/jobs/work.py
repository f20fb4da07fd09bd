"""The process that values the table of one job, and ends with the server.

It is started as `python -m service.jobs`, see `__main__`, by the supervisor, with a pipe as standard input that
closes when the server ends. It uses one thread of low priority.
"""

import errno
import fcntl
import logging.config
import os
import resource
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pyarrow as pa

from estimator.bulk import predict_file
from estimator.bulk.predict import Run
from estimator.errors import DataError, EstimatorError
from estimator.market.fault_groups import FaultGroups
from estimator.registry import load_version
from estimator.signing import read_key
from service.http.tracing import LOGGING
from service.jobs.job import Outcome, Progress, StoredJob
from service.jobs.row_count import count_rows
from service.jobs.store import JobStore
from service.jobs.webhook import tell

EXIT_TAKEN = 75
"""Exit code if another process works on the job: that of a server which was killed a moment ago, perhaps."""
MEMORY_BYTES = 2**30
"""What the process may allocate. A usual table takes a tenth; for one that takes more, the job fails."""
PROGRESS_SECONDS = 0.5
"""Pause between two notes of the progress: what people and programs look at need not be newer."""

_log = logging.getLogger(__name__)


def run(arguments: list[str]) -> int:
    """Work on a job, given the arguments of the process; return its exit code."""
    logging.config.dictConfig(LOGGING)
    try:
        return _work(arguments)
    except Exception:
        _log.exception("the process of a job failed")
        return 1


def _work(arguments: list[str]) -> int:
    folder, hours, identifier, max_rows, disk, *key_file = arguments
    threading.Thread(target=_end_with_server, daemon=True).start()
    pa.set_cpu_count(1)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    store = JobStore(Path(folder), int(hours))
    job = store.read(identifier)
    if job is None:
        return 0
    with suppress(FileNotFoundError), (Path(folder) / identifier / "lock").open("w") as lock:  # it was removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return EXIT_TAKEN
        if job.outcome is None:
            key = read_key(Path(*key_file)) if key_file else None
            store.finish(job, value_table(store, job, int(max_rows), int(disk), key))
        _tell(store, identifier)
    return 0


def value_table(store: JobStore, job: StoredJob, max_rows: int, disk: int, key: bytes | None) -> Outcome:
    """Value the table of a job, and return how that ended; nothing that is wrong with the table is raised.

    Parameters
    ----------
    max_rows, disk
        As `Settings.job_max_rows` and `Settings.jobs_disk`.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    room = max(disk // 2 - store.results_bytes(), 0) // 2  # for the result, and as much for its journal
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    table = store.table(job)
    try:
        return _value(store, job, table, max_rows, key)
    except MemoryError:
        return Outcome("the table takes more memory than a job may have")
    except (EstimatorError, pa.ArrowInvalid, OSError, EOFError) as error:
        reasons = [each for each in (error, error.__cause__) if isinstance(each, OSError)]
        if any(reason.errno == errno.EFBIG for reason in reasons):
            return Outcome("the result does not fit into the room that other results leave; delete some of them")
        if any(reason.errno in {errno.ENOSPC, errno.EDQUOT} for reason in reasons):
            return Outcome("the server's disk is full")
        # Clients learn nothing of the server's folders.
        return Outcome(str(error).replace(f"{table.parent}/", "").replace(job.request.version_folder, "the model"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _value(store: JobStore, job: StoredJob, table: Path, max_rows: int, key: bytes | None) -> Outcome:
    total = count_rows(table, max_rows)
    began = noted = time.monotonic()
    store.set_progress(job, Progress(0, total, 0.0))
    appraiser = load_version(Path(job.request.version_folder), key).appraiser
    rows = 0

    def progress(more: int) -> None:
        nonlocal rows, noted
        rows += more
        if rows > max_rows:
            raise DataError(f"the table has more than {max_rows:,} rows, which is the maximum of a job")
        if time.monotonic() >= noted + PROGRESS_SECONDS:
            noted = time.monotonic()
            store.set_progress(job, Progress(rows, total, noted - began))

    faults = FaultGroups()
    # Names the model, so that it goes on where a process was killed.
    run = Run(job.request.confidence, model=job.request.version, threads=1, rests=True)
    valued, refused = predict_file(
        appraiser, table, store.result(job), progress, faults, with_index=job.request.with_index, run=run
    )
    store.set_progress(job, Progress(rows, rows, time.monotonic() - began))
    return Outcome("", valued, refused, tuple(map(str.strip, faults.text().splitlines())))


def _tell(store: JobStore, identifier: str) -> None:
    """Tell a job's webhook that it has ended."""
    job = store.read(identifier)
    if job is not None and store.has_to_tell(job):
        delivered = tell(job.request.webhook, {"id": job.identifier, "status": job.status.value})
        store.set_told(job, delivered=delivered)


def _end_with_server() -> None:
    """End this process when the server has ended, however it did."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(0)
