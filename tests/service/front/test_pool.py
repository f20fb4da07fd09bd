"""Workers that are killed, replaced or slow to load, under load: no request is lost or answered wrongly."""

import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from estimator.registry import publish
from tests.service.health_watch import watched_health
from tests.service.homes import HOME
from tests.service.test_server import TIMEOUT_SECONDS, Server, running
from tests.service.test_under_load import Load, load

pytestmark = pytest.mark.slow

CLIENTS = 16
HOMES = [HOME | {"square_footage": 1000 + 10 * number} for number in range(20)]


def wait_for(server: Server, text: str, count: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while server.log.read_text().count(text) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_other_workers(server: Server, before: set[int]) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while before & set(server.workers()) or len(server.workers()) != 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def check_answers(result: Load, server: Server) -> None:
    """Fail if an answer was lost, or differs from the one that a quiet server gives."""
    assert result.failures == []
    prices = {server.predict(home)[1]["price"] for home in HOMES}
    assert {status for status, _, _ in result.answers} == {200}
    assert {price for _, _, price in result.answers} <= prices
    assert sum(result.answers.values()) > len(HOMES)


@pytest.mark.parametrize("kills", [1, 5])
def test_killed_workers_lose_no_request(models: Path, kills: int) -> None:
    with running(models) as server:
        with load(server, CLIENTS, HOMES) as result, watched_health(server):
            for number in range(kills):
                time.sleep(1)
                os.kill(server.workers()[number % 2], signal.SIGKILL)
                wait_for(server, "is ready", 3 + number)
            time.sleep(1)
        check_answers(result, server)
        assert server.stop() == 0


def test_a_reload_under_load_loses_no_request(models: Path) -> None:
    with running(models) as server:
        before = set(server.workers())
        with load(server, CLIENTS, HOMES) as result, watched_health(server):
            time.sleep(1)
            server.process.send_signal(signal.SIGHUP)
            wait_for_other_workers(server, before)
            time.sleep(1)
        check_answers(result, server)
        assert server.stop() == 0


def test_a_worker_that_starts_while_the_published_version_is_damaged_serves_the_first_one(
    models: Path, tmp_path: Path
) -> None:
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    good = (tmp_path / "king_county" / "current").resolve()
    shutil.copytree(good, good.with_name("bad"))
    (good.with_name("bad") / "appraiser.joblib").write_bytes(b"")
    with running(tmp_path) as server:
        before = set(server.workers())
        with load(server, CLIENTS, HOMES) as result, watched_health(server):
            publish(good.with_name("bad"))
            server.process.send_signal(signal.SIGHUP)
            wait_for_other_workers(server, before)
            os.kill(server.workers()[0], signal.SIGKILL)
            wait_for(server, "is ready", 5)
        check_answers(result, server)
        assert {version for _, version, _ in result.answers} == {good.name}


def test_the_last_worker_may_be_killed(models: Path) -> None:
    with running(models, workers=1) as server:
        with load(server, 4, HOMES) as result:
            time.sleep(1)
            os.kill(server.workers()[0], signal.SIGKILL)
            wait_for(server, "is ready", 2)
            time.sleep(1)
        check_answers(result, server)


def test_workers_end_with_a_killed_server(models: Path) -> None:
    with running(models) as server:
        workers = server.workers()
        server.process.kill()
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline
            time.sleep(0.05)
