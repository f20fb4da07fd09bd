"""The table of speeds: ratios of turns, and what processes have used."""

import sys
from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("lightgbm")

from benchmarks import speed
from benchmarks.timing import used_by

pytestmark = pytest.mark.slow  # lightgbm is installed for slow tests alone


def test_a_ratio_is_the_median_of_the_turns_ratios() -> None:
    row = speed.Row("a request", "µs", [10.0, 30.0, 200.0], "echo", [10.0, 10.0, 100.0], floor=5.0)
    assert row.ratio == 2.0
    assert str(row) == "| a request, µs | 30 | 10 (echo) | 5 | 2 |"


def test_a_row_without_a_peer_has_no_ratio() -> None:
    assert str(speed.Row("memory", "MB", [1234.0])) == "| memory, MB | 1,234 | – | – | – |"


def test_a_process_is_charged_for_its_own_work_and_memory_and_for_those_of_its_processes() -> None:
    work = "block = bytearray(200_000_000); block[::4096] = b'x' * len(block[::4096]); sum(range(9_000_000))"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}], check=True)"
    commands = ("import subprocess", work, f"{work}; {start}")
    idle, busy, both = (used_by([sys.executable, "-c", command], {0}) for command in commands)
    assert idle.cpu < busy.cpu < both.cpu
    assert 150 < busy.peak - idle.peak < 300
    assert 350 < both.peak - idle.peak < 500


def test_the_homes_are_sold_ones_moved_a_little(tmp_path: Path) -> None:
    stem = speed.write_homes(tmp_path, 50)
    written, typed = pd.read_csv(f"{stem}.csv"), pd.read_parquet(f"{stem}.parquet")
    pd.testing.assert_frame_equal(written, typed)
    assert len(written) == 50
    assert not {"price", "date", "id"} & set(written.columns)
