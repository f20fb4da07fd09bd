"""A kill at any moment of training leaves the published model whole, and nothing that stays."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from estimator.registry import CURRENT, load_version
from estimator.training import train_market
from tests.conftest import environment
from tests.town import make_town

Moment = Callable[[Path, set[str]], bool]


def started(folder: Path, before: set[str]) -> bool:
    """As soon as the process runs."""
    return True


def reading(folder: Path, before: set[str]) -> bool:
    """Once the process has taken the lock, a moment before it writes."""
    return (folder / ".lock").exists()


def writing(folder: Path, before: set[str]) -> bool:
    """While the new version's files are written."""
    return any(name.startswith(".writing-") for name in names(folder))


def saved(folder: Path, before: set[str]) -> bool:
    """When the new version's folder has its name, and is not yet published."""
    return any(not name.startswith(".") for name in names(folder) - before)


def linking(folder: Path, before: set[str]) -> bool:
    """When the link that is to become `current` is made, or already moved."""
    return ".current-next" in names(folder) or (folder / CURRENT).readlink().name not in before


MOMENTS: list[Moment] = [started, reading, writing, saved, linking]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a market of 200 sales and a published version."""
    folder = tmp_path_factory.mktemp("kill")
    make_town(folder / "data", 200)
    train_market(folder / "data", None, folder / "models", split=None, seed=0)
    return folder


def kill(town: Path, moment: Moment, later: float) -> bool:
    """Start a training and kill it some seconds after a moment; return whether it was still running."""
    models = town / "models" / "town"
    (models / ".lock").unlink(missing_ok=True)
    before = names(models)
    training = subprocess.Popen(
        [sys.executable, "-m", "estimator", "train", "--market", town / "data", "--models", town / "models"],
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while training.poll() is None and not moment(models, before):
        pass
    time.sleep(later)
    training.kill()
    return training.wait() == -signal.SIGKILL


def check(town: Path, old: str) -> None:
    """What is published is whole: the old version, or a new one that was finished."""
    models = town / "models" / "town"
    version = load_version(models)
    assert version.name == old or version.name in names(models)
    assert version.manifest["version"] == version.name
    for name in names(models):
        if not name.startswith(".") and name != CURRENT:
            assert load_version(models / name).name == name, "a folder with a version's name is a whole version"


def check_swept(town: Path) -> None:
    newest = train_market(town / "data", None, town / "models", split=None, seed=0).folder
    models = town / "models" / "town"
    assert load_version(models).name == newest.name
    assert {name for name in names(models) if name.startswith(".")} == {".lock"}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_training_leaves_the_published_model_whole(town: Path, moment: Moment) -> None:
    old = load_version(town / "models" / "town").name
    killed = kill(town, moment, later=0.0)
    assert killed or moment is not started, "only at its end may it have finished before the kill"
    check(town, old)
    check_swept(town)


def test_a_training_killed_while_it_learns_leaves_the_published_model(town: Path) -> None:
    old = load_version(town / "models" / "town").name
    assert kill(town, started, later=0.7)
    assert load_version(town / "models" / "town").name == old
    check_swept(town)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_kills_at_forty_moments_of_the_save_leave_the_published_model_whole(town: Path) -> None:
    rng = np.random.default_rng(0)
    killed = 0
    for number in range(40):
        old = load_version(town / "models" / "town").name
        killed += kill(town, MOMENTS[1:][number % 4], later=float(rng.exponential(0.003)))
        check(town, old)
        if number % 10 == 9:
            check_swept(town)
    assert killed > 20, "most of the kills came before the end"
