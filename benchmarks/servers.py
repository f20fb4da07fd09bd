"""Compare production servers: run the same Flask application under each of them.

    python -m benchmarks.servers --python PATH

`--python` is an interpreter with flask, granian, gunicorn, waitress, uvicorn and a2wsgi installed. Prints a table
in Markdown. CPU time per request and the numbers of answers are reliable; latencies are less so on a busy machine.
"""

import argparse
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

REQUESTS = 4000
"""Requests per route in the measurement of cost."""
CLIENTS = 4
"""Clients that send requests at the same time."""
STALLED_CLIENTS = 400
"""Clients that send only the beginning of a request."""
IDLE_CLIENTS = 1100
"""Clients that connect and send nothing."""
LOAD_SECONDS = "BENCHMARK_LOAD_SECONDS"
"""Environment variable: how long the application takes to start, as a service that loads a model."""
HEALTHY_REQUESTS = 40
"""Normal requests that are sent while other clients stall."""
TIMEOUT = 2.0
"""Seconds after which a client gives up."""
IN_FLIGHT = 16
"""Requests in flight when the server gets SIGTERM."""
SLOW_SECONDS = 0.5
"""Duration of a request to /slow, in seconds."""
WORKER_LOAD_SECONDS = 2.0
"""How long a worker takes to load, where workers are killed or replaced."""
BODY_LIMIT = 10_000
"""Flask's limit of a request body, in bytes."""
ROOT = Path(__file__).parent.parent

SERVERS = {
    "front": "benchmarks.servers_front --port {port}",
    "granian (WSGI)": "granian --interface wsgi --http 1 --workers 2 --blocking-threads 128 --backpressure 512"
    " --http1-header-read-timeout 10000 --workers-kill-timeout 30 --respawn-failed-workers"
    " --host 127.0.0.1 --port {port} benchmarks.servers_app:app",
    "granian (ASGI)": "granian --interface asgi --http 1 --workers 2 --backpressure 4096"
    " --http1-header-read-timeout 10000 --workers-kill-timeout 30 --respawn-failed-workers"
    " --host 127.0.0.1 --port {port} benchmarks.servers_asgi:app",
    "uvicorn": "uvicorn --workers 2 --log-level warning --host 127.0.0.1 --port {port}"
    " benchmarks.servers_asgi:app",
    "gunicorn (gthread)": "gunicorn --no-control-socket --worker-class gthread --workers 2 --threads 128"
    " --bind 127.0.0.1:{port} benchmarks.servers_app:app",
    "waitress": "waitress --threads 128 --connection-limit 1024 --host 127.0.0.1 --port {port}"
    " benchmarks.servers_app:app",
}


