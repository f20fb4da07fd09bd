"""The model that values files, loaded once in each process that works on them."""

import threading
from pathlib import Path
from typing import NamedTuple

from estimator.appraiser import Appraiser
from estimator.errors import SavedVersionError
from estimator.registry import APPRAISER, TEACHER, SavedVersion, load_version

_loaded: dict["ModelSource", Appraiser] = {}
_lock = threading.Lock()


class ModelSource(NamedTuple):
    """Where a model is, and what it must be: other processes and machines load the very same one.

    Parameters
    ----------
    folder
        The version's folder, under the same path on every machine.
    sha256
        Of its file, or of its teacher's.
    teacher
        Whether the teacher values homes; see `load_version`.
    """

    folder: str
    sha256: str
    teacher: bool = False


def source_of(saved: SavedVersion, *, teacher: bool = False) -> ModelSource:
    """Return the source of a version that was loaded, and verified if there is a key; `load_model` then has it.

    Parameters
    ----------
    teacher
        Whether it was loaded with its teacher.
    """
    source = ModelSource(str(saved.folder), _sha256(saved, teacher=teacher), teacher)
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
            saved = load_version(Path(source.folder), teacher=source.teacher)
            found = _sha256(saved, teacher=source.teacher)
            if found != source.sha256:
                raise SavedVersionError(
                    f"{source.folder}: the model here has the SHA-256 {found}; the run was started with"
                    f" {source.sha256}"
                )
            _loaded.clear()  # a worker of a cluster lives longer than a version
            _loaded[source] = saved.appraiser
        return _loaded[source]


def _sha256(saved: SavedVersion, *, teacher: bool) -> str:
    digest: str = saved.manifest["files"][TEACHER if teacher else APPRAISER]
    return digest
