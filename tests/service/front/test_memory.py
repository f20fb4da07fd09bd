"""Clients that leave, whatever they wait for, leave no memory behind in the main process."""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.service.homes import HOME
from tests.service.test_server import PREDICT_HEADERS, Server, running

BODY = json.dumps([HOME] * 9_000).encode()
ROUNDS = 6
CLIENTS = 8
LEAVING = 160
"""Clients that leave in a round: together they send 150 MB."""
MAX_KEPT = 0.25
"""Share of what the clients of a round send that the main process may be larger by after the last one."""


def memory(server: Server) -> int:
    """Return the resident memory of the main process, in bytes."""
    pages = Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("sent", ["half of the body", "all of the body"])
def test_clients_that_leave_with_their_body_sent_leave_no_memory_behind(models: Path, sent: str) -> None:
    head = PREDICT_HEADERS.replace(b"/predict", b"/predict?unknown=1")  # refused by a worker, without computing
    request = head + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    if sent == "half of the body":
        request = request[: len(request) // 2]

    def leave(server: Server) -> None:
        with server.connect(request):
            time.sleep(0.01)

    with running(models) as server:
        sizes = []
        for _ in range(ROUNDS):
            with ThreadPoolExecutor(CLIENTS) as clients:
                list(clients.map(leave, [server] * LEAVING))
            time.sleep(0.5)
            sizes.append(memory(server))
        assert server.predict(HOME)[0] == 200
    assert min(sizes[-2:]) - min(sizes[:2]) < MAX_KEPT * LEAVING * len(request)
