"""The live model: loading, publishing, damaged versions, stopping."""

import json
import shutil
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from estimator.deals.saved_list_prices import save_list_prices
from estimator.registry import load_version, publish, version_folder
from service import live_model, metrics
from service.http.problems import ProblemError
from service.live_model import LiveModel
from service.valuation.snapshot import Snapshot


def loaded(live: LiveModel, *, within: float) -> bool:
    """Return whether a model is loaded within some seconds."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        with suppress(ProblemError):
            live.snapshot()
            return True
        time.sleep(0.01)
    return False


def test_the_snapshot_is_the_published_version(models: Path) -> None:
    live = LiveModel(models / "king_county")
    live.start()
    assert loaded(live, within=30)
    assert live.snapshot().version == load_version(models / "king_county").name
    assert live.snapshot() is live.snapshot()


def test_before_a_model_is_loaded_there_is_no_snapshot(models: Path) -> None:
    with pytest.raises(ProblemError) as error:
        LiveModel(models / "king_county").snapshot()
    assert error.value.code == 503


def test_a_model_that_cannot_be_loaded_is_logged_and_served_once_it_can(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    live = LiveModel(tmp_path / "king_county")
    live.start()
    assert not loaded(live, within=0.5)
    assert f"{tmp_path / 'king_county'}: there is no saved version here" in caplog.text
    (tmp_path / "king_county").symlink_to(models / "king_county")
    assert loaded(live, within=30)
    assert live.snapshot().version == load_version(models / "king_county").name


def test_an_incomplete_version_is_logged_and_not_served(
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


def test_a_snapshot_is_immutable(models: Path) -> None:
    snapshot = Snapshot.of(load_version(models / "king_county"))
    with pytest.raises(AttributeError):
        snapshot.version = "another"  # type: ignore[misc]


def copied(models: Path, folder: Path, *names: str) -> Path:
    """Return `models/<market>` with copies of the published version under some names; the first is published."""
    for name in names:
        shutil.copytree((models / "king_county" / "current").resolve(), folder / "market" / name)
    publish(folder / "market" / names[0])
    return folder / "market"


def following(market: Path, **more: Any) -> LiveModel:
    """Return a live model that has loaded a version and follows only when `refresh` is called."""
    live = LiveModel(market, **more)
    live.refresh()
    return live


def test_publishing_and_rolling_back_change_the_served_version(models: Path, tmp_path: Path) -> None:
    market = copied(models, tmp_path, "one", "two")
    live = following(market)
    first_snapshot = live.snapshot()
    for name in ("two", "one", "two"):
        publish(market / name)
        live.refresh()
        assert live.snapshot().version == name
    assert first_snapshot.version == "one", "a snapshot in use does not change"


def test_an_unchanged_version_is_not_loaded_again(models: Path, tmp_path: Path) -> None:
    market = copied(models, tmp_path, "one", "two")
    live = following(market)
    first = live.snapshot()
    live.refresh()
    assert live.snapshot() is first


def spoil_bytes(version: Path) -> None:
    content = bytearray((version / "appraiser.joblib").read_bytes())
    content[len(content) // 2] ^= 1
    (version / "appraiser.joblib").write_bytes(content)


def spoil_truncated(version: Path) -> None:
    (version / "appraiser.joblib").write_bytes((version / "appraiser.joblib").read_bytes()[:1000])


def spoil_manifest(version: Path) -> None:
    (version / "manifest.json").write_text("{")


def spoil_missing(version: Path) -> None:
    (version / "appraiser.joblib").unlink()


def spoil_all(version: Path) -> None:
    shutil.rmtree(version)


@pytest.mark.parametrize("spoil", [spoil_bytes, spoil_truncated, spoil_manifest, spoil_missing, spoil_all])
def test_a_damaged_version_is_logged_and_counted_once_while_the_old_one_is_served(
    spoil: Callable[[Path], None],
    models: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    market = copied(models, tmp_path, "one", "two")
    live = following(market)
    # Threads of other tests may still try to load their models.
    threads: list[threading.Thread] = []
    monkeypatch.setattr(metrics, "count_failed_load", lambda: threads.append(threading.current_thread()))
    spoil(market / "two")
    publish(market / "two")
    for _ in range(3):
        live.refresh()
    assert live.snapshot().version == "one"
    (message,) = [record.getMessage() for record in caplog.records if str(market / "two") in record.getMessage()]
    assert "version one stays in use" in message
    assert threads.count(threading.current_thread()) == 1
    shutil.rmtree(market / "two", ignore_errors=True)
    shutil.copytree(market / "one", market / "two")
    live.refresh()
    assert live.snapshot().version == "two", "a repaired version is served"


def test_an_unsigned_version_is_not_served(models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    market = copied(models, tmp_path, "unsigned")
    with pytest.raises(ProblemError):
        following(market, key=b"k" * 32).snapshot()
    assert "is not signed" in caplog.text


def test_a_restarted_worker_serves_the_fallback_while_the_published_version_is_damaged(
    models: Path, tmp_path: Path
) -> None:
    market = copied(models, tmp_path, "bad", "good")
    spoil_bytes(market / "bad")
    live = following(market, fallback=market / "good")
    assert live.snapshot().version == "good"
    live.refresh()
    assert live.snapshot().version == "good"


def test_a_draining_server_is_not_ready_but_answers(models: Path, tmp_path: Path) -> None:
    live = following(copied(models, tmp_path, "one"))
    live.check_ready()
    live.drain()
    with pytest.raises(ProblemError) as error:
        live.check_ready()
    assert error.value.code == 503
    assert live.snapshot().version == "one"


def test_saved_list_prices_are_used_at_once_and_damaged_ones_are_replaced_by_the_default(
    models: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(models / "king_county", tmp_path / "king_county", symlinks=True)
    live = following(tmp_path / "king_county")
    default = live.snapshot().list_price_model
    assert default.listings is None
    fitted = replace(default, noise=0.03, listings=500)
    path = save_list_prices(tmp_path, "king_county", fitted, {})
    live.refresh()
    assert live.snapshot().list_price_model.noise == 0.03
    assert live.notes() == ()
    for damage in ("{", "[1]"):
        path.write_text(damage)
        live.refresh()
        assert live.snapshot().list_price_model.state() == default.state()
        assert live.notes() == (live_model.DAMAGED_LIST_PRICES,)
        assert "estimator_damaged_list_prices 1.0" in metrics.exposition().decode()
        assert "list_prices.json: cannot be used" in caplog.text
        caplog.clear()
    save_list_prices(tmp_path, "king_county", fitted, {})
    live.refresh()
    assert live.snapshot().list_price_model.noise == 0.03
    assert live.notes() == ()
    assert "estimator_damaged_list_prices 0.0" in metrics.exposition().decode()
    path.unlink()
    live.refresh()
    assert live.snapshot().list_price_model.listings is None


def test_a_change_of_permissions_is_noticed(models: Path, tmp_path: Path) -> None:
    market = copied(models, tmp_path, "one")
    live = following(market)
    first = live.snapshot()
    (market / "one" / "appraiser.joblib").chmod(0o600)
    live.refresh()
    assert live.snapshot() is not first


def unreadable_link(market: Path) -> Callable[[], None]:
    """Make `current` a link to itself; return what repairs it."""
    link = market / "current"
    target = link.readlink()
    link.unlink()
    link.symlink_to("current")

    def repair() -> None:
        link.unlink()
        link.symlink_to(target)

    return repair


def bad_date(market: Path) -> Callable[[], None]:
    """Publish a version whose manifest has no valid date; return what repairs it."""
    name = (market / "current").readlink()
    shutil.copytree(market / name, market / "bad")
    manifest = json.loads((market / "bad" / "manifest.json").read_text())
    (market / "bad" / "manifest.json").write_text(json.dumps(manifest | {"created": "yesterday"}))
    publish(market / "bad")
    return lambda: publish(market / name)


def failing_check(market: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the check itself fail in a way that nobody expects; return what repairs it."""

    def fail(_path: Path) -> Path:
        raise MemoryError

    name = "service.live_model.version_folder"
    monkeypatch.setattr(name, fail)
    return lambda: monkeypatch.setattr(name, version_folder)


