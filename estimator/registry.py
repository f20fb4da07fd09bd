"""Saved versions of a model: `models/<market>/<version>/`, and `current`, a link to the published one.

A version is written to a temporary folder, synced and renamed, and `current` is replaced in one step, so a reader
never sees an incomplete model, even if the writer is killed. A file is loaded only if its SHA-256 agrees with the
manifest. With a key, the manifest's HMAC must agree too: someone with write access to the folder can write a
manifest, but cannot sign it.
"""

import datetime as dt
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from estimator.appraiser import Appraiser
from estimator.atomic_file import UNFINISHED_FILE, sync_folder
from estimator.errors import SavedVersionError
from estimator.model.price_networks import PriceNetworks
from estimator.signing import is_signature, sign
from estimator.state_file import dump_state, load_state

APPRAISER = "appraiser.joblib"
TEACHER = "teacher.joblib"
"""The networks that taught the appraiser's student. Only `--teacher` reads it."""
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.hmac"
"""Signature of the manifest's bytes; written if there is a key."""
CURRENT = "current"
_UNFINISHED = ".writing-"

T = TypeVar("T")


@dataclass(frozen=True)
class SavedVersion:
    """One saved version, loaded.

    Parameters
    ----------
    folder
        The version's folder, not a link; its name is the version's name.
    manifest
        Its record: hashes, seed, recipe, library versions, error figures, ratio study.
    appraiser
        The trained appraiser.
    """

    folder: Path
    manifest: Mapping[str, Any]
    appraiser: Appraiser

    @property
    def name(self) -> str:
        """The version's name."""
        return self.folder.name


def make_market_folder(models: Path, market: str) -> Path:
    """Return the folder of a market's versions, created if missing: called before training, to fail early.

    Raises
    ------
    SavedVersionError
        The folder cannot be created or written to.
    """
    folder = models / market
    try:
        with writer_lock(folder):
            return folder
    except OSError as error:
        raise SavedVersionError(f"{folder}: cannot be written to: {error}") from error


def save_version(
    market_folder: Path,
    appraiser: Appraiser,
    record: Mapping[str, Any],
    extra_files: Callable[[str], Mapping[str, bytes]] = lambda _: {},
    key: bytes | None = None,
) -> Path:
    """Save a trained appraiser as a new version without publishing it.

    Parameters
    ----------
    market_folder
        `models/<market>`; created if missing.
    record
        Entries of the manifest besides the version's name, its time and the files' hashes.
    extra_files
        Called with the version's name; returns the version's further files: name → content.
    key
        Signs the manifest, if given.

    Returns
    -------
    Path
        The version's folder.

    Raises
    ------
    SavedVersionError
        The version cannot be written.
    """
    content = dump_state(appraiser.state())
    digest = hashlib.sha256(content).hexdigest()
    try:
        with writer_lock(market_folder):
            # To the microsecond, and inside the lock: two trainings may save the same model in one second.
            created = dt.datetime.now(dt.UTC)
            while (folder := market_folder / f"{created:%Y%m%dT%H%M%S.%fZ}-{digest[:8]}").exists():
                created += dt.timedelta(microseconds=1)  # the clock was set back, or stands still
            files = {APPRAISER: content, **extra_files(folder.name)}
            manifest = {
                "version": folder.name,
                "created": created.isoformat(timespec="seconds"),
                "files": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
                **record,
            }
            text = json.dumps(manifest, indent=2, allow_nan=False).encode()
            files[MANIFEST] = text
            if key is not None:
                files[SIGNATURE] = sign(key, text).encode()
            _write_folder(folder, files)
    except OSError as error:
        raise SavedVersionError(f"{market_folder}: the version cannot be saved: {error}") from error
    return folder


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write a folder with its files, completely or not at all."""
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=_UNFINISHED))
    try:
        unfinished.chmod(0o755)  # mkdtemp's 0700 would lock out the service's user
        for name, data in files.items():
            _write_synced(unfinished / name, data)
        sync_folder(unfinished)
        unfinished.rename(folder)
        sync_folder(folder.parent)
    except BaseException:
        # At once, not only before the next version: the disk may be full.
        shutil.rmtree(unfinished, ignore_errors=True)
        raise


def publish(folder: Path, instead_of: Path | None = None) -> None:
    """Make a saved version the current one, in one step.

    Parameters
    ----------
    instead_of
        What `version_folder` returned for the market's folder before this version was made from an older one: if
        another version was published since then, this one lacks its sales and is not published.

    Raises
    ------
    SavedVersionError
        The link `current` cannot be replaced, or another version was published meanwhile.
    """
    link = folder.with_name(f".{CURRENT}-next")
    try:
        with writer_lock(folder.parent):
            published = version_folder(folder.parent)
            if instead_of is not None and published != instead_of:
                raise SavedVersionError(
                    f"{folder}: is saved, but not published, since {published.name} was published meanwhile;"
                    " refresh that version instead"
                )
            link.unlink(missing_ok=True)  # a killed publisher may have left it
            link.symlink_to(folder.name)
            link.replace(folder.with_name(CURRENT))
            sync_folder(folder.parent)
    except OSError as error:
        raise SavedVersionError(f"{folder}: is saved, but cannot be published: {error}") from error


def version_folder(path: Path) -> Path:
    """Return the folder of the version that a path refers to now, see `load_version`; it may not exist.

    Raises
    ------
    SavedVersionError
        The folder cannot be read, or a link leads back to itself.
    """
    try:
        folder = path / CURRENT if not (path / MANIFEST).exists() and (path / CURRENT).is_symlink() else path
        return folder.resolve()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise SavedVersionError(f"{path}: the version cannot be found: {error}") from error


def teacher_file(appraiser: Appraiser) -> dict[str, bytes]:
    """Return the file of the networks that taught an appraiser's student, by its name; empty if there are none."""
    teacher = appraiser.model.teacher
    return {} if teacher is None else {TEACHER: dump_state(teacher.state())}


