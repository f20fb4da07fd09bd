"""Half an hour of mixed load, a tenth of it hostile: answers, memory, open files and health.

    python -m benchmarks.load [--model models/king_county] [--minutes 30] [--rate 30] [--json FILE]

Starts the real server with its default settings, prints Markdown, and exits with 1 if something is not as it
should be. Everything stays on this machine. The load has pauses: it shows faults, not the machine's speed.
"""

import argparse
import hashlib
import http.client
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.load_requests import (
    TIMEOUT_SECONDS,
    Attack,
    Request,
    attacks,
    exchange,
    ordinary_requests,
    status_of,
)
from benchmarks.service import free_port, running
from estimator.registry import load_version
from service.settings import Settings

CLIENTS = 10
"""Clients at the same time: enough to overlap, few enough not to be the load themselves."""
HOSTILE_SHARE = 0.1
SAMPLE_SECONDS = 5.0
"""Pause between two looks at memory and open files."""
SETTLING_MINUTES = 5.0
"""Time in which memory may grow: buffers and caches reach their sizes."""
MAX_GROWTH = 0.05
"""Growth of memory after that, from the first fifth to the last, that counts as flat: the allocator's noise."""
MAX_MORE_FILES = 5
"""Growth of open files that counts as flat: connections that open and close."""
MAX_HEALTH_SECONDS = 1.0
"""What health checks may take, at their 99th percentile."""
MAX_EXAMPLES = 20
"""Failures that are described; more are counted."""


