import datetime as dt
import hashlib
import hmac
import json
import resource
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from estimator.appraiser import STATE_FORMAT, Appraiser
from estimator.errors import SavedVersionError
from estimator.market.sales import Parts
from estimator.model.price_networks import PriceNetworks
from estimator.network import Dense, Network, StackedNetworks
from estimator.registry import (
    APPRAISER,
    CURRENT,
    MANIFEST,
    SIGNATURE,
    TEACHER,
    load_version,
    publish,
    save_version,
)
from estimator.state_file import dump_state
from tests.conftest import environment

SAVE_FIVE = """
import sys
from pathlib import Path
from estimator.registry import load_version, publish, save_version

source, target = map(Path, sys.argv[1:])
appraiser = load_version(source).appraiser
for _ in range(5):
    publish(save_version(target, appraiser, {}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "king_county"


def temporary_files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".") and path.name != ".lock")


def test_a_loaded_version_gives_the_same_values(folder: Path, appraiser: Appraiser, parts: Parts) -> None:
    version = save_version(folder, appraiser, {"seed": 3})
    loaded = load_version(version)
    assert loaded.name == version.name
    assert loaded.manifest["version"] == version.name
    assert loaded.manifest["seed"] == 3
    again = loaded.appraiser.value(parts.test.facts, parts.test.date)
    first = appraiser.value(parts.test.facts, parts.test.date)
    for name in ("price", "low", "high", "fsd", "date"):
        np.testing.assert_array_equal(getattr(again, name), getattr(first, name))
    assert loaded.appraiser.market == appraiser.market


def test_the_manifest_contains_the_hash_of_the_file(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {})
    manifest = json.loads((version / MANIFEST).read_text())
    assert manifest["files"] == {APPRAISER: hashlib.sha256((version / APPRAISER).read_bytes()).hexdigest()}
    assert sorted(path.name for path in version.iterdir()) == [APPRAISER, MANIFEST]


def test_a_version_is_not_served_before_it_is_published(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {})
    with pytest.raises(SavedVersionError, match="nothing is published here"):
        load_version(folder)
    publish(version)
    assert load_version(folder).name == version.name
    assert load_version(folder / CURRENT).name == version.name


def test_the_service_can_read_what_training_wrote(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {})
    assert version.stat().st_mode & 0o055 == 0o055
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in version.iterdir())


def test_moving_the_link_back_restores_the_old_version(folder: Path, appraiser: Appraiser) -> None:
    old, new = (save_version(folder, appraiser, {}) for _ in range(2))
    publish(old)
    publish(new)
    assert load_version(folder).name == new.name
    (folder / CURRENT).unlink()
    (folder / CURRENT).symlink_to(old.name)
    assert load_version(folder).name == old.name


def test_a_changed_byte_is_detected(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {})
    content = (version / APPRAISER).read_bytes()
    for offset in (0, len(content) // 2, len(content) - 1):
        changed = bytearray(content)
        changed[offset] ^= 1
        (version / APPRAISER).write_bytes(changed)
        with pytest.raises(SavedVersionError, match=r"its SHA-256 is .*, the manifest has"):
            load_version(version)


@pytest.mark.parametrize("kept", [0, 1, 1000, -1])
def test_a_truncated_file_is_detected(folder: Path, appraiser: Appraiser, kept: int) -> None:
    version = save_version(folder, appraiser, {})
    (version / APPRAISER).write_bytes((version / APPRAISER).read_bytes()[:kept])
    with pytest.raises(SavedVersionError, match="SHA-256"):
        load_version(version)


@pytest.mark.parametrize(
    ("missing", "message"), [(APPRAISER, f"{APPRAISER} is missing"), (MANIFEST, "no saved version here")]
)
def test_a_folder_with_a_missing_file_is_detected(
    folder: Path, appraiser: Appraiser, missing: str, message: str
) -> None:
    version = save_version(folder, appraiser, {})
    publish(version)
    (version / missing).unlink()
    for path in (version, folder):
        with pytest.raises(SavedVersionError, match=message):
            load_version(path)


@pytest.mark.parametrize(
    "manifest",
    [b"", b"{", b"[]", b"{}", b'{"files": []}', b'{"files": {}}', b"\xff\xfe", b"null", b'{"files": 1}'],
)
def test_a_file_that_is_not_a_manifest_is_reported(folder: Path, appraiser: Appraiser, manifest: bytes) -> None:
    version = save_version(folder, appraiser, {})
    (version / MANIFEST).write_bytes(manifest)
    with pytest.raises(SavedVersionError, match=r"manifest\.json is not a manifest"):
        load_version(version)


@pytest.mark.parametrize("state", [None, [], {"format": STATE_FORMAT}, {"format": STATE_FORMAT, "market": 1}])
def test_a_file_that_is_no_appraiser_is_refused_though_its_hash_is_right(
    folder: Path, appraiser: Appraiser, state: object
) -> None:
    version = save_version(folder, appraiser, {})
    (version / APPRAISER).write_bytes(dump_state(state))
    digest = hashlib.sha256((version / APPRAISER).read_bytes()).hexdigest()
    (version / MANIFEST).write_text(json.dumps({"files": {APPRAISER: digest}}))
    with pytest.raises(SavedVersionError, match="not the state of a model"):
        load_version(version)


@pytest.mark.parametrize("number", [STATE_FORMAT + 1, 0, None, "1"])
def test_a_model_of_another_format_is_refused(folder: Path, appraiser: Appraiser, number: object) -> None:
    version = save_version(folder, appraiser, {})
    (version / APPRAISER).write_bytes(dump_state({"format": number}))
    digest = hashlib.sha256((version / APPRAISER).read_bytes()).hexdigest()
    (version / MANIFEST).write_text(json.dumps({"files": {APPRAISER: digest}}))
    with pytest.raises(
        SavedVersionError, match=f"has format {number!r} and this program reads format {STATE_FORMAT}: train"
    ):
        load_version(version)


def test_a_teacher_of_another_model_is_refused_though_its_hash_is_right(
    folder: Path, appraiser: Appraiser
) -> None:
    network = Network([Dense(3, 1)], rng=np.random.default_rng(0))
    other = PriceNetworks(StackedNetworks([network]), 13.0, 0.5, 0.1)
    version = save_version(folder, appraiser, {}, lambda _: {TEACHER: dump_state(other.state())})
    assert load_version(version).name == version.name
    with pytest.raises(
        SavedVersionError, match=f"{TEACHER}: these networks are of another model.* train the version"
    ):
        load_version(version, teacher=True)


def test_a_missing_version_is_reported_with_the_command_that_trains_one(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "dangling").mkdir()
    (tmp_path / "dangling" / CURRENT).symlink_to("gone")
    for path in (tmp_path / "none", tmp_path / "empty", tmp_path / "dangling"):
        with pytest.raises(SavedVersionError, match="train one with `house-price train --market"):
            load_version(path)


def test_an_unwritable_folder_is_reported(tmp_path: Path, appraiser: Appraiser) -> None:
    (tmp_path / "models").write_text("a file stands where the folder would")
    with pytest.raises(SavedVersionError, match="models"):
        save_version(tmp_path / "models" / "king_county", appraiser, {})


def test_files_left_by_a_killed_writer_are_removed_and_versions_are_not(
    folder: Path, appraiser: Appraiser
) -> None:
    old = save_version(folder, appraiser, {})
    publish(old)
    (folder / ".writing-abc").mkdir()
    (folder / ".writing-abc" / APPRAISER).write_bytes(b"half")
    (folder / ".current-next").symlink_to("half")
    (folder / ".list_prices.json.abc.tmp").write_text("{")
    new = save_version(folder, appraiser, {})
    publish(new)
    assert temporary_files(folder) == []
    assert load_version(old).name == old.name
    assert load_version(folder).name == new.name


def test_a_reader_gets_a_complete_version_while_current_changes(folder: Path, appraiser: Appraiser) -> None:
    versions = [save_version(folder, appraiser, {"number": number}) for number in range(2)]
    publish(versions[0])
    stop = threading.Event()

    def move() -> None:
        turn = 0
        while not stop.is_set():
            turn = 1 - turn
            publish(versions[turn])

    mover = threading.Thread(target=move)
    mover.start()
    try:
        loaded = [load_version(folder) for _ in range(40)]
    finally:
        stop.set()
        mover.join()
    for version in loaded:
        assert version.manifest["version"] == version.name == versions[version.manifest["number"]].name


def test_concurrent_writers_all_save_and_one_version_is_current(small_models: Path, folder: Path) -> None:
    command = [sys.executable, "-c", SAVE_FIVE, str(small_models), str(folder)]
    writers = [subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for writer in writers:
        complaint = writer.communicate()[1]
        assert writer.returncode == 0, complaint
    versions = [path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()]
    assert len(versions) == 15
    assert {load_version(version).name for version in versions} == {version.name for version in versions}
    assert (folder / CURRENT).resolve() in versions
    assert temporary_files(folder) == []


def test_the_models_folder_can_be_moved(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {})
    publish(version)
    elsewhere = folder.parent.with_name("elsewhere")
    shutil.move(folder.parent, elsewhere)
    assert not (elsewhere / folder.name / CURRENT).readlink().is_absolute()
    assert load_version(elsewhere / folder.name).name == version.name


def test_a_full_disk_leaves_the_published_version_and_no_other_file(folder: Path, appraiser: Appraiser) -> None:
    published = save_version(folder, appraiser, {})
    publish(published)
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Python ignores the signal: the write fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, unlimited[1]))
    try:
        with pytest.raises(SavedVersionError, match="File too large"):
            save_version(folder, appraiser, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    assert load_version(folder).folder == published.resolve()
    assert temporary_files(folder) == []
    save_version(folder, appraiser, {})


def with_clock(monkeypatch: pytest.MonkeyPatch, now: dt.datetime) -> None:
    """Let versions be saved at a given time: a test cannot set the machine's clock."""

    class Clock(dt.datetime):
        @classmethod
        def now(cls, tz: dt.tzinfo | None = None) -> dt.datetime:  # type: ignore[override]
            return now.astimezone(tz)

    monkeypatch.setattr("estimator.registry.dt.datetime", Clock)


