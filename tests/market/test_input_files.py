import os
from pathlib import Path

import pytest

from estimator.errors import DataError
from estimator.market.tables import check_target, read_table


def test_a_pipe_and_a_device_are_refused_before_they_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    os.mkfifo(tmp_path / "63")
    (tmp_path / "device.parquet").symlink_to("/dev/zero")
    for name in ("pipe.csv", "63", "device.parquet"):
        with pytest.raises(DataError, match=f"{name}: this is a pipe or a device; save what it gives"):
            read_table(tmp_path / name)


def test_a_name_for_an_answer_is_checked_beforehand(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("folder", "folder: a folder has this name; name a file in it, such as .*folder/valued.csv"),
        ("none/homes.csv", "the folder .*none does not exist"),
        ("homes.doc", r"unknown format; the name must end in .* or \.geojson$"),
        ("homes.csv.zip", r"unknown format; .*; unpack the file$"),
        ("homes.xlsx", r"Excel files are read, not written; the name must end in .* or \.geojson$"),
    ):
        with pytest.raises(DataError, match=message):
            check_target(tmp_path / name)
