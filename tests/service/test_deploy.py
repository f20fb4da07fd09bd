"""The files in deploy/: nginx in front of the real server, the systemd unit, the clients."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.service.homes import HOME
from tests.service.test_server import ROOT, TIMEOUT_SECONDS, Server, free_port, running

DEPLOY = ROOT / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")


@contextmanager
def proxied(server: Server, folder: Path) -> Iterator[Server]:
    """Run nginx with the shipped configuration in front of a server, on a free port and in a temporary folder."""
    port = free_port()
    for name in ("body", "proxy", "fastcgi", "uwsgi", "scgi"):
        (folder / name).mkdir()
    configuration = (DEPLOY / "nginx.conf").read_text()
    for shipped, ours in (
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
        ("/run/nginx.pid", f"{folder}/nginx.pid"),
        ("/dev/stdout", f"{folder}/access.log"),
        ("/var/lib/nginx", str(folder)),
        ("client_max_body_size 8m", "client_max_body_size 1m"),
    ):
        assert shipped in configuration
        configuration = configuration.replace(shipped, ours)
    (folder / "nginx.conf").write_text(configuration)
    assert NGINX is not None
    # nginx's workers write to the test's folder. If the tests run as root, the workers must do so, too.
    user = "user root; " if os.getuid() == 0 else ""
    with (folder / "nginx.log").open("wb") as log:
        command: list[str | Path] = [NGINX, "-c", folder / "nginx.conf", "-g", f"{user}daemon off;"]
        nginx = subprocess.Popen(command, stderr=log)
    try:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not _listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield Server(server.process, port, server.log)
    finally:
        nginx.terminate()
        nginx.wait(TIMEOUT_SECONDS)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(scope="module")
def proxy(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with (
        running(models, proxies=1, rate_limit="10000/second", threads=8, max_concurrent=6) as server,
        proxied(server, tmp_path_factory.mktemp("nginx")) as proxy,
    ):
        yield proxy


slow = pytest.mark.slow


@slow
def test_nginx_forwards_requests_and_answers(proxy: Server) -> None:
    status, valuation = proxy.predict(HOME)
    assert status == 200
    assert valuation["price"] > 0
    assert proxy.request("GET", "/readyz")[0] == 200
    assert proxy.request("GET", "/metrics")[0] == 200


@slow
@pytest.mark.parametrize("clients", [40, 90])
@pytest.mark.parametrize(
    "begun",
    [
        b"POST /predict HTTP/1.1\r\nHost: here\r\n",
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 90\r\n\r\n{",
    ],
    ids=["headers", "body"],
)
def test_stalled_clients_do_not_block_others_behind_nginx(proxy: Server, begun: bytes, clients: int) -> None:
    # The server has fewer threads.
    stalled = [proxy.connect(begun) for _ in range(clients)]
    seconds = []
    for _ in range(50):
        began = time.perf_counter()
        assert proxy.predict(HOME)[0] == 200
        seconds.append(time.perf_counter() - began)
    for connection in stalled:
        connection.close()
    assert max(seconds) < 1


@slow
@pytest.mark.parametrize(("size", "status"), [(500_000, 400), (2_000_000, 413)])
def test_a_chunked_body_is_accepted_completely_or_refused(proxy: Server, size: int, status: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT_SECONDS)
    chunks = (b"[" + b" " * 999 for _ in range(size // 1000))
    with suppress(BrokenPipeError):  # refused before the whole body was sent
        connection.request("POST", "/predict", chunks, {"Content-Type": "application/json"}, encode_chunked=True)
    answer = connection.getresponse()
    problem = json.loads(answer.read())
    connection.close()
    assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert problem["type"] == ("/problems/malformed-json" if status == 400 else "/problems/body-too-large")


@slow
def test_a_chunked_list_behind_nginx_is_valued_completely(proxy: Server) -> None:
    body = json.dumps([HOME] * 3000).encode()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=TIMEOUT_SECONDS)
    pieces = (body[start : start + 4096] for start in range(0, len(body), 4096))
    connection.request("POST", "/predict", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert len(answer) == 3000
    assert all("price" in valuation for valuation in answer)


def status_from(
    address: str, port: int, path: str = "/predict", **headers: str
) -> tuple[int, http.client.HTTPMessage]:
    """Send a request from an address of the loopback network; return the status and the headers of the answer."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=TIMEOUT_SECONDS, source_address=(address, 0)
    )
    sent = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    connection.request("GET" if path != "/predict" else "POST", path, json.dumps(HOME), sent)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer.headers


