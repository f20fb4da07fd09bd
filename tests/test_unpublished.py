"""A market whose versions were saved and not published: what commands and the server say instead of starting."""

from pathlib import Path

import pytest

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.registry import CURRENT, MANIFEST, load_version, publish, save_version


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models" / "king_county"


REASON = "hit rate 85.0%, below 90%"
GATE = {"passed": False, "checks": [{"name": "ranges", "reason": None}, {"name": "hit_rate", "reason": REASON}]}


def test_where_nothing_is_published_the_reasons_against_the_newest_version_are_told(
    folder: Path, appraiser: Appraiser
) -> None:
    save_version(folder, appraiser, {"gate": GATE | {"checks": []}})
    newest = save_version(folder, appraiser, {"gate": GATE}).name
    with pytest.raises(SavedVersionError) as error:
        load_version(folder)
    told, reason, advice = str(error.value).splitlines()
    assert told == (
        f"{folder}: nothing is published here; the newest version, {newest}, was saved and not published, since it"
        " does not pass the gate:"
    )
    assert reason == f"  {REASON}"
    assert advice.endswith(f"publish it all the same with `ln -sfn {newest} {folder / CURRENT}`")
    publish(folder / newest)
    assert load_version(folder).name == newest


@pytest.mark.parametrize("manifest", [b"{}", b"[1]", b"\xff", b'{"gate": {"checks": 3}}', b'{"gate": null}'])
def test_a_manifest_without_reasons_is_told_as_not_published(folder: Path, manifest: bytes) -> None:
    (folder / "20200101T000000.000000Z-abcdef01").mkdir(parents=True)
    (folder / "20200101T000000.000000Z-abcdef01" / MANIFEST).write_bytes(manifest)
    with pytest.raises(
        SavedVersionError, match=r"Z-abcdef01, was saved and not published; train again, or publish"
    ):
        load_version(folder)


def test_with_a_key_an_unsigned_manifest_tells_no_reasons(folder: Path, appraiser: Appraiser) -> None:
    save_version(folder, appraiser, {"gate": GATE})
    with pytest.raises(SavedVersionError, match="was saved and not published; train again"):
        load_version(folder, b"k" * 32)
    save_version(folder, appraiser, {"gate": GATE}, key=b"k" * 32)
    with pytest.raises(SavedVersionError, match=REASON):
        load_version(folder, b"k" * 32)
