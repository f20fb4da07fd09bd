"""How much a job slows other requests: `POST /predict` while a table is valued, and while none is.

    python -m benchmarks.jobs [--model models/king_county] [--rows 100000] [--rounds 5]

Starts the real server, lets 8 clients ask it, and measures rounds with and without a job in turn, so that what
else happens on the machine touches both. Prints Markdown. The ratio is more reliable than the times.
"""

import argparse
import csv
import http.client
import io
import json
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.service import free_port, running
from estimator.registry import load_version

CLIENTS = 8
ROUND_SECONDS = 8.0
"""Enough requests for a 99th percentile, and short enough that the machine is the same in neighbouring rounds."""
PAUSES = {"8 clients without a pause": 0.0, "8 clients, each with a pause of 0.1 s": 0.1}
"""Load → pause of a client between two requests, in seconds."""


@dataclass
class Clients:
    """Clients that ask for one home each time, and how long each answer took."""

    port: int
    home: bytes
    pause: float
    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def ask(self, duration: float) -> None:
        """Let all clients ask for a time."""
        ends = time.monotonic() + duration
        threads = [threading.Thread(target=self._ask, args=(ends,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _ask(self, ends: float) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while time.monotonic() < ends:
            began = time.perf_counter()
            connection.request("POST", "/predict", self.home, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.seconds.append(time.perf_counter() - began)
            if answer.status != 200:
                self.failures.append(str(answer.status))
            time.sleep(self.pause)
        connection.close()


def exchange(port: int, method: str, path: str, body: bytes = b"", kind: str = "text/csv") -> tuple[int, bytes]:
    """Send a request on a new connection; return status and body of the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    try:
        connection.request(method, path, body, {"Content-Type": kind})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def table_of(home: Mapping[str, Any], rows: int) -> bytes:
    """Return a table of homes that differ in size."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(home), lineterminator="\n")
    writer.writeheader()
    for row in range(rows):
        writer.writerow({**home, "square_footage": 1000 + row % 2000})
    return text.getvalue().encode()


def compare(port: int, home: Mapping[str, Any], rows: int, rounds: int, pause: float) -> tuple[list[float], ...]:
    """Return the times of answers without and with a job, after checking that no row of it is lost."""
    body, without, during = json.dumps(home).encode(), [], []
    table = table_of(home, rows)
    for _ in range(rounds):
        clients = Clients(port, body, pause)
        clients.ask(ROUND_SECONDS)
        without += clients.seconds
        status, answer = exchange(port, "POST", "/jobs", table)
        assert status == 202, answer
        path = f"/jobs/{json.loads(answer)['id']}"
        while json.loads(exchange(port, "GET", path)[1])["status"] == "waiting":
            time.sleep(0.1)
        clients_beside = Clients(port, body, pause)
        clients_beside.ask(ROUND_SECONDS)
        during += clients_beside.seconds
        assert not clients.failures + clients_beside.failures
        job = json.loads(exchange(port, "GET", path)[1])
        print(f"{job['rows']} of {job['rows_total']} homes in {ROUND_SECONDS} s", file=sys.stderr)
        while (job := json.loads(exchange(port, "GET", path)[1]))["status"] == "running":
            time.sleep(0.2)
        _, result = exchange(port, "GET", f"{path}/result")
        assert job["valued"] == rows == result.count(b"\n") - 1, job
        exchange(port, "DELETE", path)
    return without, during


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=Path("models/king_county"))
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    home = load_version(options.model).manifest["example"]
    port = free_port()
    print("| load | | p50 | p99 | requests/s |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        variables = {"MODEL": options.model, "PORT": port, "JOBS_FOLDER": f"{folder}/jobs", "JOBS_DISK": 2**36}
        environment = {f"ESTIMATOR_{name}": str(value) for name, value in variables.items()}
        with running([sys.executable, "-m", "service"], port, "/readyz", **environment):
            for name, pause in PAUSES.items():
                times = compare(port, home, options.rows, options.rounds, pause)
                p99 = [float(np.quantile(seconds, 0.99)) for seconds in times]
                for what, seconds in zip(("no job", "a job"), times, strict=True):
                    p50, high = np.quantile(seconds, [0.5, 0.99])
                    rate = len(seconds) / options.rounds / ROUND_SECONDS
                    print(f"| {name} | {what} | {1e3 * p50:.1f} ms | {1e3 * high:.1f} ms | {rate:.0f} |")
                print(f"| | ratio of p99 | | {p99[1] / p99[0]:.2f} | |", flush=True)


if __name__ == "__main__":
    main()
