"""The project installed with pip into an empty environment, and used from another folder."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import PUBLISH_ANYWAY, ROOT
from tests.town import make_town

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`house-price`, installed into an environment of its own from the locked requirements."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    pip: list[str | Path] = [folder / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", _pins(folder), ROOT], check=True)
    return folder / "bin" / "house-price"


def _pins(folder: Path) -> Path:
    """Write the locked versions without their hashes: pip takes no hashes for a folder."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = folder / "constraints.txt"
    pins.write_text("\n".join(line.rstrip(" \\") for line in lines if "==" in line and "--hash" not in line))
    return pins


def run(script: Path, folder: Path, *arguments: str) -> str:
    """Run the script in a folder, without the project on the path."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [script, *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_trains_predicts_and_serves_in_another_folder(script: Path, tmp_path: Path) -> None:
    make_town(tmp_path / "town", 300)
    assert "published" in run(script, tmp_path, "train", PUBLISH_ANYWAY, "--market", "town")
    run(script, tmp_path, "predict", "--model", "models/town", "town/sales.csv", "valued.csv")
    assert (tmp_path / "valued.csv").read_text().count("\n") == 301

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([script, "serve", "--model", "models/town", "--port", str(port)], cwd=tmp_path)
    try:
        assert _request(port, "GET", "/readyz")[0] == 200
        status, body = _request(port, "POST", "/predict", json.dumps({"size": 100}))
        assert status == 200
        assert json.loads(body)["price"] > 0
        assert _request(port, "GET", "/")[0] == _request(port, "GET", "/docs")[0] == 200
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_messages_do_not_assume_make(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [script, "serve", "--model", "nothing"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "house-price train" in done.stderr
    assert "make" not in done.stderr


def _request(port: int, method: str, path: str, body: str | None = None) -> tuple[int, bytes]:
    """Send a request; wait until the server listens and is ready."""
    for _ in range(300):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            if answer.status != 503:
                return answer.status, answer.read()
        except ConnectionError:
            pass
        finally:
            connection.close()
        time.sleep(0.2)
    raise AssertionError(f"no answer from {path} for a minute")
