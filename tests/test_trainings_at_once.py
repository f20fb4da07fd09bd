"""Two trainings into one folder at the same time both save, and readers always find a complete version."""

import hashlib
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from estimator.errors import SavedVersionError
from estimator.model.recipe import RECIPE
from estimator.registry import APPRAISER, CURRENT, load_version
from tests.conftest import PUBLISH_ANYWAY, environment, train_small
from tests.town import make_town

pytestmark = [pytest.mark.training, pytest.mark.slow]


def digest(version: Path) -> str:
    return hashlib.sha256((version / APPRAISER).read_bytes()).hexdigest()


def train(folder: Path, seed: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "estimator", "train", PUBLISH_ANYWAY, "--seed", str(seed)]
    command += ["--market", str(folder / "data"), "--models", str(folder / "models")]
    return subprocess.Popen(
        command, env=environment(), text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seeds", [(0, 1, 2), (0, 0, 0)], ids=["different models", "the same model"])
def test_trainings_at_once_each_save_their_model(tmp_path: Path, seeds: tuple[int, ...]) -> None:
    make_town(tmp_path / "data", 200)
    (tmp_path / "data" / RECIPE).write_text("networks = 1\nepochs = 8\n")
    alone = {
        seed: digest(train_small(tmp_path / "data", tmp_path / "alone" / str(seed), seed).folder)
        for seed in set(seeds)
    }
    models = tmp_path / "models" / "town"
    first = train_small(tmp_path / "data", tmp_path / "models", 9).folder
    stop, seen = threading.Event(), {first.name}

    failures: list[str] = []

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add(load_version(models).name)
            except SavedVersionError as error:
                failures.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        trainings = [train(tmp_path, seed) for seed in seeds]
        outputs = [process.communicate()[0] for process in trainings]
    finally:
        stop.set()
        reader.join()
    assert failures == []
    assert [process.returncode for process in trainings] == [0] * len(seeds)
    saved = [Path(output.rpartition("published ")[2].strip()) for output in outputs]
    assert len({*saved, first}) == len(seeds) + 1
    for version, seed in zip(saved, seeds, strict=True):
        assert digest(version) == alone[seed], "the model is the one that a training alone gives"
        assert load_version(version).name == version.name
    assert (models / CURRENT).resolve() in {path.resolve() for path in saved}
    assert {path.name for path in models.iterdir()} == {
        first.name,
        CURRENT,
        ".lock",
        *(path.name for path in saved),
    }
    assert seen <= {first.name, *(path.name for path in saved)}
