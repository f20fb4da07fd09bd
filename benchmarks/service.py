"""Cost of the service: CPU time per request compared with an empty Flask route, by part, and for long lists.

    python -m benchmarks.service [--model models/king_county]

Prints Markdown. The service and the empty route run under the same server (`service/front/`), one after the other.
On a busy machine the ratios are more reliable than the times.
"""

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import timed
from estimator.market.facts import Facts
from estimator.registry import load_version
from service.http.json_body import json_answer, parse_json
from service.settings import Settings
from service.valuation.snapshot import Snapshot
from service.valuation.subject_columns import check_subject_columns, check_subjects
from service.valuation.subject_schema import Subject
from service.valuation.valuation import ValuationOptions, check_subject, value_facts

N_REQUESTS = 2000
N_ROWS = 10_000
N_RUNS = 3


@contextmanager
def running(command: list[str], port: int, path: str, **variables: str) -> Iterator[int]:
    """Start a server, wait until it answers, yield its process id, and stop it."""
    discard = subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=os.environ | variables, stdout=discard, stderr=discard, start_new_session=True
    )
    try:
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            try:
                connection.request("GET", path)
                if connection.getresponse().status == 200:
                    break
            except OSError:
                pass
            finally:
                connection.close()
            time.sleep(0.1)
        yield process.pid
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def cpu_seconds(pid: int) -> float:
    """Return the CPU time used by a server and its workers."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    stats = [Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split() for process in (pid, *children)]
    return sum(int(fields[11]) + int(fields[12]) for fields in stats) / os.sysconf("SC_CLK_TCK")


def cost(
    pid: int, port: int, method: str, path: str, body: bytes, n: int = N_REQUESTS
) -> tuple[float, float, float]:
    """Return CPU seconds per request, and median and 99th percentile of the latency, on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    before, seconds = cpu_seconds(pid), []
    for _ in range(n):
        start = time.perf_counter()
        connection.request(method, path, body, {"Content-Type": "application/json"})
        connection.getresponse().read()
        seconds.append(time.perf_counter() - start)
    connection.close()
    p50, p99 = np.quantile(seconds, [0.5, 0.99])
    return (cpu_seconds(pid) - before) / n, float(p50), float(p99)


@contextmanager
def plain_server() -> Iterator[tuple[int, int]]:
    """Run the empty route and the echo under the front, with one worker; yield process id and port."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.servers_front", "--port", str(port), "--workers", "1"]
    with running(command, port, "/") as pid:
        yield pid, port


@contextmanager
def service(model: Path) -> Iterator[tuple[int, int]]:
    """Run the service with one worker; yield process id and port."""
    port = free_port()
    variables = {"ESTIMATOR_MODEL": str(model), "ESTIMATOR_PORT": str(port), "ESTIMATOR_WORKERS": "1"}
    with running([sys.executable, "-m", "service"], port, "/readyz", **variables) as pid:
        yield pid, port


def requests(model: Path, home: Mapping[str, Any]) -> None:
    """Print the cost of one home compared with an empty route."""
    rows, body = {}, json.dumps(home).encode()
    with plain_server() as (pid, port):
        rows["empty Flask route"] = cost(pid, port, "GET", "/", b"")
        rows["Flask route that returns its JSON"] = cost(pid, port, "POST", "/echo", body)
    with service(model) as (pid, port):
        rows["GET /livez"] = cost(pid, port, "GET", "/livez", b"")
        rows["POST /predict"] = cost(pid, port, "POST", "/predict", body)
    empty = rows["empty Flask route"][0]
    print("| | CPU | ratio to the empty route | p50 | p99 |\n| --- | --- | --- | --- | --- |")
    for name, (cpu, p50, p99) in rows.items():
        print(f"| {name} | {1e6 * cpu:.0f} µs | {cpu / empty:.1f} | {1e3 * p50:.2f} ms | {1e3 * p99:.2f} ms |")


def parts(snapshot: Snapshot, home: Mapping[str, Any]) -> None:
    """Print the time of each part of one valuation, measured inside the process."""
    body = json.dumps(home).encode()
    subject = check_subject(snapshot.schema, home)
    assert isinstance(subject, Subject)
    appraiser = snapshot.appraiser
    facts, dates = Facts.of(appraiser.market, [subject.facts]), np.array([subject.date], "datetime64[D]")
    completed, _ = appraiser.areas.complete(facts)
    (answer,) = value_facts(appraiser, snapshot.version, facts, dates, ValuationOptions())
    day = None if appraiser.sale_dates is None else np.array([appraiser.sale_dates[1]])
    steps: dict[str, Callable[[], object]] = {
        "JSON in": lambda: parse_json(body),
        "validation": lambda: check_subject(snapshot.schema, home),
        "area figures": lambda: appraiser.areas.complete(facts),
        "applicability": lambda: appraiser.domain.check(completed),
        "comparables, kriging and networks": lambda: appraiser.model.estimate(completed, day),
        "complete valuation": lambda: value_facts(appraiser, snapshot.version, facts, dates, ValuationOptions()),
        "JSON out": lambda: json_answer(answer),
    }
    print("\n| part of one home | time |\n| --- | --- |")
    for name, run in steps.items():
        run()
        print(f"| {name} | {1e6 * min(timed(run, 100) for _ in range(N_RUNS)):.0f} µs |")


def lists(snapshot: Snapshot, home: Mapping[str, Any]) -> None:
    """Print the time to parse and check a long list, compared with marshmallow's checks."""
    facts = dict(list(home.items())[:10])
    homes = [facts | {"square_footage": 1000 + row % 3000, "latitude": 47.4 + 1e-5 * row} for row in range(N_ROWS)]
    columns = {name: [home_facts[name] for home_facts in homes] for name in facts}
    body, by_column = json.dumps(homes).encode(), json.dumps(columns).encode()
    market = snapshot.appraiser.market

    def best(run: Callable[[], object]) -> float:
        return min(timed(run) for _ in range(N_RUNS))

    marshmallow = best(lambda: [check_subject(snapshot.schema, home_facts) for home_facts in homes])
    listed = best(lambda: check_subjects(market, parse_json(body), has_dates=snapshot.has_dates))
    table = best(lambda: check_subject_columns(market, parse_json(by_column), has_dates=snapshot.has_dates))
    print(f"\n| {N_ROWS:,} homes of {len(facts)} facts | time | ratio to marshmallow |\n| --- | --- | --- |")
    for name, seconds in (
        ("marshmallow, one by one, without parsing", marshmallow),
        ("JSON list, parsed and checked", listed),
        ("JSON by column, parsed and checked", table),
    ):
        print(f"| {name} | {1e3 * seconds:.0f} ms | {seconds / marshmallow:.3f} |")


def free_port() -> int:
    """Return a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure the cost of the service.")
    parser.add_argument("--model", type=Path, default=Settings().model)
    model = parser.parse_args().model
    snapshot = Snapshot.of(load_version(model))
    home = snapshot.example["request"]
    requests(model, home)
    parts(snapshot, home)
    lists(snapshot, home)


if __name__ == "__main__":
    main()