def test_a_clock_that_is_set_back_or_stands_still_costs_no_version(
    folder: Path, appraiser: Appraiser, monkeypatch: pytest.MonkeyPatch
) -> None:
    noon = dt.datetime(2026, 3, 29, 12, tzinfo=dt.UTC)
    saved = []
    for hours in (0, 0, 0, -1, -1, 0, 1):
        with_clock(monkeypatch, noon + dt.timedelta(hours=hours))
        saved.append(save_version(folder, appraiser, {}))
        publish(saved[-1])
        assert load_version(folder).name == saved[-1].name, "what was published last is current, whatever its name"
    assert len(set(saved)) == len(saved)
    for version in saved:
        assert load_version(version).manifest["version"] == version.name
    publish(saved[0])
    assert load_version(folder).name == saved[0].name, "publishing an older version rolls back"
    assert {path.name for path in folder.iterdir()} == {*(path.name for path in saved), CURRENT, ".lock"}


KEY = b"k" * 32


def test_a_signed_version_is_loaded_with_its_key_alone(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {}, key=KEY)
    expected = hmac.digest(KEY, (version / MANIFEST).read_bytes(), "sha256").hex()
    assert (version / SIGNATURE).read_text() == expected
    assert load_version(version, KEY).name == load_version(version).name == version.name
    with pytest.raises(SavedVersionError, match="was not signed with this key"):
        load_version(version, b"x" * 32)


