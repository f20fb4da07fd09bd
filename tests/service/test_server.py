"""The server that `python -m service` starts: real processes, real sockets, real signals."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from tests.service.homes import HOME

ROOT = Path(__file__).parents[2]
TIMEOUT_SECONDS = 30.0
MAX_BODY = 1_000_000

PREDICT_HEADERS = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def request(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """Send a request on a new connection; return the status and the body of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def predict(self, body: Any) -> tuple[int, Any]:
        status, answer = self.request("POST", "/predict", json.dumps(body).encode())
        return status, json.loads(answer)

    def connect(self, sent: bytes) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT_SECONDS)
        connection.sendall(sent)
        return connection

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(child) for child in children.read_text().split()]

    def wait_until_ready(self, workers: int = 2) -> None:
        """Wait until the log says that a number of workers serve."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while min(self.log.read_text().count(text) for text in ("is ready", "serving version ")) < workers:
            assert time.monotonic() < deadline
            assert self.process.poll() is None
            time.sleep(0.02)

    def replace_a_worker(self) -> None:
        """Kill a worker and wait until another process replaces it; that need not be ready."""
        before = self.workers()
        os.kill(before[0], signal.SIGKILL)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while len(set(self.workers()) - {before[0]}) < len(before):
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def stop(self) -> int:
        """Send SIGTERM and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(TIMEOUT_SECONDS)


def start(port: int, log: Path, **settings: object) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ESTIMATOR_")}
    environment |= {f"ESTIMATOR_{name.upper()}": str(value) for name, value in settings.items()}
    environment["ESTIMATOR_PORT"] = str(port)
    with log.open("ab") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "service"],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            start_new_session=True,
        )


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def running(models: Path, **settings: object) -> Iterator[Server]:
    port = free_port()
    # Its own folder: a port may have been another server's, whose log says that it is ready.
    folder = Path(tempfile.mkdtemp(prefix="server-", dir=models))
    log = folder / "server.log"
    defaults = {"model": models / "king_county", "max_body": MAX_BODY, "jobs_folder": folder / "jobs"}
    settings = {**defaults, **settings}
    server = Server(start(port, log, **settings), port, log)
    try:
        server.wait_until_ready(int(str(settings.get("workers", 2))))
        yield server
    finally:
        server.process.terminate()
        server.process.wait(TIMEOUT_SECONDS)


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with running(models) as server:
        yield server


def test_it_values_a_home(server: Server) -> None:
    status, valuation = server.predict(HOME)
    assert status == 200
    assert valuation["price_low"] < valuation["price"] < valuation["price_high"]


def test_each_worker_reports_when_it_last_checked_for_a_new_version(server: Server) -> None:
    metric = r'estimator_last_check_timestamp_seconds\{worker="(\d+)"\} (\S+)'
    checks = dict(re.findall(metric, server.request("GET", "/metrics")[1].decode()))
    assert sorted(map(int, checks)) == sorted(server.workers())
    for seconds in checks.values():
        assert abs(time.time() - float(seconds)) < TIMEOUT_SECONDS
    assert b"last check for a new version: " in server.request("GET", "/readyz")[1]


def test_both_workers_give_the_same_answer(server: Server) -> None:
    assert len(server.workers()) == 2
    answers = {json.dumps(server.predict(HOME)) for _ in range(20)}
    assert len(answers) == 1


@pytest.mark.parametrize(
    "begun",
    [PREDICT_HEADERS, PREDICT_HEADERS + b"Content-Length: 90\r\n\r\n{"],
    ids=["headers", "body"],
)
def test_forty_stalled_clients_do_not_block_others(server: Server, begun: bytes) -> None:
    stalled = [server.connect(begun) for _ in range(40)]
    try:
        for _ in range(20):
            assert server.predict(HOME)[0] == 200
    finally:
        for connection in stalled:
            connection.close()


def test_a_client_that_never_finishes_its_headers_is_disconnected(models: Path) -> None:
    with running(models, header_timeout=1, host="localhost") as server:
        with server.connect(b"GET /livez HTTP/1.1\r\nHost: here\r\n") as connection:
            assert connection.recv(1000) == b""
        assert server.stop() == 0


def test_a_truncated_body_is_not_valued(server: Server) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n"
    )
    with server.connect(head + json.dumps(HOME).encode()) as connection:
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(1000)
    assert b" 200 " not in answer
    assert server.predict(HOME)[0] == 200


