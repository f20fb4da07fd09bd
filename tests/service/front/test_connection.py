"""Clients that stall, are idle, send too much or send no HTTP, on the real server."""

import hashlib
import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.service.health_watch import watched_health
from tests.service.homes import HOME
from tests.service.test_server import MAX_BODY, PREDICT_HEADERS, Server, running

pytestmark = pytest.mark.slow

KEY = "correct horse battery staple"
BODY = json.dumps(HOME).encode()
WHOLE_BODY = PREDICT_HEADERS + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with running(models, body_timeout=4, body_rate=1000, request_seconds=20) as server:
        yield server


def answer_to(connection: socket.socket) -> tuple[int, str, str]:
    """Return the status, the problem's type and the Connection header of an answer."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-ID"]
    return answer.status, json.loads(answer.read())["type"], answer.headers["Connection"]


@pytest.mark.parametrize("begun", [b"", b"POST", PREDICT_HEADERS], ids=["nothing", "a word", "half the headers"])
def test_eleven_hundred_idle_connections_do_not_delay_health(server: Server, begun: bytes) -> None:
    with ExitStack() as connections:
        for _ in range(1100):
            connections.enter_context(server.connect(begun))
        with watched_health(server):
            assert [server.predict(HOME)[0] for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("length", [90, MAX_BODY])
def test_three_hundred_stalled_bodies_delay_nobody(server: Server, length: int) -> None:
    begun = PREDICT_HEADERS + f"Content-Length: {length}\r\n\r\n{{".encode()
    with ExitStack() as connections:
        for _ in range(300):
            connections.enter_context(server.connect(begun))
        with watched_health(server):
            assert [server.predict(HOME)[0] for _ in range(20)] == [200] * 20


def test_a_connection_over_the_maximum_takes_the_place_of_the_one_that_was_idle_for_longest(models: Path) -> None:
    with running(models, max_connections=100) as server, ExitStack() as connections:
        idle = [connections.enter_context(server.connect(b"")) for _ in range(300)]
        with watched_health(server):
            assert server.predict(HOME)[0] == 200
        assert idle[0].recv(10) == b""


def test_a_body_that_stalls_gets_408(server: Server) -> None:
    with server.connect(PREDICT_HEADERS + b"Content-Length: 90\r\n\r\n{") as connection:
        assert answer_to(connection) == (408, "/problems/body-too-slow", "close")


def test_a_body_that_trickles_gets_408(models: Path) -> None:
    with (
        running(models, body_rate=100_000) as server,
        server.connect(PREDICT_HEADERS + b"Content-Length: 100000\r\n\r\n") as connection,
    ):
        connection.settimeout(0.1)
        start = time.monotonic()
        while time.monotonic() - start < 30:
            connection.sendall(b" ")
            try:
                begun = connection.recv(12, socket.MSG_PEEK)
            except TimeoutError:
                continue
            assert begun == b"HTTP/1.1 408"
            return
        pytest.fail("a body at 10 bytes per second was not refused")


def test_a_client_that_does_not_take_its_answers_is_disconnected(server: Server) -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: here\r\n\r\n"
    with server.connect(b"") as connection, watched_health(server):
        connection.setblocking(False)
        start = time.monotonic()
        while time.monotonic() - start < 30:
            try:
                connection.send(request * 100)
            except BlockingIOError:
                time.sleep(0.1)
            except ConnectionError:
                return
    pytest.fail("the connection is still open")


def test_pipelined_requests_are_answered_in_order_and_do_not_delay_health(server: Server) -> None:
    n = 2000
    with server.connect(b"GET /livez HTTP/1.1\r\nHost: here\r\n\r\n" * n + WHOLE_BODY) as connection:
        with watched_health(server):
            received = bytearray()
            while received.count(b"HTTP/1.1 200 OK") <= n:
                received += connection.recv(2**16)
        assert received.count(b"alive") == n
        assert received.index(b"price_low") > received.rindex(b"alive")


@pytest.fixture(scope="module")
def keyed(models: Path) -> Iterator[Server]:
    with running(models, api_keys=hashlib.sha256(KEY.encode()).hexdigest()) as server:
        yield server


@pytest.mark.parametrize("header", [b"", b"X-API-Key: wrong\r\n"], ids=["no key", "a wrong key"])
def test_a_request_without_a_valid_key_is_refused_before_its_body(keyed: Server, header: bytes) -> None:
    with keyed.connect(PREDICT_HEADERS + header + b"Content-Length: 1000\r\n\r\n") as connection:
        assert answer_to(connection) == (401, "/problems/no-key", "close")


def test_a_request_with_a_key_is_answered(keyed: Server) -> None:
    with keyed.connect(WHOLE_BODY.replace(b"Host", f"X-API-Key: {KEY}\r\nHost".encode(), 1)) as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"


def test_a_busy_server_refuses_before_the_body_and_stays_healthy(models: Path) -> None:
    table = json.dumps([HOME] * 1900).encode()
    begun = PREDICT_HEADERS + f"Content-Length: {len(table)}\r\n\r\n".encode()
    clients = 24  # as many as keep any machine busy for longer than the pause
    with running(models, max_concurrent=clients) as server, ExitStack() as connections, watched_health(server):
        busy = [connections.enter_context(server.connect(begun + table)) for _ in range(clients)]
        time.sleep(0.2)
        with server.connect(begun) as connection:
            assert answer_to(connection) == (503, "/problems/busy", "close")
        for connection in busy:
            assert connection.recv(12) == b"HTTP/1.1 200"


def test_bodies_beyond_the_memory_for_them_are_refused_or_the_slowest_is_closed(models: Path) -> None:
    begun = PREDICT_HEADERS + b"Content-Length: 900000\r\n\r\n" + b" " * 800_000
    with running(models, buffer_memory=2**21) as server, ExitStack() as connections, watched_health(server):
        stalled = [connections.enter_context(server.connect(begun)) for _ in range(2)]
        time.sleep(0.5)
        with server.connect(PREDICT_HEADERS + b"Content-Length: 900000\r\n\r\n") as connection:
            assert answer_to(connection) == (503, "/problems/busy", "close")
        assert server.predict(HOME)[0] == 200
        assert len(stalled) == 2


@pytest.mark.parametrize("length", [MAX_BODY + 1, 2**63 - 1, 10**19])
@pytest.mark.parametrize("expect", [b"", b"Expect: 100-continue\r\n"], ids=["", "expect"])
def test_a_length_over_the_limit_gets_413_at_once(server: Server, length: int, expect: bytes) -> None:
    head = PREDICT_HEADERS + expect + f"Content-Length: {length}\r\n\r\n".encode()
    with server.connect(head) as connection:
        assert answer_to(connection) == (413, "/problems/body-too-large", "close")


def test_the_open_inference_protocol_has_its_own_form_of_a_refusal(server: Server) -> None:
    head = b"POST /v2/models/king_county/infer HTTP/1.1\r\nHost: here\r\nContent-Length: 99999999\r\n\r\n"
    with server.connect(head) as connection:
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert list(json.loads(answer.read())) == ["error"]


@pytest.mark.parametrize(
    "head",
    [
        b"GET /model HTTP/1.1\r\n",
        b"GET /model HTTP/1.1\r\nHost: here\r\nHost: there\r\n",
        b"GET /model HTTP/1.1\r\nHost: here\r\nHost: here\r\n",
        b"GET /model HTTP/1.1\r\nHost:\r\n",
        b"GET /model HTTP/1.1\r\nHost: a b\r\n",
        b"GET /model HTTP/1.1\r\nHost: a/b\r\n",
        b"GET /model HTTP/1.1\r\nHost: a@b\r\n",
        b"GET /model HTTP/1.1\r\nHost: here:x\r\n",
        b"GET /model HTTP/1.1\r\nHost: [::1\r\n",
        b"GET /model HTTP/1.1\r\nHost: \xc3\xa4\r\n",
        b"GET model HTTP/1.1\r\nHost: here\r\n",
        b"GET  /model HTTP/1.1\r\nHost: here\r\n",
        b"GET /model HTTP/2.0\r\nHost: here\r\n",
        b"GET /model\r\nHost: here\r\n",
        b"GET /model HTTP/1.1\r\nHost: here\r\nX\r\n",
        b"GET /model HTTP/1.1\r\nHost: here\r\nX : 1\r\n",
        b"GET /model HTTP/1.1\r\nHost: here\r\nX: \x00\r\n",
        b"CONNECT here:80 HTTP/1.1\r\nHost: here\r\n",
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: -1\r\n",
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 1, 2\r\n",
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 1\r\nContent-Length: 2\r\n",
        b"POST /predict HTTP/1.1\r\nHost: here\r\nContent-Length: 9" + b"9" * 30 + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",
    ],
)
def test_what_is_not_a_request_gets_400(server: Server, head: bytes) -> None:
    with server.connect(head + b"\r\n") as connection:
        assert answer_to(connection) == (400, "/problems/malformed-request", "close")


@pytest.mark.parametrize("host", [b"here", b"here:80", b"[::1]:80", b"127.0.0.1", b"my_service.example.com"])
def test_hosts_are_accepted(server: Server, host: bytes) -> None:
    with server.connect(b"GET /model HTTP/1.1\r\nHost: " + host + b"\r\n\r\n") as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"


@pytest.mark.parametrize("headers", [b"X: " + b"x" * 40_000, b"X: x\r\n" * 150 + b"\r\n"], ids=["bytes", "number"])
def test_headers_over_the_limit_get_431(server: Server, headers: bytes) -> None:
    with server.connect(b"GET /model HTTP/1.1\r\nHost: here\r\n" + headers) as connection:
        assert answer_to(connection) == (431, "/problems/headers-too-large", "close")


@pytest.mark.parametrize(
    ("request_line", "connection_header"),
    [(b"GET /model HTTP/1.0\r\n", b""), (b"GET /model HTTP/1.1\r\nHost: here\r\n", b"Connection: close\r\n")],
)
def test_a_connection_is_closed_if_the_client_asks_for_it(
    server: Server, request_line: bytes, connection_header: bytes
) -> None:
    with server.connect(request_line + connection_header + b"\r\n") as connection:
        received = b""
        while chunk := connection.recv(2**16):
            received += chunk
    assert received.startswith(b"HTTP/1.1 200 OK")


def test_head_has_no_body_and_the_connection_goes_on(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    for path in ("/livez", "/model", "/no-such"):
        connection.request("HEAD", path)
        head = connection.getresponse()
        assert head.read() == b""
        connection.request("GET", path)
        got = connection.getresponse()
        assert (got.status, got.headers["Content-Length"]) == (head.status, str(len(got.read())))
    connection.close()


def test_a_client_that_has_gone_is_no_longer_computed_for(models: Path) -> None:
    table = json.dumps([HOME] * 1900).encode()
    begun = PREDICT_HEADERS + f"Content-Length: {len(table)}\r\n\r\n".encode() + table
    with running(models) as server:
        for _ in range(40):
            server.connect(begun).close()
        with watched_health(server):
            assert server.predict(HOME)[0] == 200
        metrics = server.request("GET", "/metrics")[1].decode()
        answered = 'estimator_requests_total{method="POST",route="/predict",status="200"} '
        count = next(float(line.rpartition(" ")[2]) for line in metrics.splitlines() if line.startswith(answered))
        assert count < 20
