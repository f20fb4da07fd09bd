"""A file that is long enough for several processes, and what becomes of these."""

import time
from collections.abc import Callable, Collection
from pathlib import Path

LONG_SECONDS = 20
"""More than anything here takes on a machine with other work."""


def seven_pieces(homes: Path, folder: Path) -> Path:
    """Write a file of seven pieces of the homes."""
    lines = homes.read_text().replace(",\nthen left", "").splitlines(keepends=True)
    source = folder / "homes.csv"
    source.write_text(lines[0] + "".join(lines[1:]) * 140)
    return source


def children(pid: int) -> list[int]:
    """Return the processes that a process has started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def all_end(pids: Collection[int]) -> bool:
    """Return whether processes end in time."""
    return wait_for(lambda: not any(map(is_running, pids)))


def is_running(pid: int) -> bool:
    """Return whether a process exists and does not only wait for its parent to hear of its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_for(condition: Callable[[], object]) -> bool:
    """Return whether a condition becomes true in time."""
    end = time.monotonic() + LONG_SECONDS
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
