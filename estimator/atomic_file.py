"""Files that appear complete or not at all, even if their writer is killed."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

UNFINISHED_FILE = ".tmp"
"""End of the names of files that are being written. A killed writer leaves its file behind."""


@contextmanager
def replace_atomically(path: Path) -> Iterator[IO[bytes]]:
    """Open a temporary file for writing; on success it is synced and replaces `path`.

    A reader of `path` sees the old content or the new, never a part of it, even if the writer is killed.
    """
    check_place(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=UNFINISHED_FILE)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~_umask())  # mkstemp's 0600 would lock out other users
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def check_place(path: Path) -> None:
    """Check that a file may be written, before what belongs into it is computed.

    Raises
    ------
    OSError
        Its folder does not exist, or it is a folder itself.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError("a folder has this name")


def sync_folder(folder: Path) -> None:
    """Sync a folder, so that the names of its files survive a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