@pytest.mark.parametrize("break_it", [unreadable_link, bad_date, failing_check])
@pytest.mark.parametrize("at_start", [False, True], ids=["while serving", "at the start"])
def test_following_survives_everything_and_recovers_by_itself(
    break_it: Callable[..., Callable[[], None]],
    at_start: bool,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(live_model, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(live_model, "RETRY_SECONDS", 0.01)
    market = copied(models, tmp_path, "one", "two")
    live = LiveModel(market)
    if not at_start:
        live.start()
        assert loaded(live, within=30)
    repair = break_it(market, monkeypatch) if break_it is failing_check else break_it(market)
    if at_start:
        live.start()
    deadline = time.monotonic() + 30
    while "cannot" not in caplog.text and time.monotonic() < deadline:
        time.sleep(0.01)
    assert "cannot" in caplog.text, "the failure is logged"
    if not at_start:
        assert live.snapshot().version == "one", "the old version is served meanwhile"
    repair()
    publish(market / "two")
    while time.monotonic() < deadline:
        with suppress(ProblemError):
            if live.snapshot().version == "two":
                break
        time.sleep(0.01)
    assert live.snapshot().version == "two"
    assert live.seconds_since_check() < 5


def test_a_worker_that_starts_while_the_folder_cannot_be_read_serves_the_fallback(
    models: Path, tmp_path: Path
) -> None:
    market = copied(models, tmp_path, "one")
    unreadable_link(market)
    live = following(market, fallback=market / "one")
    assert live.snapshot().version == "one"