class Server:
    """A running server: its process, workers and port."""

    def __init__(self, python: str, arguments: str, load_seconds: float = 0) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free_port:
            self.port: int = free_port.getsockname()[1]
        command = [python, "-m", *arguments.format(port=self.port).split()]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | {LOAD_SECONDS: str(load_seconds)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while self.get("/") != 200:
            time.sleep(0.1)
        time.sleep(1.0 + load_seconds)  # until all workers have started

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
        return sum(map(_cpu_seconds, self.process_ids()))

    def busiest_worker(self) -> int:
        """Return the id of the process below the server's that has used most CPU time."""
        return max(self.process_ids()[1:], key=_cpu_seconds)


def _cpu_seconds(process_id: int) -> float:
    fields = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(python: str, arguments: str, load_seconds: float = 0) -> Iterator[Server]:
    """Start a server; kill it and all its workers at the end."""
    server = Server(python, arguments, load_seconds)
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
            try:
                connection.request(method, path, body)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
            else:
                seconds.append(time.perf_counter() - start)
        connection.close()
        return seconds

    before = server.cpu_seconds()
    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = sorted(second for times in pool.map(client, range(CLIENTS)) for second in times)
    cpu = (server.cpu_seconds() - before) / len(seconds)
    p50, p99 = (1e3 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
    lost = f"; {REQUESTS - len(seconds)} lost" if len(seconds) < REQUESTS else ""
    return {f"{method} {path}: CPU; p50, p99": f"{1e6 * cpu:.0f} µs; {p50:.1f}, {p99:.1f} ms{lost}"}


def _healthy_requests(server: Server, stalled: int, data: bytes) -> str:
    """Send healthy requests on new connections while stalled clients have sent only `data`, part of a request."""
    connections = []
    for _ in range(stalled):
        with suppress(OSError):  # refused: the server suffers already
            connections.append(server.connect(data))
    time.sleep(0.5)
    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answered = sum(status == 200 for status in pool.map(server.get, ["/"] * HEALTHY_REQUESTS))
    seconds = time.perf_counter() - start
    for connection in connections:
        connection.close()
    return f"{answered} of {HEALTHY_REQUESTS} in {seconds:.1f} s"


_HEADERS = b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n"


def idle_clients(server: Server) -> dict[str, str]:
    """Measure healthy requests while other clients are connected and send nothing."""
    return {f"healthy requests with {IDLE_CLIENTS} idle clients": _healthy_requests(server, IDLE_CLIENTS, b"")}


def stalled_headers(server: Server) -> dict[str, str]:
    """Measure healthy requests while other clients stall in their headers."""
    name = f"healthy requests with {STALLED_CLIENTS} clients stalled in headers"
    return {name: _healthy_requests(server, STALLED_CLIENTS, _HEADERS)}


def stalled_bodies(server: Server) -> dict[str, str]:
    """Measure healthy requests while other clients stall in their bodies."""
    name = f"healthy requests with {STALLED_CLIENTS} clients stalled in bodies"
    return {name: _healthy_requests(server, STALLED_CLIENTS, _HEADERS + b"\r\n{")}


def unusual_requests(server: Server) -> dict[str, str]:
    """Send requests that a server should refuse at once; report the statuses."""
    heads = {
        "no Host": b"GET / HTTP/1.1\r\n",
        "two Hosts": b"GET / HTTP/1.1\r\nHost: here\r\nHost: there\r\n",
        "malformed Host": b"GET / HTTP/1.1\r\nHost: a b\r\n",
        "length 2⁶³ − 1": b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 9223372036854775807\r\n",
        "length over the limit, Expect": b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 20000\r\n"
        b"Expect: 100-continue\r\n",
    }
    return {name: _status(server, head + b"\r\n") for name, head in heads.items()}


def _status(server: Server, head: bytes) -> str:
    connection = server.connect(head)
    try:
        return connection.recv(100).decode("latin-1").split()[1]
    except (OSError, IndexError):
        return "no answer"
    finally:
        connection.close()


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
    """Kill a worker with SIGKILL under load; count the requests that get no answer, or another than 200."""
    if len(server.process_ids()) == 1:
        return {"kill -9 of a worker under load": "has a single process"}
    return {
        "kill -9 of a worker under load": _under_load(
            server, lambda: os.kill(server.busiest_worker(), signal.SIGKILL)
        )
    }


def reloaded(server: Server) -> dict[str, str]:
    """Send SIGHUP under load; count the requests that get no answer, or another than 200."""
    return {"SIGHUP under load": _under_load(server, lambda: server.process.send_signal(signal.SIGHUP))}


def _under_load(server: Server, disturb: Callable[[], None]) -> str:
    answers: Counter[int] = Counter()
    stopping = threading.Event()

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
        while not stopping.is_set():
            try:
                connection.request("GET", "/")
                answer = connection.getresponse()
                answer.read()
                answers[answer.status] += 1
            except (OSError, http.client.HTTPException):
                answers[0] += 1
                connection.close()
                time.sleep(0.01)

    clients = [threading.Thread(target=client) for _ in range(2 * CLIENTS)]
    for thread in clients:
        thread.start()
    time.sleep(1)
    disturb()
    time.sleep(4 * WORKER_LOAD_SECONDS)
    stopping.set()
    for thread in clients:
        thread.join()
    other = sum(count for status, count in answers.items() if status not in {0, 200})
    return f"{answers[0]} lost, {other} not 200, of {answers.total()}"


def terminated(server: Server) -> dict[str, str]:
    """Send SIGTERM while requests are in flight; count those that are answered."""
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        statuses = [pool.submit(server.get, "/slow") for _ in range(IN_FLIGHT)]
        time.sleep(SLOW_SECONDS / 2)
        server.process.send_signal(signal.SIGTERM)
        answered = sum(status.result() == 200 for status in statuses)
    return {f"SIGTERM, {IN_FLIGHT} in flight": f"{answered} answered, exit code {server.process.wait(30)}"}


MEASUREMENTS: tuple[tuple[Callable[[Server], dict[str, str]], float], ...] = (
    (cost, 0),
    (idle_clients, 0),
    (stalled_headers, 0),
    (stalled_bodies, 0),
    (chunked_body, 0),
    (unusual_requests, 0),
    (worker_killed, WORKER_LOAD_SECONDS),
    (reloaded, WORKER_LOAD_SECONDS),
    (terminated, 0),
)
"""What is measured, and how long the application takes to load."""


def main() -> None:
    """Measure all servers and print the table."""
    parser = argparse.ArgumentParser(description="Compare production servers.")
    parser.add_argument("--python", default=sys.executable, help="an interpreter with the servers installed")
    python = parser.parse_args().python
    results: dict[str, dict[str, str]] = {name: {} for name in SERVERS}
    for measure, load_seconds in MEASUREMENTS:
        for name, arguments in SERVERS.items():
            own = "servers_front" in arguments
            with running(sys.executable if own else python, arguments, load_seconds) as server:
                results[name] |= measure(server)
    print("| | " + " | ".join(SERVERS) + " |")
    print("| --- |" + " --- |" * len(SERVERS))
    for row in results["front"]:
        print(f"| {row} | " + " | ".join(results[name][row] for name in SERVERS) + " |")


if __name__ == "__main__":
    main()
