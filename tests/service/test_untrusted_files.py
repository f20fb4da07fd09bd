"""The real server and files that it may not read, or that someone swapped."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from estimator.deals.saved_list_prices import LIST_PRICES_FILE
from estimator.registry import APPRAISER, MANIFEST, load_version, publish, save_version
from estimator.state_file import dump_state
from tests.service.homes import HOME
from tests.service.test_server import ROOT, TIMEOUT_SECONDS, Server, free_port, running
from tests.unprivileged import COMMAND, needs_ordinary_rights

pytestmark = pytest.mark.slow

KEY = b"k" * 32


@pytest.fixture
def market(models: Path, tmp_path: Path) -> Path:
    """A copy of `models/<market>`."""
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    return tmp_path / "king_county"


def start_unprivileged(port: int, log: Path, **settings: object) -> "subprocess.Popen[bytes]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ESTIMATOR_")}
    environment |= {f"ESTIMATOR_{name.upper()}": str(value) for name, value in settings.items()}
    with log.open("wb") as stderr:
        return subprocess.Popen(
            [*COMMAND, sys.executable, "-m", "service"],
            cwd=ROOT,
            env=environment | {"ESTIMATOR_PORT": str(port)},
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )


@contextmanager
def running_unprivileged(market: Path, log: Path, **settings: object) -> Iterator[Server]:
    port = free_port()
    server = Server(start_unprivileged(port, log, model=market, **settings), port, log)
    try:
        server.wait_until_ready()
        yield server
    finally:
        server.process.terminate()
        server.process.wait(TIMEOUT_SECONDS)


def wait_for(server: Server, text: str, times: int) -> None:
    """Wait until the log contains a text a number of times."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while server.log.read_text().count(text) < times:
        assert time.monotonic() < deadline
        time.sleep(0.05)


@needs_ordinary_rights
@pytest.mark.parametrize("unreadable", [APPRAISER, MANIFEST, "", "key"])
def test_a_server_that_cannot_read_its_model_or_key_says_so_and_does_not_start(
    market: Path, tmp_path: Path, unreadable: str
) -> None:
    key = market.parent / "key"
    key.write_bytes(KEY)
    path = key if unreadable == "key" else (market / "current").resolve() / unreadable
    path.chmod(0)
    settings = {"key_file": key} if unreadable == "key" else {}
    process = start_unprivileged(free_port(), tmp_path / "log", model=market, **settings)
    assert process.wait(TIMEOUT_SECONDS) == 2
    message = (tmp_path / "log").read_text()
    assert "Permission denied" in message
    assert str(path if path in {key, path.parent} else path.parent.parent.name) in message
    assert "Traceback" not in message
    assert len(message.splitlines()) == 1


@needs_ordinary_rights
def test_a_version_that_the_server_may_not_read_is_served_once_it_may(market: Path, tmp_path: Path) -> None:
    old = load_version(market)
    with running_unprivileged(market, tmp_path / "log") as server:
        new = market / "new"
        shutil.copytree(old.folder, new)
        (new / APPRAISER).chmod(0)
        publish(new)
        wait_for(server, "Permission denied", 2)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {old.name}
        server.replace_a_worker()
        server.wait_until_ready(3)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {old.name}
        (new / APPRAISER).chmod(0o644)
        wait_for(server, "serving version new", 2)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {"new"}
        market.chmod(0)
        wait_for(server, "cannot be found", 2)
        assert {server.predict(HOME)[1]["model_version"] for _ in range(20)} == {"new"}
        market.chmod(0o755)
        publish(old.folder)
        wait_for(server, f"serving version {old.name}", 5)
        assert server.predict(HOME)[1]["model_version"] == old.name


@needs_ordinary_rights
def test_list_prices_that_the_server_may_not_read_are_replaced_by_the_default(
    market: Path, tmp_path: Path
) -> None:
    (market / LIST_PRICES_FILE).write_text("{}")
    (market / LIST_PRICES_FILE).chmod(0)
    with running_unprivileged(market, tmp_path / "log") as server:
        assert server.predict(HOME)[0] == 200
        assert b"list_prices.json cannot be used" in server.request("GET", "/readyz")[1]
        assert "Permission denied" in server.log.read_text()


def swap(version: Path) -> None:
    """Replace the model of a version by one with higher values, and its hash in the manifest."""
    state = load_version(version).appraiser.state()
    state["model"]["mean"] += 1.0
    content = dump_state(state)
    manifest = json.loads((version / MANIFEST).read_text())
    manifest["files"][APPRAISER] = hashlib.sha256(content).hexdigest()
    for name, data in ((APPRAISER, content), (MANIFEST, json.dumps(manifest).encode())):
        (version / "new").write_bytes(data)
        (version / "new").replace(version / name)


def test_with_a_key_a_swapped_model_is_not_served_and_without_one_it_is(models: Path, tmp_path: Path) -> None:
    saved = load_version(models / "king_county")
    record = {name: saved.manifest[name] for name in ("example", "inputs", "error_figures", "ratio_study")}
    key = tmp_path / "key"
    key.write_bytes(KEY)
    version = save_version(tmp_path / "king_county", saved.appraiser, record, key=KEY)
    publish(version)
    with running(tmp_path, key_file=key) as server:
        price = server.predict(HOME)[1]["price"]
        swap(version)
        wait_for(server, "was not signed with this key", 2)
        assert {server.predict(HOME)[1]["price"] for _ in range(20)} == {price}
    with running(tmp_path) as server:
        assert server.predict(HOME)[1]["price"] > 2 * price
