"""`POST /jobs`: accepted at once, valued by a process of its own, fetched and removed by its owner alone."""

import dataclasses
import gzip
import hashlib
import io
import json
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from werkzeug.test import TestResponse

from estimator.bulk import predict_file
from estimator.bulk.predict import Run
from estimator.registry import load_version
from service.jobs import supervisor
from service.jobs.acceptance import PARQUET, UPLOAD, begin_upload
from service.jobs.store import JobStore
from service.jobs.supervisor import Supervisor
from service.settings import Settings
from tests.service.homes import HOME
from tests.service.ready import ready_client

KEY, OTHER = "correct horse battery staple", "the key after it"
WAIT_SECONDS = 300.0
"""The process of a job gives way to everything else on the machine."""
TABLE = "\n".join(
    [
        ",".join(HOME),
        *(",".join(map(str, (HOME | {"square_footage": size}).values())) for size in (1500, 900, "x")),
    ]
).encode()


@pytest.fixture
def jobs(settings: Settings, tmp_path: Path) -> Settings:
    return dataclasses.replace(
        settings,
        jobs_folder=tmp_path / "jobs",
        api_keys=tuple(hashlib.sha256(key.encode()).hexdigest() for key in (KEY, OTHER)),
    )


def post(
    client: FlaskClient,
    table: bytes = TABLE,
    query: str = "",
    *,
    key: str = KEY,
    kind: str = "text/csv",
    encoding: str = "identity",
) -> TestResponse:
    headers = {"X-API-Key": key, "Content-Encoding": encoding}
    return client.post(f"/jobs{query}", data=table, content_type=kind, headers=headers)


def get(client: FlaskClient, path: str, key: str = KEY) -> TestResponse:
    return client.get(path, headers={"X-API-Key": key})


@contextmanager
def worked_on(settings: Settings) -> Iterator[None]:
    """Have the jobs of a server worked on, as its front does."""
    running = Supervisor(
        settings.jobs_folder, settings.job_hours, (settings.job_max_rows, settings.jobs_disk), settings.key_file
    )
    running.start()
    try:
        yield
    finally:
        running.stop()


