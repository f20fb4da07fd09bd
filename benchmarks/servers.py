"""Which production server? The same Flask application under each of them, in one run.

    python -m benchmarks.servers --python PATH

`--python` is an interpreter that has flask, granian, gunicorn and waitress. Prints a table in Markdown. Trust the
CPU per request and what was answered; on a busy machine the latencies say less.
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
CLIENTS = 4
STALLED = (40, 400)
HEALTHY = 40
PATIENCE = 2.0
IN_FLIGHT = 16
SLOW_SECONDS = 0.5
BODY_LIMIT = 10_000
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
    """A running server: its process, its workers, its port."""

    def __init__(self, python: str, arguments: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port: int = free.getsockname()[1]
        command = [python, "-m", *arguments.format(port=self.port).split()]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        while self.get("/") != 200:
            time.sleep(0.1)
        time.sleep(1.0)  # until every worker is up

    def get(self, path: str) -> int:
        """Return the status that a GET on a new connection gets, 0 if none comes."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", path)
            return connection.getresponse().status
        return 0

    def connect(self, sent: bytes) -> socket.socket:
        """Open a connection and send some bytes."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        connection.sendall(sent)
        return connection

    def family(self) -> list[int]:
        """Return the ids of the server's process and of all below it."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        family = [self.process.pid]
        for member in family:
            family += [child for child, parent in parents.items() if parent == member]
        return family

    def cpu_seconds(self) -> float:
        """Return the CPU time that the server and its workers have used."""
        ticks = 0
        for member in self.family():
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def running(python: str, arguments: str) -> Iterator[Server]:
    """Start a server, and leave nothing of it behind."""
    server = Server(python, arguments)
    try:
        yield server
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.process.pid, signal.SIGKILL)
        server.process.wait()


def cost(server: Server) -> dict[str, str]:
    """CPU and latency of an empty route and of a small POST, over connections that are kept."""
    return _cost(server, "GET", "/", b"") | _cost(server, "POST", "/read", bytes(120))


def _cost(server: Server, method: str, path: str, body: bytes) -> dict[str, str]:
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
        seconds = sorted(second for one in pool.map(client, range(CLIENTS)) for second in one)
    cpu = (server.cpu_seconds() - before) / len(seconds)
    p50, p99 = (1e3 * seconds[int(len(seconds) * share)] for share in (0.5, 0.99))
    return {f"{method} {path}: CPU; p50, p99": f"{1e6 * cpu:.0f} µs; {p50:.1f}, {p99:.1f} ms"}


def beside_stalled(server: Server, stalled: int, sent: bytes) -> str:
    """Ask healthy requests, all on new connections, beside some that have sent only the beginning of theirs."""
    connections = [server.connect(sent) for _ in range(stalled)]
    time.sleep(0.5)
    start = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        answered = sum(status == 200 for status in pool.map(server.get, ["/"] * HEALTHY))
    seconds = time.perf_counter() - start
    for connection in connections:
        connection.close()
    return f"{answered} of {HEALTHY} in {seconds:.1f} s"


def stalls(server: Server) -> dict[str, str]:
    """Healthy requests beside clients that stall."""
    headers = b"POST /read HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n"
    return {
        f"healthy requests beside {stalled} stalled in {where}": beside_stalled(server, stalled, sent)
        for stalled in STALLED
        for where, sent in (("headers", headers), ("bodies", headers + b"\r\n{"))
    }


def chunked(server: Server) -> dict[str, str]:
    """A chunked body of twice the limit: what the application is given."""
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
    """Kill -9 of one worker: how long until 20 requests in a row are answered."""
    workers = server.family()[1:]
    if not workers:
        return {"kill -9 of a worker": "there is but one process"}
    os.kill(workers[0], signal.SIGKILL)
    start, in_a_row, lost = time.perf_counter(), 0, 0
    while in_a_row < 20 and time.perf_counter() - start < 20:
        good = server.get("/") == 200
        in_a_row = in_a_row + 1 if good else 0
        lost += not good
    return {"kill -9 of a worker": f"{lost} lost, well again after {time.perf_counter() - start:.1f} s"}


def terminated(server: Server) -> dict[str, str]:
    """SIGTERM while requests are in flight."""
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        asked = [pool.submit(server.get, "/slow") for _ in range(IN_FLIGHT)]
        time.sleep(SLOW_SECONDS / 2)
        server.process.send_signal(signal.SIGTERM)
        answered = sum(one.result() == 200 for one in asked)
    return {f"SIGTERM, {IN_FLIGHT} in flight": f"{answered} answered, exit code {server.process.wait(30)}"}


MEASURES: tuple[Callable[[Server], dict[str, str]], ...] = (cost, stalls, chunked, worker_killed, terminated)


def main() -> None:
    """Measure every server and print the table."""
    parser = argparse.ArgumentParser(description="Compare production servers.")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has the servers installed")
    python = parser.parse_args().python
    results: dict[str, dict[str, str]] = {name: {} for name in SERVERS}
    for measure in MEASURES:
        for name, arguments in SERVERS.items():
            with running(python, arguments) as server:
                results[name] |= measure(server)
    print("| | " + " | ".join(SERVERS) + " |")
    print("| --- |" + " --- |" * len(SERVERS))
    for row in results["granian"]:
        print(f"| {row} | " + " | ".join(results[name][row] for name in SERVERS) + " |")


if __name__ == "__main__":
    main()
