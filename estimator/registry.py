"""Saved versions of a model: `models/<market>/<version>/`, and `current`, a link to the published one.

A version is written beside, synced, then renamed, and `current` is exchanged in one step: a reader never sees
half a model, whenever the writer is killed. A file is loaded only after its SHA-256 agrees with the manifest, and
where there is a key only after the manifest's HMAC agrees with that: whoever can write in the folder can write a
manifest, but not sign it.
"""

import datetime as dt
import fcntl
import hashlib
import hmac
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.market.tables import sync_folder

APPRAISER = "appraiser.joblib"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.hmac"
"""HMAC-SHA256 of the manifest's bytes (RFC 2104), in hexadecimal; written where there is a key."""
LEAST_KEY_BYTES = 32
"""A key as long as the hash: shorter ones are weaker (RFC 2104, section 3)."""
CURRENT = "current"
_UNFINISHED = ".writing-"


@dataclass(frozen=True)
class SavedVersion:
    """One saved version, loaded.

    Parameters
    ----------
    folder
        Where it lies, no link; its name is the version's.
    manifest
        What is recorded about it: hashes, seed, recipe, library versions, error figures, ratio study.
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
    """Make the folder of a market's versions if it is not there: before a training, not at its end.

    Raises
    ------
    SavedVersionError
        The folder cannot be made or written in.
    """
    folder = models / market
    try:
        with _only_writer(folder):
            return folder
    except OSError as error:
        raise SavedVersionError(f"{folder}: {error}") from error


def read_key(path: Path | None) -> bytes | None:
    """Read the key that signs and checks manifests, without blanks around it; None for no file.

    Raises
    ------
    SavedVersionError
        The file cannot be read, or the key is too short.
    """
    if path is None:
        return None
    try:
        key = path.read_bytes().strip()
    except OSError as error:
        raise SavedVersionError(f"{path}: the key cannot be read: {error.strerror}") from error
    if len(key) < LEAST_KEY_BYTES:
        raise SavedVersionError(f"{path}: the key has {len(key)} bytes; it takes {LEAST_KEY_BYTES} or more")
    return key


def save_version(
    market_folder: Path,
    appraiser: Appraiser,
    record: Mapping[str, Any],
    beside: Callable[[str], Mapping[str, bytes]] = lambda _: {},
    key: bytes | None = None,
) -> Path:
    """Save a trained appraiser as a new version, not yet published.

    Parameters
    ----------
    market_folder
        `models/<market>`; made if it is not there.
    record
        What the manifest says besides the version's name, its time and the files' hashes.
    beside
        The version's name → other files of it: name → content.
    key
        Signs the manifest.

    Returns
    -------
    Path
        The version's folder.

    Raises
    ------
    SavedVersionError
        The version cannot be written.
    """
    buffer = io.BytesIO()
    joblib.dump(appraiser.state(), buffer, compress=("zlib", 3))
    content = buffer.getvalue()
    digest = hashlib.sha256(content).hexdigest()
    try:
        with _only_writer(market_folder):
            # To the microsecond, and while no other writes: two trainings may save the same model in one second.
            created = dt.datetime.now(dt.UTC)
            folder = market_folder / f"{created:%Y%m%dT%H%M%S.%fZ}-{digest[:8]}"
            files = {APPRAISER: content, **beside(folder.name)}
            manifest = {
                "version": folder.name,
                "created": created.isoformat(timespec="seconds"),
                "files": {name: hashlib.sha256(each).hexdigest() for name, each in files.items()},
                **record,
            }
            text = json.dumps(manifest, indent=2, allow_nan=False).encode()
            files[MANIFEST] = text
            if key is not None:
                files[SIGNATURE] = _signature(key, text).encode()
            unfinished = Path(tempfile.mkdtemp(dir=market_folder, prefix=_UNFINISHED))
            unfinished.chmod(0o755)  # mkdtemp's 0700 would keep the service's user out
            for name, each in files.items():
                _write_synced(unfinished / name, each)
            sync_folder(unfinished)
            unfinished.rename(folder)
            sync_folder(market_folder)
    except OSError as error:
        raise SavedVersionError(f"{market_folder}: {error}") from error
    return folder


def publish(folder: Path) -> None:
    """Make a saved version the current one, in one step.

    Raises
    ------
    SavedVersionError
        The link cannot be exchanged.
    """
    link = folder.with_name(f".{CURRENT}-next")
    try:
        with _only_writer(folder.parent):
            link.unlink(missing_ok=True)  # a publisher that was killed may have left it
            link.symlink_to(folder.name)
            link.replace(folder.with_name(CURRENT))
            sync_folder(folder.parent)
    except OSError as error:
        raise SavedVersionError(f"{folder}: cannot be published: {error}") from error


def published(path: Path) -> Path:
    """Return the folder of the version that a path stands for now; see `load_version`. It need not exist."""
    folder = path / CURRENT if not (path / MANIFEST).exists() and (path / CURRENT).is_symlink() else path
    return folder.resolve()


def load_version(path: Path, key: bytes | None = None) -> SavedVersion:
    """Load a saved version.

    Parameters
    ----------
    path
        A version's folder, a link to one, or `models/<market>`, which stands for its current version.
    key
        Where given, a version that it did not sign is refused.

    Raises
    ------
    SavedVersionError
        There is no such version, or its files are not the ones its manifest names.
    """
    folder, manifest, content = _checked(path, APPRAISER, key)
    return SavedVersion(folder, manifest, Appraiser.from_state(joblib.load(io.BytesIO(content))))


def read_beside(path: Path, name: str, key: bytes | None = None) -> bytes:
    """Return a file that was saved beside a version's appraiser; path and key are as in `load_version`.

    Raises
    ------
    SavedVersionError
        There is no such version, it was saved without the file, or the file is not the one its manifest names.
    """
    return _checked(path, name, key)[2]


def _checked(path: Path, name: str, key: bytes | None = None) -> tuple[Path, dict[str, Any], bytes]:
    """Return a version's folder, its manifest and the content of one of its files, after checking both."""
    folder = published(path)  # once: `current` may be moved while the files are read
    try:
        text = (folder / MANIFEST).read_bytes()
        if key is not None:
            _check_signature(folder, text, key)
        manifest = json.loads(text)
        if name != APPRAISER and name not in manifest["files"]:
            raise SavedVersionError(f"{folder}: the version was saved without a {name}; train it again")
        content = (folder / name).read_bytes()
        expected = manifest["files"][name]
    except FileNotFoundError as error:
        raise SavedVersionError(f"{path}: there is no saved version here (make train makes one)") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SavedVersionError(f"{folder}: the manifest cannot be read: {error!r}") from error
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise SavedVersionError(f"{folder / name}: SHA-256 is {digest}, the manifest says {expected}")
    return folder, manifest, content


def _signature(key: bytes, manifest: bytes) -> str:
    return hmac.new(key, manifest, hashlib.sha256).hexdigest()


def _check_signature(folder: Path, manifest: bytes, key: bytes) -> None:
    """Refuse a manifest that the key did not sign."""
    try:
        signature = (folder / SIGNATURE).read_bytes()
    except FileNotFoundError as error:
        raise SavedVersionError(f"{folder}: the manifest is not signed, and there is a key") from error
    if not hmac.compare_digest(signature, _signature(key, manifest).encode()):
        raise SavedVersionError(f"{folder}: the manifest was not signed with the key")


def _write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _only_writer(market_folder: Path) -> Iterator[None]:
    """Let one process write at a time, and clear away what writers that were killed left behind."""
    market_folder.mkdir(parents=True, exist_ok=True)
    with (market_folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the system lets go of it when the process ends, however it ends
        for unfinished in market_folder.glob(f"{_UNFINISHED}*"):
            shutil.rmtree(unfinished, ignore_errors=True)
        yield