def test_a_manifest_written_without_the_key_is_detected(folder: Path, appraiser: Appraiser) -> None:
    version = save_version(folder, appraiser, {}, key=KEY)
    manifest = json.loads((version / MANIFEST).read_text())
    (version / APPRAISER).write_bytes(b"rubbish")
    manifest["files"] = {APPRAISER: hashlib.sha256(b"rubbish").hexdigest()}
    (version / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(SavedVersionError, match="was not signed with this key"):
        load_version(version, KEY)
    (version / SIGNATURE).unlink()
    with pytest.raises(SavedVersionError, match="is not signed"):
        load_version(version, KEY)


def test_a_swapped_model_with_a_new_hash_is_used_without_a_key_and_refused_with_one(
    folder: Path, appraiser: Appraiser, parts: Parts
) -> None:
    version = save_version(folder, appraiser, {}, key=KEY)
    publish(version)
    state = appraiser.state()
    state["model"]["mean"] += 1.0
    content = dump_state(state)
    manifest = json.loads((version / MANIFEST).read_text())
    manifest["files"][APPRAISER] = hashlib.sha256(content).hexdigest()
    (version / APPRAISER).write_bytes(content)
    (version / MANIFEST).write_text(json.dumps(manifest))
    swapped = load_version(folder).appraiser.value(parts.test.facts, parts.test.date).price
    assert np.nanmedian(swapped) > 2 * np.nanmedian(appraiser.value(parts.test.facts, parts.test.date).price)
    with pytest.raises(SavedVersionError, match="was not signed with this key"):
        load_version(folder, KEY)
    other = save_version(folder, appraiser, {"another": True}, key=KEY)
    shutil.copy(other / SIGNATURE, version / SIGNATURE)
    with pytest.raises(SavedVersionError, match="was not signed with this key"):
        load_version(folder, KEY)