def test_a_chunked_body_is_refused(server: Server) -> None:
    head = (
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
    )
    body = json.dumps([HOME] * 20_000).encode()
    with server.connect(head + b"\r\n") as connection:
        connection.sendall(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 411 ")


def test_a_body_over_the_limit_is_refused(server: Server) -> None:
    status, problem = server.request("POST", "/predict", bytes(10 * MAX_BODY))
    assert status == 413
    assert json.loads(problem)["type"] == "/problems/body-too-large"


def test_what_a_worker_has_valued_is_counted_before_it_ends(models: Path) -> None:
    with running(models, workers=1) as server:
        (worker,) = server.workers()
        for _ in range(5):
            assert server.predict([HOME, HOME])[0] == 200
        server.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while worker in server.workers():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        metrics = server.request("GET", "/metrics")[1]
        assert b'estimator_input_count{fact="square_footage"} 10.0' in metrics
        assert b"estimator_rows_valued_total 10.0" in metrics


def test_a_killed_worker_is_replaced(models: Path) -> None:
    with running(models) as server:
        server.replace_a_worker()
        server.wait_until_ready(3)
        assert server.predict(HOME)[0] == 200
        assert server.stop() == 0


def test_stopping_does_not_wait_for_a_worker_that_is_starting(models: Path) -> None:
    with running(models, stop_timeout=1000) as server:
        server.replace_a_worker()
        assert server.stop() == 0


def test_a_signal_to_the_process_group_stops_the_server(models: Path) -> None:
    with running(models) as server:
        os.killpg(server.process.pid, signal.SIGTERM)
        assert server.process.wait(TIMEOUT_SECONDS) == 0


def test_requests_in_flight_at_sigterm_are_answered_and_the_exit_code_is_0(models: Path) -> None:
    body = json.dumps(HOME).encode()
    begun = PREDICT_HEADERS + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
    with running(models) as server, ExitStack() as connections:
        connection_in_flight = [connections.enter_context(server.connect(begun)) for _ in range(8)]
        for connection in connection_in_flight:
            # The application waits for the body: the request is in progress.
            assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for connection in connection_in_flight:
            connection.sendall(body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert answer.status == 200
            assert json.loads(answer.read())["price"] > 0
        assert server.process.wait(TIMEOUT_SECONDS) == 0
        assert "Traceback" not in server.log.read_text()


def test_after_sigterm_a_server_is_not_ready_but_answers_requests_in_flight(models: Path) -> None:
    body = json.dumps(HOME).encode()
    begun = PREDICT_HEADERS + f"Content-Length: {len(body)}\r\nExpect: 100-continue\r\n\r\n".encode()
    with running(models, workers=1) as server, ExitStack() as connections:
        connection_in_flight = connections.enter_context(server.connect(begun))
        assert connection_in_flight.recv(1000).startswith(b"HTTP/1.1 100 ")
        health = connections.enter_context(server.connect(b"GET /readyz HTTP/1.1\r\nHost: here\r\n"))
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        health.sendall(b"\r\n")
        assert health.recv(1000).startswith(b"HTTP/1.1 503 ")
        connection_in_flight.sendall(body)
        assert connection_in_flight.recv(1000).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(TIMEOUT_SECONDS) == 0


def test_a_stalled_upload_does_not_keep_a_server_from_stopping(models: Path) -> None:
    with (
        running(models, stop_timeout=1) as server,
        server.connect(PREDICT_HEADERS + b"Content-Length: 90\r\n\r\n{"),
    ):
        time.sleep(0.2)
        assert server.stop() == 0


def test_the_log_has_the_served_version_and_no_request_data(models: Path) -> None:
    with running(models) as server:
        version = server.predict(HOME)[1]["model_version"]
        assert server.stop() == 0
    log = server.log.read_text()
    assert log.count(f"serving version {version}") == 2
    assert "square_footage" not in log
    assert "WARNING" not in log


def refused_start(port: int, folder: Path, **settings: object) -> str:
    """Return the output of a server that does not start."""
    log = folder / "refused.log"
    assert start(port, log, **settings).wait(TIMEOUT_SECONDS) == 2
    return log.read_text()


def test_a_port_in_use_prevents_the_start(server: Server, models: Path, tmp_path: Path) -> None:
    message = refused_start(server.port, tmp_path, model=models / "king_county")
    assert message == f"cannot listen on 127.0.0.1, port {server.port}: Address already in use\n"


def test_a_missing_model_prevents_the_start(tmp_path: Path) -> None:
    message = refused_start(free_port(), tmp_path, model=tmp_path)
    assert (
        message == f"{tmp_path}: there is no saved version here; train one with `house-price train --market …`\n"
    )


def test_damaged_list_prices_stop_neither_the_server_nor_a_worker(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    path = tmp_path / "king_county" / LIST_PRICES_FILE
    path.write_text('{"format": 2, "scores": [')
    with running(tmp_path) as server:
        server.replace_a_worker()
        server.wait_until_ready(3)
        assert server.predict(HOME)[0] == 200
        status, deals = server.request("POST", "/screen", json.dumps([HOME | {"list_price": 500_000}]).encode())
        assert status == 200
        assert json.loads(deals)["asks"]["fitted"] is False
        assert b"list_prices.json cannot be used" in server.request("GET", "/readyz")[1]
        assert b"estimator_damaged_list_prices 2.0" in server.request("GET", "/metrics")[1]
        path.unlink()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while b"cannot be used" in server.request("GET", "/readyz")[1]:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert b"estimator_damaged_list_prices 0.0" in server.request("GET", "/metrics")[1]
    assert server.log.read_text().count(f"{path}: cannot be used: ") >= 3


def test_invalid_settings_prevent_the_start_and_are_all_reported(tmp_path: Path) -> None:
    message = refused_start(0, tmp_path, threads="many")
    assert "ESTIMATOR_PORT is '0'" in message
    assert "ESTIMATOR_THREADS is 'many'" in message
