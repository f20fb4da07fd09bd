"""What a request may cost on the real server: memory under many at once, time, deadlines, clients that leave."""

import gzip
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from tests.service.health_watch import watched_health
from tests.service.homes import HOME
from tests.service.test_server import PREDICT_HEADERS, Server, running

pytestmark = pytest.mark.slow

MAX_BODY = 8 * 2**20
MAX_MEGABYTES = 800
"""Memory of a worker on two cores, whatever is sent."""
PATIENCE_SECONDS = 120.0


def fill(item: bytes, first: bytes = b"[", last: bytes = b"]") -> bytes:
    """Return JSON of the largest size: an item over and over."""
    return first + b",".join([item] * ((MAX_BODY - 100) // (len(item) + 1))) + last


def unknown_names(n: int) -> bytes:
    return json.dumps({f"fact {number:x}": 1 for number in range(n)}).encode()


HOSTILE: dict[str, tuple[str, bytes]] = {
    "objects in homes": ("/predict", fill(b'{"":{}}')),
    "empty lists": ("/predict", fill(b"[]")),
    "one home of many names": ("/predict", unknown_names(400_000)),
    "homes of many names": ("/predict", b"[" + b",".join([unknown_names(40)] * 9_999) + b"]"),
    "the same name again": ("/predict", fill(b'"a":1', b"{", b"}")),
    "short strings": ("/predict", fill(b'"ab"')),
    "brackets in text": ("/predict", fill(b'"{"')),
    "numbers": ("/predict", fill(b"0.1")),
    "nothing is valid": ("/predict", json.dumps([dict.fromkeys(HOME, "bad")] * 10_000).encode()),
    "unknown columns": ("/predict/batch", json.dumps({f"c{i}": [1] * 2_000 for i in range(1000)}).encode()),
    "tensors": (
        "/v2/models/king_county/infer",
        fill(b'{"name":"a","datatype":"FP64","shape":[0],"data":[]}', b'{"inputs":[', b"]}"),
    ),
}
"""Name → path, and a body that takes far more memory or time than its bytes."""


@pytest.fixture(scope="module")
def server(models: Path) -> Iterator[Server]:
    with running(models, workers=1, max_body=MAX_BODY, max_concurrent=256) as server:
        yield server


def send(server: Server, path: str, body: bytes, media_type: str = "application/json") -> tuple[int, bytes]:
    """Send a body as gzip; return status and answer."""
    connection = HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_SECONDS)
    try:
        headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
        connection.request("POST", path, gzip.compress(body, 1), headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@contextmanager
def bounded_memory(server: Server) -> Iterator[None]:
    """Fail if the worker has taken too much memory at any time, or has been replaced."""
    (worker,) = server.workers()
    Path(f"/proc/{worker}/clear_refs").write_text("5")  # sets the largest size to the current one
    yield
    assert server.workers() == [worker]
    status = Path(f"/proc/{worker}/status").read_text()
    (kilobytes,) = (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
    assert kilobytes / 1024 <= MAX_MEGABYTES


def cpu_seconds(server: Server) -> float:
    """Return the time that the worker has computed so far."""
    (worker,) = server.workers()
    user, system = Path(f"/proc/{worker}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / 100


def test_110_tables_at_once(server: Server) -> None:
    homes = [HOME | {"square_footage": 500 + row} for row in range(1000)]
    body = json.dumps(homes).encode()
    expected = server.predict(homes[7])[1]
    with bounded_memory(server), watched_health(server), ThreadPoolExecutor(110) as clients:
        answers = list(clients.map(lambda _: send(server, "/predict", body), range(110)))
    statuses = Counter(status for status, _ in answers)
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 10
    for status, content in answers:
        answer = json.loads(content)
        if status == 503:
            assert answer["type"] == "/problems/deadline-exceeded"
        else:
            assert len(answer) == 1000
            assert answer[7] == expected


@pytest.mark.parametrize("name", list(HOSTILE))
def test_sixteen_hostile_bodies_at_once(server: Server, name: str) -> None:
    path, body = HOSTILE[name]
    with bounded_memory(server), watched_health(server), ThreadPoolExecutor(16) as clients:
        statuses = {status for status, _ in clients.map(lambda _: send(server, path, body), range(16))}
    assert statuses <= {200, 400, 413, 422, 503}
    assert server.predict(HOME)[0] == 200


def test_no_hostile_body_takes_longer_than_the_largest_table(server: Server) -> None:
    def cost(path: str, body: bytes) -> float:
        before = cpu_seconds(server)
        send(server, path, body)
        return cpu_seconds(server) - before

    table = cost("/predict", json.dumps([HOME] * 10_000).encode())
    for name, (path, body) in HOSTILE.items():
        assert cost(path, body) < 1.5 * table, name


def test_as_many_reasons_as_are_allowed_cost_no_more_than_the_largest_table(server: Server) -> None:
    def cost(path: str, homes: int) -> float:
        before = cpu_seconds(server)
        assert send(server, path, json.dumps([HOME] * homes).encode())[0] == 200
        return cpu_seconds(server) - before

    table = cost("/predict", 10_000)
    for include, homes in (("comparables", 400), ("contributions", 100), ("what_if:latitude", 400)):
        assert cost(f"/predict?include={include}", homes) < 2 * table
    status, answer = send(server, "/predict?include=contributions", json.dumps([HOME] * 400).encode())
    assert (status, json.loads(answer)["type"]) == (413, "/problems/too-many-rows")


TABLES: dict[str, tuple[str, str, bytes]] = {
    "list": ("/predict", "application/json", json.dumps([HOME] * 10_000).encode()),
    "reasons": ("/predict?include=contributions", "application/json", json.dumps([HOME] * 2_500).encode()),
    "CSV": (
        "/predict/batch",
        "text/csv",
        (",".join(HOME) + "\n" + (",".join(map(str, HOME.values())) + "\n") * 10_000).encode(),
    ),
    "NDJSON": ("/predict/batch", "application/x-ndjson", (json.dumps(HOME) + "\n").encode() * 10_000),
    "columns": (
        "/predict/batch",
        "application/json",
        json.dumps({k: [v] * 10_000 for k, v in HOME.items()}).encode(),
    ),
    "deals": ("/screen", "application/json", json.dumps([HOME | {"list_price": 5e5}] * 10_000).encode()),
    "tensors": (
        "/v2/models/king_county/infer",
        "application/json",
        json.dumps(
            {
                "inputs": [
                    {"name": name, "datatype": "FP64", "shape": [10_000], "data": [value] * 10_000}
                    for name, value in HOME.items()
                ]
            }
        ).encode(),
    ),
}
"""Kind of answer → path, media type and body of a request; some of them at once take longer than a second."""


@pytest.fixture(scope="module")
def hurried(models: Path) -> Iterator[Server]:
    """A server whose requests must be answered within a second."""
    with running(models, workers=1, max_body=MAX_BODY, max_reasons=10_000, request_seconds=1) as server:
        yield server


@pytest.mark.parametrize("kind", list(TABLES))
def test_after_its_deadline_a_request_gets_503_and_no_part_of_an_answer(hurried: Server, kind: str) -> None:
    path, media_type, body = TABLES[kind]
    for at_once in (4, 16, 64):  # as many as the machine cannot answer in a second
        with ThreadPoolExecutor(at_once) as clients:
            answers = list(clients.map(lambda _: send(hurried, path, body, media_type), range(at_once)))
        whole = {answer for status, answer in answers if status == 200}
        assert {status for status, _ in answers} <= {200, 503}
        assert len(whole) <= 1
        if any(status == 503 for status, _ in answers):
            break
    stopped = [json.loads(answer) for status, answer in answers if status == 503]
    assert stopped
    for problem in stopped:
        text = problem["error"] if path.startswith("/v2") else problem["detail"]
        assert "took longer than" in text
    assert hurried.predict(HOME)[0] == 200
    assert_idle_soon(hurried)


def test_tables_of_clients_that_have_gone_are_not_valued_to_the_end(server: Server) -> None:
    def requests(status: int) -> float:
        name = f'estimator_requests_total{{method="POST",route="/predict",status="{status}"}} '
        lines = server.request("GET", "/metrics")[1].decode().splitlines()
        return next((float(line.removeprefix(name)) for line in lines if line.startswith(name)), 0.0)

    body = json.dumps([HOME] * 10_000).encode()
    head = PREDICT_HEADERS + f"Content-Length: {len(body)}\r\n\r\n".encode()
    answered, gone = requests(200), requests(499)
    with ExitStack() as clients:  # all send their tables, which take seconds together, then all leave
        for _ in range(16):
            connection = socket.create_connection(("127.0.0.1", server.port))
            clients.enter_context(connection).sendall(head + body)
        time.sleep(0.2)
    assert_idle_soon(server)
    assert requests(200) - answered <= 4
    assert requests(499) - gone >= 1  # one that the worker had begun; what waits in the front is dropped there


def assert_idle_soon(server: Server) -> None:
    """Fail if the worker goes on computing for long."""
    used = np.inf
    for _ in range(20):
        before = cpu_seconds(server)
        time.sleep(0.5)
        used = cpu_seconds(server) - before
        if used < 0.1:
            return
    raise AssertionError(f"the worker still computes: {used} seconds of CPU in half a second")


def test_small_requests_are_answered_beside_large_ones(server: Server) -> None:
    body = json.dumps([HOME] * 10_000).encode()

    def median_seconds() -> float:
        times = []
        for _ in range(30):
            start = time.perf_counter()
            assert server.predict(HOME)[0] == 200
            times.append(time.perf_counter() - start)
        return float(np.median(times))

    start = time.perf_counter()
    assert send(server, "/predict", body)[0] == 200
    alone = time.perf_counter() - start
    stopping = threading.Event()

    def go_on() -> None:
        while not stopping.is_set():
            send(server, "/predict", body)

    threads = [threading.Thread(target=go_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        beside = median_seconds()
    finally:
        stopping.set()
        for thread in threads:
            thread.join()
    assert beside < alone / 4
