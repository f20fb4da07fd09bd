"""A server process imports what serving needs: everything else costs seconds at each start, and memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment
from tests.service.homes import HOME

ANSWER = """
import json, sys, time
from pathlib import Path
from service.app import create_app
from service.settings import Settings

client = create_app(Settings(model=Path(sys.argv[1]))).test_client()
while client.get("/readyz").status_code != 200:
    time.sleep(0.05)
answer = client.post("/predict", json=json.loads(sys.argv[2]))
print(json.dumps([answer.status_code, sorted(sys.modules)]))
"""
SERVER = """
import json, sys
import service.__main__, service.server
print(json.dumps([200, sorted(sys.modules)]))
"""
NOT_NEEDED = {"matplotlib", "pandas", "tqdm", "estimator.training", "estimator.report.page"}


@pytest.mark.parametrize("script", [ANSWER, SERVER], ids=["after a valuation", "the server's modules"])
def test_a_server_imports_neither_training_nor_reports(models: Path, script: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", script, str(models / "king_county"), json.dumps(HOME)],
        capture_output=True,
        text=True,
        env=environment(),
        check=True,
    )
    status, imported = json.loads(run.stdout)
    assert status == 200
    assert set(imported) & NOT_NEEDED == set()


def test_the_command_serve_starts_the_server_before_other_commands_are_imported() -> None:
    script = (
        "import os, sys\n"
        "from service.commands import main\n"
        "os.execv = lambda *command: sys.exit(','.join(sorted(sys.modules)))\n"
        "sys.argv = ['house-price', 'serve', '--port', '80']\n"
        "main()\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=False
    )
    imported = set(run.stderr.strip().split(","))
    assert "service.commands" in imported
    assert imported & {*NOT_NEEDED, "numpy", "estimator.registry"} == set()


def test_homes_of_a_file_are_valued_without_what_trains_and_draws() -> None:
    script = "import sys, estimator.cli.valuing; print(','.join(sorted(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True
    )
    assert set(run.stdout.strip().split(",")) & (NOT_NEEDED - {"tqdm"}) == set()
