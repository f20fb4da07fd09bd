"""The server that `python -m service` starts: real processes, real sockets, real signals."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.service.conftest import HOME

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0
MAX_BODY = 1_000_000

HEAD = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: "subprocess.Popen[str]"
    port: int

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one request on a connection of its own; return the answer's status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def predict(self, body: Any) -> tuple[int, Any]:
        status, answer = self.ask("POST", "/predict", json.dumps(body).encode())
        return status, json.loads(answer)

    def connect(self, sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.sendall(sent)
        return connection

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def wait_until_ready(self) -> None:
        """Wait until both workers answer: 20 times in a row, since the system chooses which is asked."""
        deadline, in_a_row = time.monotonic() + PATIENCE, 0
        while in_a_row < 20:
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            status = 0
            with suppress(OSError, http.client.HTTPException):
                status, _ = self.ask("GET", "/readyz")
            in_a_row = in_a_row + 1 if status == 200 else 0
            if status != 200:
                time.sleep(0.05)

    def replace_a_worker(self) -> None:
        """Kill a worker and wait until another process has its place; it need not be ready."""
        before = self.workers()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while len(set(self.workers()) - {before[0]}) < len(before):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM; return the exit code and what was logged."""
        self.process.send_signal(signal.SIGTERM)
        _, log = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, log


def start(port: int, **settings: object) -> "subprocess.Popen[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ESTIMATOR_")}
    environment |= {f"ESTIMATOR_{name.upper()}": str(value) for name, value in settings.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "service"],
        cwd=ROOT,
        env=environment | {"ESTIMATOR_PORT": str(port)},
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(models: Path, **settings: object) -> Iterator[Server]:
    port = free_port()
    server = Server(start(port, model=models / "king_county", max_body=MAX_BODY, **settings), port)
    try:
        server.wait_until_ready()
        yield server
    finally:
        if server.process.poll() is None:
            server.process.terminate()
        server.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with running(models) as server:
        yield server


def test_it_values_a_home(server: Server) -> None:
    status, valuation = server.predict(HOME)
    assert status == 200
    assert valuation["price_low"] < valuation["price"] < valuation["price_high"]


def test_both_workers_give_the_same_answer(server: Server) -> None:
    assert len(server.workers()) == 2
    answers = {json.dumps(server.predict(HOME)) for _ in range(20)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    "begun",
    [HEAD, HEAD + b"Content-Length: 90\r\n\r\n{"],
    ids=["headers", "body"],
)
def test_forty_clients_that_stall_keep_nobody_else_waiting(server: Server, begun: bytes) -> None:
    stalled = [server.connect(begun) for _ in range(40)]
    try:
        for _ in range(20):
            assert server.predict(HOME)[0] == 200
    finally:
        for connection in stalled:
            connection.close()


def test_a_client_that_does_not_finish_its_headers_is_disconnected(models: Path) -> None:
    with running(models, header_timeout=1) as server:
        with server.connect(b"GET /livez HTTP/1.1\r\nHost: here\r\n") as connection:
            assert connection.recv(1000) == b""
        assert server.stop()[0] == 0


def test_a_body_that_ends_early_is_not_valued(server: Server) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    )
    with server.connect(head + json.dumps(HOME).encode()) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert b" 200 " not in answer
    assert server.predict(HOME)[0] == 200


def test_a_chunked_body_is_refused_not_cut(server: Server) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    body = json.dumps([HOME] * 20_000).encode()
    with server.connect(head + b"\r\n") as connection:
        connection.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 411 ")


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    status, problem = server.ask("POST", "/predict", bytes(10 * MAX_BODY))
    assert status == 413
    assert json.loads(problem)["type"] == "/problems/body-too-large"


def test_a_killed_worker_is_replaced_and_the_server_serves_on(models: Path) -> None:
    with running(models) as server:
        server.replace_a_worker()
        server.wait_until_ready()
        assert server.predict(HOME)[0] == 200
        assert server.stop()[0] == 0


def test_a_server_that_is_stopped_while_a_worker_starts_does_not_wait_for_it(models: Path) -> None:
    with running(models, stop_timeout=1000) as server:
        server.replace_a_worker()
        assert server.stop()[0] == 0


def test_a_signal_to_the_whole_group_stops_it_as_well(models: Path) -> None:
    with running(models) as server:
        os.killpg(server.process.pid, signal.SIGTERM)
        server.process.communicate(timeout=PATIENCE)
        assert server.process.returncode == 0


def test_what_is_in_flight_at_sigterm_is_answered_and_the_exit_code_is_0(models: Path) -> None:
    homes = [HOME | {"square_footage": 1000 + size} for size in range(2000)]
    with running(models) as server, ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(server.predict, homes) for _ in range(4)]
        time.sleep(0.1)
        code, log = server.stop()
        answers = [one.result() for one in asked]
    assert code == 0
    for status, valuations in answers:
        assert status == 200
        assert [valuation["price"] > 0 for valuation in valuations] == [True] * len(homes)
    assert "Traceback" not in log


def test_its_log_says_what_is_served_and_holds_no_requests(models: Path) -> None:
    with running(models) as server:
        version = server.predict(HOME)[1]["model_version"]
        code, log = server.stop()
    assert code == 0
    assert log.count(f"serving {version}") == 2
    assert "square_footage" not in log
    assert "WARNING" not in log


def refused_start(port: int, **settings: object) -> tuple[int, str]:
    process = start(port, **settings)
    _, told = process.communicate(timeout=PATIENCE)
    return process.returncode, told


def test_a_port_in_use_stops_the_start(server: Server, models: Path) -> None:
    code, told = refused_start(server.port, model=models / "king_county")
    assert code == 2
    assert told == f"cannot listen on 127.0.0.1, port {server.port}: Address already in use\n"


def test_a_model_that_is_not_there_stops_the_start(tmp_path: Path) -> None:
    code, told = refused_start(free_port(), model=tmp_path)
    assert code == 2
    assert told == f"{tmp_path}: there is no saved version here (make train makes one)\n"


def test_wrong_settings_stop_the_start_all_told_at_once() -> None:
    code, told = refused_start(0, threads="many")
    assert code == 2
    assert "ESTIMATOR_PORT is '0'" in told
    assert "ESTIMATOR_THREADS is 'many'" in told
