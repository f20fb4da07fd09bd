"""The model that values files, loaded once in each process that works on them."""

import threading
from pathlib import Path
from typing import NamedTuple

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.registry import APPRAISER, SavedVersion, load_version

_loaded: dict["ModelSource", Appraiser] = {}
_lock = threading.Lock()


class ModelSource(NamedTuple):
    """Where a model is, and what it must be: other processes and machines load the very same one.

    Parameters
    ----------
    folder
        The version's folder, under the same path on every machine.
    sha256
        Of its file.
    """

    folder: str
    sha256: str


def source_of(saved: SavedVersion) -> ModelSource:
    """Return the source of a version that was loaded, and verified if there is a key; `load_model` then has it."""
    source = ModelSource(str(saved.folder), saved.manifest["files"][APPRAISER])
    with _lock:
        _loaded[source] = saved.appraiser
    return source


def load_model(source: ModelSource) -> Appraiser:
    """Return the model; a process loads it once, whichever of its threads asks first.

    Raises
    ------
    SavedVersionError
        It is not there, or another one than expected.
    """
    with _lock:
        if source not in _loaded:
            saved = load_version(Path(source.folder))
            found = saved.manifest["files"][APPRAISER]
            if found != source.sha256:
                raise SavedVersionError(
                    f"{source.folder}: the model here has the SHA-256 {found}; the run was started with"
                    f" {source.sha256}"
                )
            _loaded.clear()  # a worker of a cluster lives longer than a version
            _loaded[source] = saved.appraiser
        return _loaded[source]