def load_version(path: Path, key: bytes | None = None, *, teacher: bool = False) -> SavedVersion:
    """Load a saved version.

    Parameters
    ----------
    path
        A version's folder, a link to one, or `models/<market>` for its current version.
    key
        If given, a version not signed with it is refused.
    teacher
        Whether homes are to be valued by the networks that taught the version's student.

    Raises
    ------
    SavedVersionError
        There is no such version, it was saved without the teacher that is asked for or with that of another model,
        or its files do not agree with its manifest.
    """
    folder, manifest, content = _read_verified(path, APPRAISER, key)
    appraiser: Appraiser = _restore(folder / APPRAISER, content, Appraiser.from_state)
    if teacher:
        content = read_version_file(folder, TEACHER, key)
        networks = _restore(folder / TEACHER, content, PriceNetworks.from_state)
        # A student takes over the scale of its teacher's prices: that of the sales that both were trained on.
        if networks.deviation != appraiser.model.networks.deviation:
            raise SavedVersionError(
                f"{folder / TEACHER}: these networks are of another model, and did not teach this version's"
                " student; train the version again"
            )
        appraiser = appraiser.valued_by(networks)
    return SavedVersion(folder, manifest, appraiser)


def _restore(file: Path, content: bytes, from_state: Callable[[Any], T]) -> T:
    """Return what a version's file holds."""
    try:
        return from_state(load_state(content))
    except SavedVersionError as error:
        raise SavedVersionError(f"{file}: {error}") from error
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise SavedVersionError(f"{file}: this is not the state of a model; train the version again") from error


def read_version_file(path: Path, name: str, key: bytes | None = None) -> bytes:
    """Return the content of one of a version's files; path and key are as in `load_version`.

    Raises
    ------
    SavedVersionError
        There is no such version, it was saved without the file, or the file does not agree with its manifest.
    """
    return _read_verified(path, name, key)[2]


def _read_verified(path: Path, name: str, key: bytes | None = None) -> tuple[Path, dict[str, Any], bytes]:
    """Return a version's folder, its manifest and the content of one of its files, after verifying both."""
    folder = version_folder(path)  # once: `current` may change while the files are read
    try:
        text = (folder / MANIFEST).read_bytes()
        if key is not None:
            _check_signature(folder, text, key)
        manifest = json.loads(text)
        if name != APPRAISER and name not in manifest["files"]:
            with_settings = ", with student and keep_teacher true in recipe.toml" if name == TEACHER else ""
            raise SavedVersionError(
                f"{folder}: the version was saved without {name}; train it again{with_settings}:"
                " `house-price train --market …`"
            )
        content = (folder / name).read_bytes()
        expected = manifest["files"][name]
    except FileNotFoundError as error:
        if (folder / MANIFEST).exists():
            raise SavedVersionError(f"{folder}: {name} is missing, which the manifest lists") from error
        raise SavedVersionError(f"{path}: {_why_nothing(path, key)}") from error
    except OSError as error:
        raise SavedVersionError(f"{folder}: the version cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise SavedVersionError(f"{folder}: {MANIFEST} is not a manifest; train the version again") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise SavedVersionError(
            f"{folder / name}: the file was changed or is incomplete: its SHA-256 is {digest}, the manifest has"
            f" {expected}"
        )
    return folder, manifest, content


def _why_nothing(path: Path, key: bytes | None) -> str:
    """Return why a path leads to no version: none was saved, or the newest one was not published."""
    saved = [
        manifest.parent for manifest in path.glob(f"*/{MANIFEST}") if not manifest.parent.name.startswith(".")
    ]
    if not saved or (path / CURRENT).is_symlink():
        return "there is no saved version here; train one with `house-price train --market …`"
    newest = max(saved)
    text = f"nothing is published here; the newest version, {newest.name}, was saved and not published"
    try:
        manifest = (newest / MANIFEST).read_bytes()
        if key is not None:
            _check_signature(newest, manifest, key)
        reasons = [f"  {check['reason']}\n" for check in json.loads(manifest)["gate"]["checks"] if check["reason"]]
    except (OSError, SavedVersionError, ValueError, KeyError, TypeError):
        reasons = []  # what cannot be read explains nothing
    if reasons:
        text += f", since it does not pass the gate:\n{''.join(reasons)}Train again with better sales, or"
    else:
        text += "; train again, or"
    return f"{text} publish it all the same with `ln -sfn {newest.name} {path / CURRENT}`"


def _check_signature(folder: Path, manifest: bytes, key: bytes) -> None:
    """Raise a SavedVersionError for a manifest that was not signed with the key."""
    try:
        signature = (folder / SIGNATURE).read_bytes().decode(errors="replace")
    except FileNotFoundError as error:
        raise SavedVersionError(f"{folder}: the manifest is not signed, but a key is set") from error
    if not is_signature(signature, key, manifest):
        raise SavedVersionError(f"{folder}: the manifest was not signed with this key")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def writer_lock(market_folder: Path) -> Iterator[None]:
    """Allow one process to write to a market's folder at a time, and remove what killed writers left behind."""
    market_folder.mkdir(parents=True, exist_ok=True)
    with (market_folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system releases it when the process ends, however it ends
        for unfinished in market_folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        for unfinished in market_folder.glob(f".*{UNFINISHED_FILE}"):
            unfinished.unlink(missing_ok=True)
        yield
