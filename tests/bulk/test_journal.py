"""A run that was killed continues where it stopped, and its answer is that of an uninterrupted run."""

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.bulk.journal import JOURNAL_SUFFIX, open_journal
from estimator.bulk.predict import Run
from estimator.errors import DataError
from estimator.market.fault_groups import FaultGroups
from tests.bulk.processes import all_end, children, seven_pieces
from tests.conftest import environment

RUN = Run(model="a")


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of fifty rows."""
    monkeypatch.setattr("estimator.market.homes_file.PIECE_ROWS", 50)
    return 50


@pytest.fixture
def faulty(homes: Path, tmp_path: Path) -> Path:
    """The homes, some of them without a size."""
    table = pd.read_csv(homes, dtype=str, keep_default_na=False)
    table.loc[table.index[::60], "sqft_living"] = "large"
    table.to_csv(tmp_path / "faulty.csv", index=False)
    return tmp_path / "faulty.csv"


class Interruption:
    """Ends a run after some pieces, as the keyboard does."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces

    def __call__(self, _rows: int) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def interrupted(appraiser: Appraiser, source: Path, target: Path, pieces: int, run: Run = RUN) -> Path:
    """Interrupt a run, and return its journal."""
    with pytest.raises(KeyboardInterrupt):
        predict_file(appraiser, source, target, Interruption(pieces), run=run)
    assert not target.exists()
    return target.with_name(f".{target.name}{JOURNAL_SUFFIX}")


def unable(appraiser: Appraiser) -> Appraiser:
    """Return an appraiser that can read files and value nothing."""
    broken: Any = None
    return replace(appraiser, model=broken)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_an_interrupted_run_values_no_home_twice_and_gives_the_same_answer(
    appraiser: Appraiser, faulty: Path, tmp_path: Path, small_pieces: int, ending: str
) -> None:
    whole, target = tmp_path / f"whole.{ending}", tmp_path / f"valued.{ending}"
    expected_faults, faults = FaultGroups(), FaultGroups()
    expected = predict_file(appraiser, faulty, whole, faults=expected_faults)
    interrupted(appraiser, faulty, target, 3)
    journal = interrupted(appraiser, faulty, target, 8)
    # All eight pieces are saved now: an appraiser that values nothing finishes the file.
    assert predict_file(unable(appraiser), faulty, target, faults=faults, run=RUN) == expected
    assert target.read_bytes() == whole.read_bytes()
    assert faults.text() == expected_faults.text()
    assert not journal.exists()


def test_a_half_written_record_is_valued_again(
    appraiser: Appraiser, faulty: Path, tmp_path: Path, small_pieces: int
) -> None:
    expected = predict_file(appraiser, faulty, tmp_path / "whole.csv")
    target = tmp_path / "valued.csv"
    journal = interrupted(appraiser, faulty, target, 5)
    content = journal.read_bytes()
    for cut, flip in ((1, None), (5000, None), (len(content) - 3, None), (None, len(content) // 2)):
        damaged = bytearray(content[: -cut if cut else None])
        if flip is not None:
            damaged[flip] ^= 1
        journal.write_bytes(damaged)
        assert predict_file(appraiser, faulty, target, run=RUN) == expected
        assert target.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("change", ["model", "confidence", "source"])
def test_answers_of_another_run_are_not_used(
    appraiser: Appraiser, faulty: Path, tmp_path: Path, small_pieces: int, change: str
) -> None:
    target = tmp_path / "valued.csv"
    interrupted(appraiser, faulty, target, 8)
    run = replace(RUN, model="b") if change == "model" else RUN
    run = replace(run, confidence=0.5) if change == "confidence" else run
    if change == "source":
        faulty.write_text(faulty.read_text().replace("large", "huge"))
    with pytest.raises(AttributeError):  # it tries to value the homes
        predict_file(unable(appraiser), faulty, target, run=run)


def test_two_processes_do_not_write_one_file(appraiser: Appraiser, homes: Path, tmp_path: Path) -> None:
    with (
        open_journal(tmp_path / "valued.csv", {}),
        pytest.raises(DataError, match="another process is writing this file"),
    ):
        predict_file(appraiser, homes, tmp_path / "valued.csv", run=RUN)


@pytest.mark.slow
def test_five_kills_change_no_byte(small_models: Path, homes: Path, tmp_path: Path) -> None:
    source = seven_pieces(homes, tmp_path)
    target, whole = tmp_path / "valued.csv", tmp_path / "whole.csv"
    command = [sys.executable, "-m", "estimator", "predict", "--model", str(small_models), str(source)]
    subprocess.run([*command, str(whole)], env=environment(), check=True)
    journal, size = target.with_name(f".{target.name}{JOURNAL_SUFFIX}"), 0
    for _ in range(5):
        process = subprocess.Popen([*command, str(target)], env=environment())
        while process.poll() is None and (not journal.exists() or journal.stat().st_size <= size):
            time.sleep(0.005)
        workers = children(process.pid)
        process.kill()
        assert process.wait() == -signal.SIGKILL
        assert all_end(workers), "no process lives on without the one killed"
        assert journal.stat().st_size > size, "it went on where the one before was killed"
        size = journal.stat().st_size
        assert not target.exists()
    subprocess.run([*command, str(target)], env=environment(), check=True)
    assert target.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["homes.csv", "valued.csv", "whole.csv"]
