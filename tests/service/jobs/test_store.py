"""The folder of jobs: uploads become jobs in one step, jobs expire, and nothing that is killed stays."""

import datetime as dt
import json
import os
from pathlib import Path

import pytest

from service.jobs.job import JobRequest, Outcome, Progress, Status, StoredJob
from service.jobs.store import STALE_SECONDS, JobStore

TABLE = b"a\n1\n"
HOURS = 2


@pytest.fixture
def store(tmp_path: Path) -> JobStore:
    return JobStore(tmp_path / "jobs", HOURS)


def request_of(table: Path, webhook: str = "") -> JobRequest:
    return JobRequest("me", "v1", "/models/v1", 0.9, False, webhook, ".csv", table.stat().st_size, table.name)


def accept(store: JobStore, webhook: str = "") -> StoredJob:
    identifier, table = store.begin_upload(".csv", len(TABLE))
    table.write_bytes(TABLE)
    store.accept(identifier, request_of(table, webhook))
    job = store.read(identifier)
    assert job is not None
    return job


def make_older(folder: Path, seconds: float) -> None:
    for path in (*folder.iterdir(), folder):
        changed = path.stat().st_mtime - seconds
        os.utime(path, (changed, changed))


def test_an_upload_is_no_job_until_it_is_accepted(store: JobStore, tmp_path: Path) -> None:
    assert store.jobs() == []
    identifier, table = store.begin_upload(".csv", len(TABLE))
    assert store.read(identifier) is None
    assert store.jobs() == []
    table.write_bytes(TABLE)
    request = request_of(table)
    store.accept(identifier, request)
    store.accept(identifier, request)  # the worker that answers first may end before it has answered
    (job,) = store.jobs()
    assert (job.identifier, job.request, job.status) == (identifier, request, Status.WAITING)
    assert store.table(job).read_bytes() == TABLE
    store.discard_upload(identifier)
    assert store.read(identifier) == job
    assert (tmp_path / "jobs").stat().st_mode & 0o077 == 0, "others may not read what clients have sent"


def test_ids_cannot_be_guessed_and_are_never_paths(store: JobStore, tmp_path: Path) -> None:
    identifiers = {accept(store).identifier for _ in range(20)}
    assert len(identifiers) == 20
    assert {len(bytes.fromhex(identifier)) for identifier in identifiers} == {16}
    known = identifiers.pop()
    (tmp_path / "secret").mkdir()
    for other in (
        "",
        ".",
        "..",
        "../secret",
        f"../jobs/{known}",
        f".{known}",
        known.upper(),
        f"{known}\n",
        known[:-1],
    ):
        assert store.read(other) is None


def test_what_happens_to_a_job_is_read_from_its_files(store: JobStore) -> None:
    job = accept(store, webhook="https://here/")
    store.set_progress(job, Progress(5, 20, 2.0))
    running = store.read(job.identifier)
    assert running is not None
    assert running.progress is not None
    assert (running.status, running.progress.rate, running.progress.seconds_left) == (Status.RUNNING, 2.5, 6.0)
    assert store.expires(running) is None
    assert [store.count_crash(job) for _ in range(3)] == [1, 2, 3]
    assert not store.has_to_tell(running)
    store.finish(job, Outcome("", 4, 1, ("row 2: odd",)))
    done = store.read(job.identifier)
    assert done is not None
    assert done.outcome is not None
    assert (done.status, done.outcome.faults) == (Status.DONE, ("row 2: odd",))
    assert not store.table(job).exists()
    assert store.has_to_tell(done)
    store.set_told(done, delivered=True)
    assert not store.has_to_tell(done)


def test_a_job_expires_some_hours_after_its_end_and_takes_its_files_with_it(
    store: JobStore, tmp_path: Path
) -> None:
    waiting, fresh, old = accept(store), accept(store), accept(store)
    ended = dt.datetime.now(dt.UTC) - dt.timedelta(hours=HOURS)
    store.finish(fresh, Outcome("too large", finished=(ended + dt.timedelta(minutes=1)).isoformat()))
    store.finish(old, Outcome("", finished=ended.isoformat()))
    assert store.read(old.identifier) is None
    assert {job.identifier for job in store.jobs()} == {waiting.identifier, fresh.identifier}
    make_older(tmp_path / "jobs" / old.identifier, 3600 * HOURS)
    store.sweep()
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {waiting.identifier, fresh.identifier}


def test_only_uploads_that_are_long_untouched_are_swept(store: JobStore, tmp_path: Path) -> None:
    old, _ = store.begin_upload(".csv", 10)
    growing, _ = store.begin_upload(".csv", 10)
    make_older(tmp_path / "jobs" / f".{old}", STALE_SECONDS)
    (tmp_path / "jobs" / "notes.txt").write_text("not ours")
    store.sweep()
    assert {path.name for path in (tmp_path / "jobs").iterdir()} == {f".{growing}", "notes.txt"}


def test_tables_and_results_are_counted_as_long_as_they_are_there(store: JobStore) -> None:
    assert store.tables_bytes() == store.results_bytes() == 0
    store.begin_upload(".csv", 1000)
    assert store.tables_bytes() == 1000, "what is still to come counts"
    job = accept(store)
    assert store.tables_bytes() == 1000 + len(TABLE)
    store.result(job).write_bytes(b"1234")
    store.finish(job, Outcome(""))
    assert (store.tables_bytes(), store.results_bytes()) == (1000, 4)
    store.remove(job)
    store.remove(job)
    assert store.results_bytes() == 0
    with pytest.raises(FileNotFoundError):
        store.set_progress(job, Progress(1, 1, 1.0))


def test_a_job_of_another_version_of_the_program_is_not_read_but_kept(store: JobStore, tmp_path: Path) -> None:
    job = accept(store)
    file = tmp_path / "jobs" / job.identifier / "job.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"new": 1}))
    assert store.read(job.identifier) is None
    store.sweep()
    assert file.exists()