@dataclass
class Outcome:
    """What the clients and the watch have seen."""

    answers: "Counter[tuple[str, int]]" = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    bodies: dict[Request, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    samples: list[dict[str, float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, kind: str, status: int, seconds: float, failure: str = "") -> None:
        """Record an answer."""
        with self.lock:
            self.answers[kind, status] += 1
            self.seconds.setdefault(kind, []).append(seconds)
            if failure:
                self.failures.append(f"{kind}: {failure}")


class Client:
    """Sends ordinary requests on one connection, and attacks on new ones."""

    def __init__(self, port: int, outcome: Outcome, seed: int) -> None:
        self._port = port
        self._outcome = outcome
        self._rng = np.random.default_rng(seed)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)

    def run(self, requests: Sequence[Request], hostile: dict[str, Attack], pause: float, until: float) -> None:
        """Send requests until a time, with pauses of a mean length (s)."""
        while time.monotonic() < until:
            if self._rng.random() < HOSTILE_SHARE:
                name = str(self._rng.choice(list(hostile)))
                self._attack(name, hostile[name])
            else:
                self._ask(requests[int(self._rng.integers(len(requests)))])
            time.sleep(self._rng.exponential(pause))
        self._connection.close()

    def _ask(self, request: Request) -> None:
        start = time.perf_counter()
        try:
            self._connection.request(request.method, request.path, request.body, dict(request.headers))
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._outcome.add(request.kind, 0, time.perf_counter() - start, f"no answer: {error!r}")
            return
        failure = self._fault(request, answer, content)
        self._outcome.add(request.kind, answer.status, time.perf_counter() - start, failure)

    def _fault(self, request: Request, answer: http.client.HTTPResponse, content: bytes) -> str:
        """Return what is wrong with an answer, or nothing."""
        if answer.status == 503 and answer.headers["Retry-After"]:
            return ""  # deliberate: the server is busy, and says when to come again
        if answer.status != request.status:
            return f"status {answer.status}: {content[:200]!r}"
        digest = hashlib.sha256(content).hexdigest()
        if request.stable and self._outcome.bodies.setdefault(request, digest) != digest:
            return "another answer than before"
        return ""

    def _attack(self, name: str, attack: Attack) -> None:
        start = time.perf_counter()
        try:
            answer = attack(self._port)
        except OSError as error:
            self._outcome.add(f"! {name}", 0, time.perf_counter() - start, f"no answer: {error!r}")
            return
        status = status_of(answer)
        deliberate = status == 503 and b"retry-after" in answer.lower()
        failure = f"status {status}: {answer[-200:]!r}" if status >= 500 and not deliberate else ""
        self._outcome.add(f"! {name}", status, time.perf_counter() - start, failure)


def watch(pid: int, port: int, outcome: Outcome, until: float) -> None:
    """Sample memory, open files and health until a time."""
    start = time.monotonic()
    while time.monotonic() < until:
        asked = time.perf_counter()
        answer = exchange(port, b"GET /livez HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        seconds = time.perf_counter() - asked
        outcome.add("health of the watch", status_of(answer), seconds, "" if b" 200 " in answer else repr(answer))
        workers = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        outcome.samples.append(
            {
                "minute": (time.monotonic() - start) / 60,
                "front": memory(str(pid)),
                "workers": sum(map(memory, workers)),
            }
            | {"files": sum(map(open_files, [str(pid), *workers])), "processes": len(workers) + 1}
        )
        time.sleep(SAMPLE_SECONDS)


def memory(pid: str) -> float:
    """Return the resident memory of a process, in MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1000


def open_files(pid: str) -> int:
    """Return the number of open files of a process."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def growths(samples: Sequence[dict[str, float]]) -> dict[str, tuple[float, float, float]]:
    """Return, for each quantity, its medians in the first and the last fifth after settling, and its maximum."""
    end = samples[-1]["minute"]
    settled = [sample for sample in samples if sample["minute"] >= min(SETTLING_MINUTES, end / 2)]
    fifth = max(1, len(settled) // 5)
    return {
        name: (
            float(np.median([sample[name] for sample in settled[:fifth]])),
            float(np.median([sample[name] for sample in settled[-fifth:]])),
            max(sample[name] for sample in samples),
        )
        for name in ("front", "workers", "files", "processes")
    }


def verdicts(outcome: Outcome) -> dict[str, bool]:
    """Return what should be so, and whether it is."""
    growth = growths(outcome.samples)
    health = outcome.seconds["health of the watch"]
    return {
        "no request was lost, answered wrongly or with 5xx, except deliberate 503": not outcome.failures,
        "memory of the workers is flat": growth["workers"][1] <= (1 + MAX_GROWTH) * growth["workers"][0],
        "memory of the main process is flat": growth["front"][1] <= (1 + MAX_GROWTH) * growth["front"][0],
        "open files are flat": growth["files"][1] <= growth["files"][0] + MAX_MORE_FILES,
        "no worker was replaced": growth["processes"][0] == growth["processes"][1] == growth["processes"][2],
        f"health checks take less than {MAX_HEALTH_SECONDS:g} s (99th percentile)": float(
            np.quantile(health, 0.99)
        )
        < MAX_HEALTH_SECONDS,
    }


def report(outcome: Outcome, minutes: float) -> None:
    """Print the result."""
    total = sum(outcome.answers.values())
    hostile = sum(count for (kind, _), count in outcome.answers.items() if kind.startswith("! "))
    print(f"{total:,} requests in {minutes:g} minutes, {hostile:,} of them hostile.\n")
    for name, holds in verdicts(outcome).items():
        print(f"- {'yes' if holds else '**NO**'}: {name}")
    print("\n| after five minutes | first fifth | last fifth | maximum of all |\n| --- | --- | --- | --- |")
    units = {
        "front": "main process, MB",
        "workers": "workers, MB",
        "files": "open files",
        "processes": "processes",
    }
    for name, (first, last, most) in growths(outcome.samples).items():
        print(f"| {units[name]} | {first:.0f} | {last:.0f} | {most:.0f} |")
    print("\n| request (! is hostile) | answers by status, 0 is closed | median | 99% | longest |")
    print("| --- | --- | --- | --- | --- |")
    for kind in sorted(outcome.seconds):
        counts = ", ".join(
            f"{status}: {n:,}" for (name, status), n in sorted(outcome.answers.items()) if name == kind
        )
        p50, p99, longest = np.quantile(outcome.seconds[kind], [0.5, 0.99, 1])
        print(f"| {kind} | {counts} | {1e3 * p50:.0f} ms | {1e3 * p99:.0f} ms | {1e3 * longest:.0f} ms |")
    for failure in outcome.failures[:MAX_EXAMPLES]:
        print(f"\n    {failure}")


def load(model: Path, minutes: float, rate: float) -> Outcome:
    """Start a server, load it, and return what was seen."""
    saved = load_version(model)
    home, market = saved.manifest["example"], saved.manifest["market"]
    outcome, port = Outcome(), free_port()
    requests, hostile = ordinary_requests(home, market), attacks(home)
    variables = {"ESTIMATOR_MODEL": str(model), "ESTIMATOR_PORT": str(port)}
    with running([sys.executable, "-m", "service"], port, "/readyz", **variables) as pid:
        until = time.monotonic() + 60 * minutes
        threads = [
            threading.Thread(
                target=Client(port, outcome, seed).run, args=(requests, hostile, CLIENTS / rate, until)
            )
            for seed in range(CLIENTS)
        ]
        threads.append(threading.Thread(target=watch, args=(pid, port, outcome, until)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return outcome


def main() -> int:
    """Load a server, print the result, and return 1 if something is not as it should be."""
    parser = argparse.ArgumentParser(description="Load a server with mixed requests, a tenth of them hostile.")
    parser.add_argument("--model", type=Path, default=Settings().model)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument(
        "--rate", type=float, default=30.0, help="requests a second, if each were answered at once"
    )
    parser.add_argument("--json", type=Path, help="file for the samples and counts")
    arguments = parser.parse_args()
    outcome = load(arguments.model, arguments.minutes, arguments.rate)
    if arguments.json:
        arguments.json.write_text(json.dumps(_as_json(outcome), indent=1))
    report(outcome, arguments.minutes)
    return 0 if all(verdicts(outcome).values()) else 1


def _as_json(outcome: Outcome) -> dict[str, Any]:
    counts: dict[str, dict[int, int]] = {}
    for (kind, status), count in sorted(outcome.answers.items()):
        counts.setdefault(kind, {})[status] = count
    return {
        "verdicts": verdicts(outcome),
        "answers": counts,
        "failures": outcome.failures,
        "samples": outcome.samples,
    }


if __name__ == "__main__":
    sys.exit(main())
