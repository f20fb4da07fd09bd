"""A disk that is full at any write of a training costs neither the published version nor a readable message."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.model.recipe import RECIPE
from estimator.registry import CURRENT, load_version, publish, save_version
from tests.conftest import PUBLISH_ANYWAY, estimator
from tests.town import make_town

SIZES = 24
"""Sizes of the disk that are tried, from nothing left to enough."""
PAGE = os.sysconf("SC_PAGE_SIZE")
KEY = b"k" * 32


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64m", "none", folder], check=False)
    if mount.returncode != 0:
        pytest.skip("this user cannot mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def resize(disk: Path, option: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{option}", disk], check=True)


def used(disk: Path) -> tuple[int, int]:
    """Return the bytes and inodes in use."""
    status = os.statvfs(disk)
    return (status.f_blocks - status.f_bfree) * status.f_frsize, status.f_files - status.f_ffree


def save_and_publish(market: Path, appraiser: Appraiser) -> Path:
    version = save_version(market, appraiser, {}, lambda name: {"report.json": bytes(20_000)}, KEY)
    publish(version)
    return version


def failure(market: Path, appraiser: Appraiser) -> str:
    """Save and publish a version; return the message if that fails, else nothing."""
    try:
        save_and_publish(market, appraiser)
    except SavedVersionError as error:
        return str(error)
    return ""


def check(market: Path, old: Path) -> None:
    """The old version is current, and whatever else looks like a version is complete."""
    assert load_version(market, KEY).name == old.name
    for path in market.iterdir():
        assert path.name in {CURRENT, ".lock"} or load_version(path, KEY).name == path.name


def test_wherever_the_space_ends_the_published_version_stays_and_nothing_is_left(
    disk: Path, appraiser: Appraiser
) -> None:
    market = disk / "king_county"
    empty = used(disk)[0]
    old = save_and_publish(market, appraiser)
    before = used(disk)[0]
    size, failures = before - empty + 4 * PAGE, 0
    for number in range(SIZES + 1):
        resize(disk, f"size={max(before + size * number // SIZES, PAGE)}")
        message = failure(market, appraiser)
        if not message:
            break
        failures += 1
        assert message.startswith(str(market))
        assert "No space left on device" in message
        check(market, old)
        assert used(disk)[0] == before, "nothing is left that takes space"
    assert failures > SIZES // 2, "most of the sizes were too small"
    assert load_version(market, KEY).name != old.name, "the last size was enough"


def test_wherever_the_inodes_end_the_published_version_stays(disk: Path, appraiser: Appraiser) -> None:
    market = disk / "king_county"
    old = save_and_publish(market, appraiser)
    failures = 0
    for more in range(20):
        resize(disk, f"nr_inodes={used(disk)[1] + more}")
        message = failure(market, appraiser)
        if not message:
            break
        failures += 1
        assert "No space left on device" in message
        check(market, old)
        resize(disk, "nr_inodes=1000")
        for path in market.iterdir():
            # Saved, but not published: only the link did not fit.
            if path.is_dir() and not path.is_symlink() and path != old:
                shutil.rmtree(path)
    assert failures >= 6, "the folder, its four files and the link"
    assert load_version(market, KEY).name != old.name, "the last number was enough"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_train_on_a_full_disk_says_so_and_exits_with_2(disk: Path, tmp_path: Path) -> None:
    make_town(tmp_path / "data", 200)
    (tmp_path / "data" / RECIPE).write_text("networks = 1\nepochs = 8\n")
    command = ("train", PUBLISH_ANYWAY, "--market", tmp_path / "data", "--models", disk)
    empty = used(disk)[0]
    assert estimator(*command).returncode == 0
    market = disk / "town"
    old, before = load_version(market), used(disk)[0]
    for share in (0.0, 0.1, 0.4, 0.7, 0.9, 0.98):
        resize(disk, f"size={int(before + share * (before - empty))}")
        run = estimator(*command)
        assert run.returncode == 2
        assert f"Error: {market}: the version cannot be saved: [Errno 28] No space left on device" in run.stderr
        assert "Traceback" not in run.stderr
        assert load_version(market).name == old.name
        assert {path.name for path in market.iterdir()} == {old.name, CURRENT, ".lock"}
    resize(disk, "size=64m")
    assert estimator(*command).returncode == 0
    assert load_version(market).name != old.name
