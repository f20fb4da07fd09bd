"""The real server under load: publishing, killed workers, stopping, stalled clients, schemathesis."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.facts import Facts
from estimator.registry import load_version, publish, save_version
from tests.service.homes import HOME
from tests.service.test_server import PREDICT_HEADERS, TIMEOUT_SECONDS, Server, running

pytestmark = pytest.mark.slow

PUBLISHES = 20
SECONDS_OF_LOAD = 120
CONNECTIONS = 32


@dataclass
class Load:
    """The answers, failures and times of clients that send requests without a pause."""

    answers: "Counter[tuple[Any, ...]]" = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)


@contextmanager
def load(server: Server, clients: int, bodies: list[Any]) -> Iterator[Load]:
    """Send the bodies in turn on a number of persistent connections."""
    load_result = Load()

    def send(first: int) -> None:
        connection, turn = None, first
        while not load_result.stopping.is_set():
            turn += 1
            try:
                connection = connection or http.client.HTTPConnection(
                    "127.0.0.1", server.port, timeout=TIMEOUT_SECONDS
                )
                start = time.perf_counter()
                body = json.dumps(bodies[turn % len(bodies)])
                connection.request("POST", "/predict", body, {"Content-Type": "application/json"})
                answer = connection.getresponse()
                content = json.loads(answer.read())
                load_result.seconds.append(time.perf_counter() - start)
                load_result.answers[answer.status, content.get("model_version"), content.get("price")] += 1
            except (OSError, http.client.HTTPException) as error:
                if not load_result.stopping.is_set():
                    load_result.failures.append(repr(error))
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()

    threads = [threading.Thread(target=send, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield load_result
    finally:
        load_result.stopping.set()
        for thread in threads:
            thread.join()


def test_twenty_publishes_fail_no_request_and_prices_match_their_version(models: Path, tmp_path: Path) -> None:
    saved = load_version(models / "king_county")
    market = tmp_path / "king_county"
    record = {name: saved.manifest[name] for name in ("example", "inputs", "error_figures", "ratio_study")}
    prices: dict[str, float] = {}
    facts = Facts.of(saved.appraiser.market, [{name: float(value) for name, value in HOME.items()}])
    for number in range(PUBLISHES + 1):
        state = saved.appraiser.state()
        state["model"]["mean"] += 0.01 * number
        appraiser = Appraiser.from_state(state)
        prices[save_version(market, appraiser, record).name] = float(appraiser.value(facts).price[0])
    assert len(set(prices.values())) == PUBLISHES + 1
    first, *later = prices
    publish(market / first)
    with running(tmp_path) as server:
        with load(server, 8, [HOME]) as load_result:
            for name in later:
                publish(market / name)
                n_before = len(load_result.seconds)
                deadline = time.monotonic() + TIMEOUT_SECONDS
                while (
                    not any(answer[1] == name for answer in dict(load_result.answers))
                    or len(load_result.seconds) < n_before + 50
                ):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            time.sleep(1.5)
            before = Counter(load_result.answers)
            time.sleep(1)
            last = {answer[1] for answer in load_result.answers - before}
        assert server.stop() == 0
    assert load_result.failures == []
    assert {status for status, _, _ in load_result.answers} == {200}
    assert {version: price for _, version, price in load_result.answers} == prices
    assert last == {later[-1]}, "a worker still serves an old version"


def test_after_a_damaged_publish_the_old_version_is_served(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    good = (tmp_path / "king_county" / "current").resolve()
    shutil.copytree(good, good.with_name("bad"))
    (good.with_name("bad") / "appraiser.joblib").write_bytes(b"")
    with running(tmp_path) as server:
        publish(good.with_name("bad"))
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while server.log.read_text().count("cannot load") < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {good.name}
        server.replace_a_worker()
        server.wait_until_ready(3)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {good.name}
        metrics = server.request("GET", "/metrics")[1].decode()
        assert "estimator_failed_loads_total 3.0" in metrics
        assert f'estimator_workers_serving{{model_version="{good.name}"}} 2.0' in metrics


def seconds_of_twenty(server: Server) -> float:
    """Return how long it takes until twenty consecutive requests are answered."""
    start, n_consecutive = time.monotonic(), 0
    while n_consecutive < 20:
        assert time.monotonic() - start < TIMEOUT_SECONDS
        try:
            n_consecutive = n_consecutive + 1 if server.predict(HOME)[0] == 200 else 0
        except (OSError, http.client.HTTPException):
            n_consecutive = 0
    return time.monotonic() - start


def test_a_worker_killed_under_load_fails_no_request(models: Path) -> None:
    with running(models) as server, load(server, 8, [HOME]) as load_result:
        time.sleep(1)
        before = seconds_of_twenty(server)  # with the same load, so that a slow machine does not count
        os.kill(server.workers()[0], signal.SIGKILL)
        assert seconds_of_twenty(server) - before < 2
        time.sleep(2)
    assert load_result.failures == []
    assert {status for status, _, _ in load_result.answers} == {200}


def test_a_server_stopped_under_load_answers_requests_in_progress(models: Path) -> None:
    with running(models) as server, load(server, 8, [HOME]) as load_result:
        time.sleep(1)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(TIMEOUT_SECONDS) == 0
        load_result.stopping.set()
    assert {status for status, _, _ in load_result.answers} == {200}
    assert not [failure for failure in load_result.failures if "IncompleteRead" in failure]
    assert "trace" not in server.log.read_text()


def memory(server: Server) -> int:
    """Return the resident memory of all workers, in bytes."""
    return sum(
        int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        for worker in server.workers()
    )


@pytest.mark.timeout(SECONDS_OF_LOAD + 200)
def test_two_minutes_of_mixed_load_fail_no_request_and_leak_no_memory(models: Path) -> None:
    bodies: list[Any] = [HOME | {"square_footage": 1000 + 10 * number} for number in range(18)] + [
        {},
        {"grade": "x"},
    ]
    with running(models) as server:
        with load(server, CONNECTIONS, bodies) as load_result:
            time.sleep(SECONDS_OF_LOAD / 2)
            halfway = memory(server)
            time.sleep(SECONDS_OF_LOAD / 2)
            end = memory(server)
        assert server.stop() == 0
    assert load_result.failures == []
    counts: Counter[int] = Counter()
    for (status, _, _), count in load_result.answers.items():
        counts[status] += count
    assert set(counts) == {200, 422}
    assert counts[422] == pytest.approx(sum(counts.values()) / 10, rel=0.1)
    assert end < 1.05 * halfway
    assert end / 2 < 250e6, "memory per worker"


@pytest.mark.parametrize(
    "begun", [PREDICT_HEADERS, PREDICT_HEADERS + b"Content-Length: 90\r\n\r\n{"], ids=["headers", "body"]
)
def test_forty_stalled_requests_do_not_delay_others(models: Path, begun: bytes) -> None:
    with running(models) as server:
        stalled = [server.connect(begun) for _ in range(40)]
        seconds = []
        for _ in range(100):
            start = time.perf_counter()
            assert server.predict(HOME)[0] == 200
            seconds.append(time.perf_counter() - start)
        for connection in stalled:
            connection.close()
    assert np.quantile(seconds, 0.99) < 1


def test_metrics_are_summed_over_workers(models: Path) -> None:
    with running(models) as server:
        for _ in range(40):
            server.predict(HOME)
        metrics = [server.request("GET", "/metrics")[1].decode() for _ in range(10)]
        folders = len(server.workers())
        server.replace_a_worker()
        server.wait_until_ready(3)
        after = server.request("GET", "/metrics")[1].decode()
    count_line = 'estimator_requests_total{method="POST",route="/predict",status="200"} 40.0'
    assert all(count_line in exposition for exposition in [*metrics, after])
    serving = [line for line in after.splitlines() if line.startswith("estimator_workers_serving{")]
    assert [line.split()[-1] for line in serving] == [f"{folders}.0"]


@pytest.mark.parametrize("seed", [1, 2])
def test_schemathesis_finds_no_errors(models: Path, seed: int, tmp_path: Path) -> None:
    pytest.importorskip("schemathesis")
    # The document cannot express all rules (columns of equal length, for example), so valid data may be refused.
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "run", "--phases", "examples,coverage,fuzzing,stateful"),
        *(
            "--exclude-checks",
            "positive_data_acceptance",
            "--seed",
            str(seed),
            "--max-examples",
            "100",
            "--no-color",
        ),
    ]
    with running(models) as server:
        document = f"http://127.0.0.1:{server.port}/openapi.json"
        run = subprocess.run([*command, document], capture_output=True, text=True, cwd=tmp_path, check=False)
        assert server.stop() == 0
    assert run.returncode == 0, run.stdout