def ended(client: FlaskClient, path: str) -> Any:
    """Wait until a job has ended; return what is said of it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while (job := get(client, path).get_json())["status"] in {"waiting", "running"}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


def told_to(statuses: list[int]) -> tuple[HTTPServer, list[Any]]:
    """Return a receiver of webhooks, and what it has received."""
    received: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(statuses.pop(0))
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiver = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    return receiver, received


def test_tables_of_all_formats_are_valued_as_the_command_values_them(
    jobs: Settings, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.05)
    receiver, received = told_to([200])
    origin = f"http://127.0.0.1:{receiver.server_port}"
    jobs = dataclasses.replace(jobs, webhook_origins=(origin,))
    client = ready_client(jobs)
    columns = io.BytesIO()
    pq.write_table(pyarrow.csv.read_csv(io.BytesIO(TABLE)), columns)
    bad = post(client, b"latitude,longitude\n47,-122\n")
    sent = {"csv.gz": gzip.compress(TABLE), "parquet": columns.getvalue()}
    good = {
        "csv.gz": post(client, sent["csv.gz"], f"?index=true&confidence=.5&webhook={origin}/", encoding="gzip"),
        "parquet": post(client, sent["parquet"], kind=PARQUET),
    }
    schemas = client.get("/openapi.json").get_json()["components"]
    described = OAS31Validator({"$ref": "#/components/schemas/Job", "components": schemas})
    for answer in (bad, *good.values()):
        assert answer.status_code == 202
        assert answer.get_json()["status"] == "waiting"
        assert answer.headers["Location"] == f"/jobs/{answer.get_json()['id']}"
        described.validate(answer.get_json())
        assert get(client, f"{answer.headers['Location']}/result").status_code == 409
    with worked_on(jobs):
        job = ended(client, bad.headers["Location"])
        assert (job["status"], job["valued"], job["result"]) == ("failed", None, None)
        assert job["detail"].startswith("homes.csv: there is no column for square_footage")
        described.validate(job)
        finished = {suffix: ended(client, answer.headers["Location"]) for suffix, answer in good.items()}
    receiver.shutdown()
    receiver.server_close()
    assert received == [{"id": finished["csv.gz"]["id"], "status": "done"}]
    saved = load_version(models / "king_county")
    for suffix, job in finished.items():
        described.validate(job)
        assert (job["valued"], job["refused"], job["rows"], job["rows_total"]) == (2, 1, 3, 3)
        assert "square_footage" in job["faults"][0]
        assert job["model_version"] == saved.name
        source, valued = tmp_path / f"homes.{suffix}", tmp_path / f"valued.{suffix}"
        source.write_bytes(sent[suffix])
        run = Run(0.5 if suffix == "csv.gz" else 0.9)
        predict_file(saved.appraiser, source, valued, with_index=suffix == "csv.gz", run=run)
        with get(client, job["result"]) as result:
            assert result.headers["Model-Version"] == saved.name
            assert result.headers["Content-Disposition"] == f"attachment; filename=result.{suffix}"
            unpack = gzip.decompress if suffix == "csv.gz" else bytes
            assert unpack(result.data) == unpack(valued.read_bytes())


def test_only_the_key_that_made_a_job_sees_fetches_and_removes_it(jobs: Settings) -> None:
    client = ready_client(jobs)
    path = post(client).headers["Location"]
    unknown = get(client, f"/jobs/{'0' * 32}")
    for answer in (
        get(client, path, OTHER),
        get(client, f"{path}/result", OTHER),
        client.delete(path, headers={"X-API-Key": OTHER}),
        unknown,
    ):
        assert (answer.status_code, answer.get_json(force=True)) == (404, unknown.get_json(force=True))
    assert client.get(path).status_code == 401
    keyless = ready_client(dataclasses.replace(jobs, api_keys=()))
    assert keyless.get(path).status_code == 404, "a server that no longer requires keys shows it to everyone"
    assert get(client, path).status_code == 200
    assert client.delete(path, headers={"X-API-Key": KEY}).status_code == 204
    assert get(client, path).status_code == client.delete(path, headers={"X-API-Key": KEY}).status_code == 404
    assert list(jobs.jobs_folder.iterdir()) == []


def test_limits_hold_and_what_is_refused_leaves_nothing(jobs: Settings) -> None:
    jobs = dataclasses.replace(jobs, job_max_body=len(TABLE), max_jobs=2, jobs_disk=6 * len(TABLE) + 2)
    client = ready_client(jobs)
    for status, answer in (
        (413, post(client, TABLE + b"\n")),
        (400, post(client, b"")),
        (415, post(client, kind="application/json")),
        (415, post(client, kind="text/csv; charset=latin-1")),
        (415, post(client, encoding="br")),
        (415, post(client, kind=PARQUET, encoding="gzip")),
        (400, post(client, query="?confidences=.9")),
        (400, post(client, query="?confidence=2")),
        (400, post(client, query="?index=yes")),
        (400, post(client, query="?webhook=https://example.com/")),
        (401, post(client, key="unknown")),
    ):
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.text
    assert list(jobs.jobs_folder.iterdir()) == []
    assert [post(client, key=key).status_code for key in (KEY, KEY, KEY)] == [202, 202, 429]
    assert post(client, key=OTHER).status_code == 202
    full = post(client, key=OTHER)
    assert (full.status_code, full.get_json(force=True)["type"]) == (507, "/problems/no-room")
    assert list(jobs.jobs_folder.glob(".*")) == []


def test_uploads_at_the_same_time_do_not_pass_the_limit(jobs: Settings) -> None:
    jobs = dataclasses.replace(jobs, max_jobs=2)
    client, store = ready_client(jobs), JobStore(jobs.jobs_folder, jobs.job_hours)
    headers = {"X-API-Key": KEY, "Content-Type": "text/csv"}
    uploads = [begin_upload(store, headers.get, len(TABLE), jobs) for _ in range(4)]  # all before one is a job
    for _, path in uploads:
        path.write_bytes(TABLE)
    answers = [client.post("/jobs", headers=headers, environ_overrides={UPLOAD: name}) for name, _ in uploads]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert len(list(jobs.jobs_folder.iterdir())) == 2


def test_a_folder_that_cannot_be_written_to_is_said_without_its_name(jobs: Settings, tmp_path: Path) -> None:
    (tmp_path / "jobs").write_text("a file")
    answer = post(ready_client(jobs))
    assert answer.status_code == 507
    assert str(tmp_path) not in answer.text


def test_a_table_that_ends_its_process_fails_after_a_few(jobs: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(supervisor, "RETRY_SECONDS", 0.0)
    client = ready_client(jobs)
    path = post(client).headers["Location"]
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with worked_on(jobs):
        job = ended(client, path)
    assert (job["status"], job["detail"]) == ("failed", "the process that valued the table ended 3 times")
