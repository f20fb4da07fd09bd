"""What comes of a table: a result, or a reason that says nothing of the server's folders."""

import gzip
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from estimator.registry import load_version
from service.jobs import work
from service.jobs.job import JobRequest, Outcome, StoredJob
from service.jobs.store import JobStore
from tests.conftest import environment
from tests.service.homes import HOME

WAIT_SECONDS = 300.0
DISK = 2**24
TABLE = (",".join(HOME) + "\n" + (",".join(map(str, HOME.values())) + "\n") * 20).encode()

Accept = Callable[..., StoredJob]


def priority_of_session() -> str:
    """Return what Linux says of the priority of all processes of this session; '' where it knows none."""
    try:
        return Path("/proc/self/autogroup").read_text()
    except OSError:
        return ""


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs", 1)


@pytest.fixture
def accept(store: JobStore, models: Path) -> Accept:
    def accepted(table: bytes, suffix: str = ".csv", version: Path | None = None) -> StoredJob:
        folder = version or (models / "king_county" / "current").resolve()
        identifier, path = store.begin_upload(suffix, len(table))
        path.write_bytes(table)
        request = JobRequest("", folder.name, str(folder), 0.9, False, "", suffix, len(table), "now")
        store.accept(identifier, request)
        job = store.read(identifier)
        assert job is not None
        return job

    return accepted


def test_a_table_is_valued_and_its_progress_is_noted(store: JobStore, accept: Accept) -> None:
    job = accept(TABLE)
    outcome = work.value_table(store, job, 20, DISK, None)
    assert (outcome.detail, outcome.valued, outcome.refused) == ("", 20, 0)
    assert store.result(job).read_bytes().count(b"\n") == 21
    running = store.read(job.identifier)
    assert running is not None
    assert running.progress is not None
    assert (running.progress.rows, running.progress.total) == (20, 20)


@pytest.mark.parametrize(
    ("table", "suffix", "reason"),
    [
        (b"latitude,longitude\n47,-122\n", ".csv", "homes.csv: there is no column for square_footage"),
        (b"", ".csv", "homes.csv: "),
        (b"PAR1 this is not Parquet", ".parquet", "Parquet"),
        (gzip.compress(TABLE)[:-20], ".csv.gz", "homes.csv.gz: this is not complete gzip"),
        (gzip.compress(TABLE)[:10] + b"\x07" * 60, ".csv.gz", "not complete gzip"),
        (b"not gzip at all", ".csv.gz", "gzip"),
        (TABLE + b"47,1\n", ".csv", "more than 20 rows"),
        (TABLE.replace(b"latitude", b"latitude,latitude"), ".csv", "homes.csv: "),
    ],
    ids=["header", "empty", "not parquet", "cut off", "damaged", "not gzip", "too long", "one name twice"],
)
def test_a_table_that_cannot_be_valued_has_a_reason(
    table: bytes, suffix: str, reason: str, store: JobStore, accept: Accept, tmp_path: Path
) -> None:
    outcome = work.value_table(store, accept(table, suffix), 20, DISK, None)
    assert reason in outcome.detail
    assert str(tmp_path) not in outcome.detail
    assert outcome.valued == 0


def test_a_result_is_never_larger_than_its_room(store: JobStore, accept: Accept) -> None:
    job = accept(TABLE)
    assert "does not fit" in work.value_table(store, job, 20, 4000, None).detail
    assert not store.result(job).exists()


def test_a_version_that_has_gone_or_is_not_signed_is_said(
    store: JobStore, accept: Accept, tmp_path: Path, models: Path
) -> None:
    gone = work.value_table(store, accept(TABLE, version=tmp_path / "gone"), 20, DISK, None)
    assert "there is no saved version" in gone.detail
    assert str(tmp_path) not in gone.detail
    unsigned = work.value_table(store, accept(TABLE), 20, DISK, b"k" * 32)
    assert "not signed" in unsigned.detail
    assert str(models) not in unsigned.detail


def test_a_process_finishes_its_job_and_leaves_one_that_another_process_has(
    store: JobStore, accept: Accept, tmp_path: Path, models: Path
) -> None:
    job = accept(TABLE)
    command = [
        sys.executable,
        "-m",
        "service.jobs",
        str(tmp_path / "jobs"),
        "1",
        job.identifier,
        "20",
        str(DISK),
    ]

    def start() -> "subprocess.Popen[bytes]":
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment())

    before = priority_of_session()
    first = start()
    deadline = time.monotonic() + WAIT_SECONDS
    while not (tmp_path / "jobs" / job.identifier / "lock").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert os.getpriority(os.PRIO_PROCESS, first.pid) == 19
    assert priority_of_session() == before, "the process is not the first of this session"
    second = start()
    with first, second:
        assert (first.wait(WAIT_SECONDS), second.wait(WAIT_SECONDS)) in {(0, work.EXIT_TAKEN), (0, 0)}
    done = store.read(job.identifier)
    assert done is not None
    assert isinstance(done.outcome, Outcome)
    assert done.outcome.valued == 20
    assert load_version(models / "king_county").name == job.request.version
