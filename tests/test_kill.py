"""A training killed at any time leaves the published model intact, and no files behind."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from estimator.model.recipe import RECIPE
from estimator.registry import CURRENT, load_version
from tests.conftest import PUBLISH_ANYWAY, environment, train_small
from tests.town import make_town

pytestmark = pytest.mark.training

Condition = Callable[[Path, set[str]], bool]


def started(folder: Path, before: set[str]) -> bool:
    """The process runs."""
    return True


def locked(folder: Path, before: set[str]) -> bool:
    """The process has taken the lock: first before training, then before saving."""
    return (folder / ".lock").exists()


def writing(folder: Path, before: set[str]) -> bool:
    """The new version's files are being written."""
    return any(name.startswith(".writing-") for name in names(folder))


def saved(folder: Path, before: set[str]) -> bool:
    """The new version's folder has its final name and is not yet published."""
    return any(not name.startswith(".") for name in names(folder) - before)


def linking(folder: Path, before: set[str]) -> bool:
    """The link that will become `current` exists or has been renamed."""
    return ".current-next" in names(folder) or (folder / CURRENT).readlink().name not in before


CONDITIONS: list[Condition] = [started, locked, writing, saved, linking]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a market of 200 sales, quick to train, and a published version."""
    folder = tmp_path_factory.mktemp("kill")
    make_town(folder / "data", 200)
    (folder / "data" / RECIPE).write_text("networks = 1\nepochs = 8\n")
    train_small(folder / "data", folder / "models")
    return folder


def options(town: Path) -> list[str | Path]:
    return [PUBLISH_ANYWAY, "--market", town / "data", "--models", town / "models"]


def training(town: Path) -> "subprocess.Popen[bytes]":
    """Start a training."""
    return subprocess.Popen(
        [sys.executable, "-m", "estimator", "train", *options(town)],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(town: Path, condition: Condition, delay: float) -> bool:
    """Start a training and kill it a delay (s) after a condition; return whether it was still running."""
    models = town / "models" / "town"
    (models / ".lock").unlink(missing_ok=True)
    before = names(models)
    process = training(town)
    while process.poll() is None and not condition(models, before):
        pass
    time.sleep(delay)
    process.kill()
    return process.wait() == -signal.SIGKILL


def check(town: Path, old: str) -> None:
    """The published version is complete: the old one, or a new one that was finished."""
    models = town / "models" / "town"
    version = load_version(models)
    assert version.name == old or version.name in names(models)
    assert version.manifest["version"] == version.name
    for name in names(models):
        if not name.startswith(".") and name != CURRENT:
            assert load_version(models / name).name == name, (
                "a folder with the name of a version is a complete version"
            )


def check_cleaned(town: Path) -> None:
    newest = train_small(town / "data", town / "models").folder
    models = town / "models" / "town"
    assert load_version(models).name == newest.name
    assert {name for name in names(models) if name.startswith(".")} == {".lock"}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_killed_training_leaves_the_published_model_intact(town: Path, condition: Condition) -> None:
    old = load_version(town / "models" / "town").name
    killed = kill(town, condition, delay=0.0)
    assert killed or condition is not started, "it can finish before the kill only near its end"
    check(town, old)
    check_cleaned(town)


def test_a_training_killed_while_training_networks_leaves_the_published_model(town: Path) -> None:
    old = load_version(town / "models" / "town").name
    assert kill(town, locked, delay=0.1)
    assert load_version(town / "models" / "town").name == old
    check_cleaned(town)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_kills_at_fifty_random_moments_of_a_training_leave_the_published_model_intact(town: Path) -> None:
    models = town / "models" / "town"
    start = time.monotonic()
    assert training(town).wait() == 0
    shortest = time.monotonic() - start
    rng = np.random.default_rng(1)
    kills = 0
    while kills < 50:
        old = load_version(models).name
        start, process = time.monotonic(), training(town)
        try:
            process.wait(float(rng.uniform(0, shortest)))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
        else:
            shortest = time.monotonic() - start  # it ended before the kill: the machine is faster now
        check(town, old)
        left = {name for name in names(models) if name.startswith(".")} - {".lock"}
        assert len(left) <= 2, "a folder that was being written and a link: each training removes the last one's"
    check_cleaned(town)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_forty_random_times_of_saving_leave_the_published_model_intact(town: Path) -> None:
    rng = np.random.default_rng(0)
    killed = 0
    for number in range(40):
        old = load_version(town / "models" / "town").name
        killed += kill(town, CONDITIONS[1:][number % 4], delay=float(rng.exponential(0.003)))
        check(town, old)
        if number % 10 == 9:
            check_cleaned(town)
    assert killed > 20, "most of the kills came before the end"
