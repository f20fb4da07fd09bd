"""Compare production servers: run the same Flask application under each of them.

    python -m benchmarks.servers --python PATH

`--python` is an interpreter with flask, granian, gunicorn and waitress installed. Prints a table in Markdown. CPU
time per request and the numbers of answers are reliable; latencies are less so on a busy machine.
"""

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

REQUESTS = 4000
"""Requests per route in the measurement of cost."""
CLIENTS = 4
"""Clients that send requests at the same time."""
STALLED_CLIENTS = (40, 400)
"""Numbers of clients that send only the beginning of a request."""
HEALTHY_REQUESTS = 40
"""Normal requests that are sent while other clients stall."""
TIMEOUT = 2.0
"""Seconds after which a client gives up."""
IN_FLIGHT = 16
"""Requests in flight when the server gets SIGTERM."""
SLOW_SECONDS = 0.5
"""Duration of a request to /slow, in seconds."""
BODY_LIMIT = 10_000
"""Flask's limit of a request body, in bytes."""
ROOT = Path(__file__).parent.parent

SERVERS = {
    "granian": "granian --interface wsgi --http 1 --workers 2 --blocking-threads 128 --backpressure 512"
    " --http1-header-read-timeout 10000 --workers-kill-timeout 30 --respawn-failed-workers"
    " --host 127.0.0.1 --port {port} benchmarks.servers_app:app",
    "gunicorn (gthread)": "gunicorn --no-control-socket --worker-class gthread --workers 2 --threads 128"
    " --bind 127.0.0.1:{port} benchmarks.servers_app:app",
    "waitress": "waitress --threads 128 --connection-limit 1024 --host 127.0.0.1 --port {port}"
    " benchmarks.servers_app:app",
}


class Server:
    """A running server: its process, workers and port."""

    def __init__(self, python: str, arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free_port:
            self.port: int = free_port.getsockname()[1]
        command = [python, "-m", *arguments.format(port=self.port).split()]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while self.get("/") != 200:
            time.sleep(0.1)
        time.sleep(1.0)  # until all workers have started

    def get(self, path: str) -> int:
        """Send a GET on a new connection; return the status, or 0 if there is no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            return connection.getresponse().status
        return 0

    def connect(self, data: bytes) -> socket.socket:
        """Open a connection and send the data."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT)
        connection.sendall(data)
        return connection

    def process_ids(self) -> list[int]:
        """Return the ids of the server's process and of all its descendants."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        ids = [self.process.pid]
        for process_id in ids:
            ids += [child for child, parent in parents.items() if parent == process_id]
        return ids

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its workers have used, in seconds."""
        ticks = 0
        for process_id in self.process_ids():
            fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(python: str, arguments: str) -> Iterator[Server]:
    """Start a server; kill it and all its workers at the end."""
    server = Server(python, arguments)
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


def cost(server: Server) -> dict[str, str]:
    """Measure CPU time and latency of an empty route and of a small POST, over persistent connections."""
    return _route_cost(server, "GET", "/", b"") | _route_cost(server, "POST", "/read", bytes(120))


def _route_cost(server: Server, method: str, path: str, body: bytes) -> dict[str, str]:
    def client(_: int) -> list[float]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        seconds = []
        for _ in range(REQUESTS // CLIENTS):
            start = time.perf_counter()
            connection.request(method, path, body)
            connection.getresponse().read()
            seconds.append(time.perf_counter() - start)
        connection.close()
        return seconds

    before = server.cpu_seconds()
    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = sorted(second for times in pool.map(client, range(CLIENTS)) for second in times)
    cpu = (server.cpu_seconds() - before) / len(seconds)
    p50, p99 = (1e3 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
    return {f"{method} {path}: CPU; p50, p99": f"{1e6 * cpu:.0f} µs; {p50:.1f}, {p99:.1f} ms"}


def healthy_requests(server: Server, stalled: int, data: bytes) -> str:
    """Send healthy requests on new connections while stalled clients have sent only `data`, part of a request."""
    connections = [server.connect(data) for _ in range(stalled)]
    time.sleep(0.5)
    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answered = sum(status == 200 for status in pool.map(server.get, ["/"] * HEALTHY_REQUESTS))
    seconds = time.perf_counter() - start
    for connection in connections:
        connection.close()
    return f"{answered} of {HEALTHY_REQUESTS} in {seconds:.1f} s"


def stalled_clients(server: Server) -> dict[str, str]:
    """Measure healthy requests while other clients stall in the headers or in the body."""
    headers = b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n"
    return {
        f"healthy requests with {stalled} clients stalled in {part}": healthy_requests(server, stalled, data)
        for stalled in STALLED_CLIENTS
        for part, data in (("headers", headers), ("bodies", headers + b"\r\n{"))
    }


def chunked_body(server: Server) -> dict[str, str]:
    """Send a chunked body of twice the limit; report how much of it reaches the application."""
    head = b"POST /read HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunk = f"{BODY_LIMIT:x}\r\n".encode() + bytes(BODY_LIMIT) + b"\r\n"
    connection = server.connect(head + 2 * chunk + b"0\r\n\r\n")
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    body = answer.read().decode()
    return {
        "20,000 bytes chunked, limit 10,000": f"{answer.status}, {body} bytes read"
        if body.isdigit()
        else str(answer.status)
    }


def worker_killed(server: Server) -> dict[str, str]:
    """Kill one worker with SIGKILL; measure the time until 20 requests in a row are answered."""
    workers = server.process_ids()[1:]
    if not workers:
        return {"kill -9 of a worker": "has a single process"}
    os.kill(workers[0], signal.SIGKILL)
    start, in_a_row, lost = time.perf_counter(), 0, 0
    while in_a_row < 20 and time.perf_counter() - start < 20:
        answered = server.get("/") == 200
        in_a_row = in_a_row + 1 if answered else 0
        lost += not answered
    return {"kill -9 of a worker": f"{lost} lost, recovered after {time.perf_counter() - start:.1f} s"}


def terminated(server: Server) -> dict[str, str]:
    """Send SIGTERM while requests are in flight; count those that are answered."""
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        statuses = [pool.submit(server.get, "/slow") for _ in range(IN_FLIGHT)]
        time.sleep(SLOW_SECONDS / 2)
        server.process.send_signal(signal.SIGTERM)
        answered = sum(status.result() == 200 for status in statuses)
    return {f"SIGTERM, {IN_FLIGHT} in flight": f"{answered} answered, exit code {server.process.wait(30)}"}


MEASUREMENTS: tuple[Callable[[Server], dict[str, str]], ...] = (
    cost,
    stalled_clients,
    chunked_body,
    worker_killed,
    terminated,
)


def main() -> None:
    """Measure all servers and print the table."""
    parser = argparse.ArgumentParser(description="Compare production servers.")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with the servers installed")
    python = parser.parse_args().python
    results: dict[str, dict[str, str]] = {name: {} for name in SERVERS}
    for measure in MEASUREMENTS:
        for name, arguments in SERVERS.items():
            with running(python, arguments) as server:
                results[name] |= measure(server)
    print("| | " + " | ".join(SERVERS) + " |")
    print("| --- |" + " --- |" * len(SERVERS))
    for row in results["granian"]:
        print(f"| {row} | " + " | ".join(results[name][row] for name in SERVERS) + " |")


if __name__ == "__main__":
    main()
