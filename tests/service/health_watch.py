"""Watches how long health checks and metrics take while something else happens to a server."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np

from tests.service.test_server import Server

PATHS = ("/livez", "/readyz", "/metrics")


@dataclass
class HealthWatch:
    """Statuses, and seconds of each check, on new connections."""

    statuses: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def check(self) -> None:
        """Fail if a check failed, or was slow."""
        assert len(self.seconds) >= 10
        assert Counter(self.statuses) == {200: len(self.statuses)}
        assert np.quantile(self.seconds, 0.99) < 1


@contextmanager
def watched_health(server: Server) -> Iterator[HealthWatch]:
    """Check health over and over, and fail at the end if a check failed or was slow."""
    watch, stopping = HealthWatch(), threading.Event()

    def ask() -> None:
        turn = 0
        while not stopping.wait(0.02):
            start = time.perf_counter()
            watch.statuses.append(server.request("GET", PATHS[turn % len(PATHS)])[0])
            watch.seconds.append(time.perf_counter() - start)
            turn += 1

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield watch
        time.sleep(1)
    finally:
        stopping.set()
        thread.join()
    watch.check()