@slow
def test_rate_limits_count_each_address_behind_nginx_whatever_a_client_claims(
    models: Path, tmp_path: Path
) -> None:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with (
        running(models, workers=1, proxies=1, rate_limit="5/hour") as server,
        proxied(server, tmp_path) as proxy,
    ):
        assert [status_from("127.0.0.2", proxy.port)[0] for _ in range(7)] == [200] * 5 + [429] * 2
        for claimed in ("192.0.2.1", "127.0.0.3, 192.0.2.1", "127.0.0.1", "x", "", "::1", "\xe9"):
            status, headers = status_from(
                "127.0.0.2", proxy.port, X_Forwarded_For=claimed, X_Real_IP=claimed, Forwarded=f"for={claimed}"
            )
            assert status == 429
            assert int(headers["Retry-After"]) > 0
        assert status_from("127.0.0.2", proxy.port, "/livez")[0] == 200
        assert status_from("127.0.0.3", proxy.port)[0] == 200


@slow
def test_without_a_proxy_the_address_that_a_client_claims_is_ignored(models: Path) -> None:
    with running(models, workers=1, rate_limit="5/hour") as server:
        statuses = [
            status_from("127.0.0.2", server.port, X_Forwarded_For=f"192.0.2.{number}")[0] for number in range(7)
        ]
        assert statuses == [200] * 5 + [429] * 2
        assert status_from("127.0.0.3", server.port, X_Forwarded_For="127.0.0.2")[0] == 200


@slow
def test_nginx_limits_the_connections_of_each_address(proxy: Server) -> None:
    begun = b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 90\r\n\r\n{"
    stalled = [proxy.connect(begun) for _ in range(100)]
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while (answer := status_from("127.0.0.1", proxy.port))[0] != 429:
        assert time.monotonic() < deadline
    assert answer[1]["Content-Type"] == "application/problem+json"
    assert answer[1]["Retry-After"]
    assert status_from("127.0.0.2", proxy.port)[0] == 200
    for connection in stalled:
        connection.close()
    while status_from("127.0.0.1", proxy.port)[0] != 200:
        assert time.monotonic() < deadline


@slow
def test_a_stopped_server_is_a_problem_answer(models: Path, tmp_path: Path) -> None:
    if NGINX is None:
        pytest.skip("nginx is not installed")
    with running(models) as server, proxied(server, tmp_path) as proxy:
        server.stop()
        status, problem = proxy.predict(HOME)
        assert (status, problem["type"]) == (503, "/problems/not-ready")


@slow
def test_the_example_clients_get_prices(models: Path, tmp_path: Path) -> None:
    (tmp_path / "homes.csv").write_text(",".join(HOME) + "\n" + ",".join(map(str, HOME.values())) + "\n")
    with running(models) as server:
        url = f"http://127.0.0.1:{server.port}"
        commands: list[list[str | Path]] = [
            [sys.executable, DEPLOY / "examples" / "client.py", url],
            ["sh", DEPLOY / "examples" / "client.sh", tmp_path / "homes.csv", url],
            ["node", DEPLOY / "examples" / "client.js", url],
        ]
        for command in commands:
            if shutil.which(str(command[0])) is None:
                continue
            run = subprocess.run(command, capture_output=True, text=True, check=False)
            assert run.returncode == 0, run.stderr
            assert run.stdout.strip()
            assert not run.stderr


def test_the_python_client_has_at_most_ten_lines() -> None:
    lines = (DEPLOY / "examples" / "client.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 11, "ten lines and the docstring"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "house-price-estimator.service").read_text().replace("/opt/house-price-estimator", str(ROOT))
    (tmp_path / "house-price-estimator.service").write_text(unit)
    command: list[str | Path] = ["systemd-analyze", "verify", tmp_path / "house-price-estimator.service"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
