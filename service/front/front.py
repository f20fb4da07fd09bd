"""The front: accepts connections, receives whole requests, and has worker processes answer them.

It computes no prices, so that it can answer health checks and metrics whatever the workers do. A client that
stalls costs it a few kilobytes, and no thread. It gives a request to a worker that has a model, and to another one
if that worker ends.
"""

import asyncio
import logging
import resource
import signal
import socket
import time
from collections.abc import Callable

from service.front.connection import Connection
from service.front.head import RequestHead
from service.front.job_files import JobFiles
from service.front.local import LocalAnswers
from service.front.pool import WorkerPool
from service.http.problems import BUSY, ProblemError
from service.jobs.acceptance import ENDPOINT
from service.settings import Settings

CHECK_SECONDS = 0.25
"""Pause between two checks of all time limits."""
SMALL_BODY_BYTES = 64 * 2**10
"""Bodies up to this size are accepted although `buffer_memory` is used up; their number has a limit."""
OTHER_FILES = 256
"""Files and sockets that the process needs besides its connections."""
BACKLOG = 1024
"""Connections that the operating system keeps until they are accepted."""

_log = logging.getLogger(__name__)


class Front:
    """State of the server that the connections share."""

    def __init__(self, settings: Settings, pool: WorkerPool, local: LocalAnswers) -> None:
        self.settings = settings
        self.pool = pool
        self.local = local
        self.files = JobFiles(settings)
        self.loop = asyncio.get_running_loop()
        self.stopping = False
        self._stop = asyncio.Event()
        self._max_connections = _raise_file_limit(settings.max_connections)
        self._connections: set[Connection] = set()
        self._waiting: dict[Connection, None] = {}  # the one that has waited longest for its client is first
        self._held = 0
        self._evicted = 0

    async def run(self, listening: socket.socket, on_stop: Callable[[], None]) -> None:
        """Serve until SIGTERM or SIGINT, then let requests in progress finish.

        Parameters
        ----------
        listening
            A bound socket.
        on_stop
            Called when the signal arrives.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._stop.set)
        self.loop.add_signal_handler(signal.SIGHUP, self.pool.reload)
        self.pool.maintain()
        server = await self.loop.create_server(lambda: Connection(self), sock=listening, backlog=BACKLOG)
        checks = self.loop.create_task(self._check_times())
        await self._stop.wait()
        _log.info("stopping; %d connections are open", len(self._connections))
        on_stop()
        self.stopping = True
        server.close()
        try:
            async with asyncio.timeout(self.settings.stop_timeout):
                while self._connections:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            _log.info("%d connections did not finish in time", len(self._connections))
        checks.cancel()
        for connection in list(self._connections):
            connection.close()
        await self.pool.stop()

    async def _check_times(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            # Nothing may end this task: without it, stalled clients would stay for ever.
            for connection in list(self._waiting):
                try:
                    connection.check_time(time.monotonic())
                except Exception:
                    _log.exception("a connection is closed after an error")
                    connection.close()
            try:
                self.pool.maintain()
            except Exception:
                _log.exception("cannot maintain the workers")
            if self._evicted:
                _log.warning("closed %d connections whose clients were idle, to make room", self._evicted)
                self._evicted = 0

    def refusal(self, head: RequestHead, endpoint: str | None) -> ProblemError | None:
        """Return why a request cannot be accepted now, or None."""
        is_large = head.length > SMALL_BODY_BYTES and endpoint != ENDPOINT  # tables of jobs go to a file
        if is_large and self._held + head.length > self.settings.buffer_memory:
            return ProblemError(BUSY, "other requests occupy the memory for bodies")
        return self.pool.refusal()

    # What connections report

    def opened(self, connection: Connection) -> None:
        """Register a connection, and close another one if there are too many."""
        self._connections.add(connection)
        if len(self._connections) > self._max_connections:
            self._evict(connection)

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self._connections.discard(connection)
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection) -> None:
        """Note that a connection waits for something else than before."""
        self._waiting.pop(connection, None)
        if connection.waits_for_client():
            self._waiting[connection] = None

    def holds(self, change: int) -> None:
        """Note that connections keep more or fewer bytes, and close one if they are too many."""
        self._held += change
        if change > 0 and self._held > self.settings.buffer_memory:
            self._evict(None)

    def _evict(self, newest: Connection | None) -> None:
        """Close the connection whose client has been idle for longest, for a newer one or to free memory."""
        for connection in self._waiting:
            if newest is not None or connection.held:
                self._evicted += 1
                connection.close()
                return
        if newest is not None:
            newest.close()


def _raise_file_limit(connections: int) -> int:
    """Allow this process so many connections; return how many it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    wanted = connections + OTHER_FILES
    if soft == unlimited or soft >= wanted:
        return connections
    possible = wanted if hard == unlimited else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible < wanted:
        _log.warning("the limit of open files allows %d connections, not %d", possible - OTHER_FILES, connections)
    return possible - OTHER_FILES
