"""The live model: what a request takes, and what happens when there is nothing to take."""

import json
import shutil
import time
from contextlib import suppress
from pathlib import Path

import pytest

from estimator.registry import load_version
from service.live_model import LiveModel, Snapshot
from service.problems import ProblemError


def loaded(live: LiveModel, *, within: float) -> bool:
    """Return whether a model is there to take within some seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(ProblemError):
            live.take()
            return True
        time.sleep(0.01)
    return False


def test_a_request_takes_the_snapshot_of_the_published_version(models: Path) -> None:
    live = LiveModel(models / "king_county")
    live.start()
    assert loaded(live, within=30)
    assert live.take().version == load_version(models / "king_county").name
    assert live.take() is live.take()


def test_until_a_model_is_loaded_there_is_nothing_to_take(models: Path) -> None:
    with pytest.raises(ProblemError) as error:
        LiveModel(models / "king_county").take()
    assert error.value.code == 503


def test_a_model_that_cannot_be_loaded_is_named_in_the_log_and_served_once_it_can(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveModel(tmp_path / "king_county")
    live.start()
    assert not loaded(live, within=0.5)
    assert f"{tmp_path / 'king_county'}: there is no saved version here" in caplog.text
    (tmp_path / "king_county").symlink_to(models / "king_county")
    assert loaded(live, within=30)
    assert live.take().version == load_version(models / "king_county").name


def test_a_version_that_lacks_what_is_served_is_logged_and_not_served(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    version = tmp_path / "version"
    shutil.copytree((models / "king_county" / "current").resolve(), version)
    manifest = json.loads((version / "manifest.json").read_text())
    del manifest["example"]
    (version / "manifest.json").write_text(json.dumps(manifest))
    live = LiveModel(version)
    live.start()
    assert not loaded(live, within=0.5)
    assert "KeyError: 'example'" in caplog.text


def test_a_snapshot_cannot_be_changed(models: Path) -> None:
    snapshot = Snapshot.of(load_version(models / "king_county"))
    with pytest.raises(AttributeError):
        snapshot.version = "another"  # type: ignore[misc]
