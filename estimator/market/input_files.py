"""Files that are given to be read: what they must not be."""

import stat
from pathlib import Path

from estimator.errors import DataError


def is_pipe(path: Path) -> bool:
    """Return whether a path names a pipe: what it gives can be read only once."""
    return stat.S_ISFIFO(_mode(path))


def refuse_stream(path: Path) -> None:
    """Refuse a pipe, since a file is looked at more than once, and a device, which may never end.

    Raises
    ------
    DataError
        It is one.
    """
    mode = _mode(path)
    if mode and not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise DataError(f"{path}: this is a pipe or a device; save what it gives to a file, and name that")


def refuse_replacing(source: Path, target: Path) -> None:
    """Refuse an answer that would replace the file that it is made of, by whatever name.

    Raises
    ------
    DataError
        It would.
    """
    try:
        is_same = target.samefile(source)
    except OSError:  # one of them is missing; whoever opens it says so
        return
    if is_same:
        raise DataError(f"{target}: the answer would replace {source}, which it is made of; give it another name")


def _mode(path: Path) -> int:
    """Return what kind of file a path names, as `stat` has it; 0 if there is none."""
    try:
        return path.stat().st_mode
    except OSError:
        return 0
