"""Jobs of the real server: nothing is lost when processes are killed, and other requests do not notice them."""

import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.registry import load_version, publish, save_version
from tests.service.homes import HOME
from tests.service.test_server import TIMEOUT_SECONDS, Server, running
from tests.service.test_under_load import load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

WAIT_SECONDS = 300.0
"""The process of a job gives way to everything else on the machine."""


def table_of(n: int) -> bytes:
    """Return a table of n homes of different sizes."""
    homes = (HOME | {"square_footage": 900 + row % 20_000} for row in range(n))
    return "\n".join([",".join(HOME), *(",".join(map(str, home.values())) for home in homes)]).encode()


ROWS = 20_000
TABLE = table_of(ROWS)
LONG_TABLE = table_of(20 * ROWS)
"""Its job takes longer than a server to notice a new version."""


def send(server: Server, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT_SECONDS)
    connection.request(method, path, body, {"Content-Type": "text/csv"})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer.status, content


def start_job(server: Server, table: bytes = TABLE) -> str:
    status, answer = send(server, "POST", "/jobs", table)
    assert status == 202, answer
    return f"/jobs/{json.loads(answer)['id']}"


def wait_for(happened: Callable[[], Any]) -> Any:
    """Wait until something is true; return it."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (value := happened()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return value


def state(server: Server, path: str) -> Any:
    return json.loads(send(server, "GET", path)[1])


def process_of(path: str) -> int | None:
    """Return the process that works on a job, if there is one."""
    identifier = path.removeprefix("/jobs/").encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"service.jobs" in command and identifier in command:
                return int(process.name)
    return None


def publish_another(market: Path) -> str:
    """Publish a version with other prices; return its name."""
    saved = load_version(market)
    changed = saved.appraiser.state()
    changed["model"]["mean"] += 0.1
    record = {name: saved.manifest[name] for name in ("example", "inputs", "error_figures", "ratio_study")}
    folder = save_version(market, Appraiser.from_state(changed), record)
    publish(folder)
    return folder.name


def test_a_job_outlives_killed_processes_and_keeps_its_version_while_others_are_answered(
    models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    first = load_version(tmp_path / "king_county")
    folder = tmp_path / "jobs"
    with running(tmp_path, jobs_folder=folder) as server:
        job = start_job(server, LONG_TABLE)
        newest = publish_another(tmp_path / "king_county")
        wait_for(lambda: server.predict(HOME)[1]["model_version"] == newest)
        with load(server, 8, [HOME]) as answers:
            process = wait_for(lambda: process_of(job))
            wait_for(lambda: state(server, job)["status"] == "running")
            os.kill(process, signal.SIGKILL)
            successor = wait_for(lambda: (found := process_of(job)) != process and found)
        assert answers.failures == []
        assert {status for status, _, _ in answers.answers} == {200}
        server.process.kill()
        server.process.wait(TIMEOUT_SECONDS)
        wait_for(lambda: not Path(f"/proc/{successor}").exists())
    with running(tmp_path, jobs_folder=folder) as server:
        assert state(server, job)["model_version"] == first.name
        wait_for(lambda: state(server, job)["status"] == "done")
        status, result = send(server, "GET", f"{job}/result")
        assert status == 200
        assert start_job(server, TABLE[:200]) != job
        assert state(server, job)["model_version"] == first.name
    (tmp_path / "homes.csv").write_bytes(LONG_TABLE)
    predict_file(first.appraiser, tmp_path / "homes.csv", tmp_path / "valued.csv")
    assert result == (tmp_path / "valued.csv").read_bytes()


def resident(server: Server) -> int:
    """Return the memory of the main process, in bytes."""
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_large_tables_are_not_kept_in_memory_and_what_is_broken_off_leaves_nothing(
    models: Path, tmp_path: Path
) -> None:
    table = TABLE.partition(b"\n")[0] + b"," + b"x" * 30_000_000 + b"\n"  # a long header
    head = b"POST /jobs HTTP/1.1\r\nHost: here\r\nContent-Type: text/csv\r\n"
    folder = tmp_path / "jobs"
    with running(models, jobs_folder=folder, buffer_memory=2**21, jobs_disk=2**30) as server:
        before = resident(server)
        job = start_job(server, table)
        wait_for(lambda: state(server, job)["status"] == "failed")
        assert resident(server) < before + 10e6
        assert send(server, "DELETE", job)[0] == 204
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(head + f"Content-Length: {len(table)}\r\n\r\n".encode() + table[:1_000_000])
            wait_for(lambda: list(folder.glob(".*/homes.csv")))
        wait_for(lambda: list(folder.iterdir()) == [])
        running_job = start_job(server)
        process = wait_for(lambda: process_of(running_job))
        assert send(server, "DELETE", running_job)[0] == 204
        wait_for(lambda: not Path(f"/proc/{process}").exists())
        assert list(folder.iterdir()) == []
        start_job(server)
        assert server.stop() == 0


def test_a_result_is_sent_in_pieces_to_slow_clients_too(models: Path, tmp_path: Path) -> None:
    folder = tmp_path / "jobs"
    with running(models, jobs_folder=folder, buffer_memory=2**20) as server:
        job = start_job(server, TABLE[: TABLE.index(b"\n", 1000)])
        wait_for(lambda: state(server, job)["status"] == "done")
        result = next(folder.glob("*/result.csv"))
        content = os.urandom(20_000_000)  # a large result, without the time that it takes
        result.write_bytes(content)
        before = resident(server)
        with server.connect(f"GET {job}/result HTTP/1.1\r\nHost: here\r\n\r\n".encode()) as connection:
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert "X-Sendfile" not in answer.headers
            digest = hashlib.sha256()
            while piece := answer.read(1_000_000):
                digest.update(piece)
                time.sleep(0.02)
            assert resident(server) < before + 10e6
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n")
            assert connection.recv(20).startswith(b"HTTP/1.1 200")
        assert digest.digest() == hashlib.sha256(content).digest()
        with server.connect(f"GET {job}/result HTTP/1.1\r\nHost: here\r\n\r\n".encode()) as connection:
            connection.recv(1000)  # and leaves
        result.unlink()
        assert send(server, "GET", f"{job}/result")[0] == 404
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
