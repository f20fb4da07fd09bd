"""A file that an answer names instead of having a body: it is sent piece by piece, whatever its size."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

SENDFILE = "x-sendfile"
"""Header in which a worker names the file. Clients do not see it."""
PIECE_BYTES = 2**18


class Download:
    """A file that is being sent; a thread reads it, because a disk may keep a reader waiting.

    Parameters
    ----------
    path
        The file. It is open from now on, so it may be removed.
    pool
        With the thread that reads.

    Raises
    ------
    OSError
        The file has gone.
    """

    def __init__(self, path: Path, pool: ThreadPoolExecutor) -> None:
        self._file = path.open("rb", buffering=0)
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self.size = os.fstat(self._file.fileno()).st_size
        self.sent = 0

    def next_piece(self, then: Callable[[bytes], None]) -> None:
        """Read the next piece, and pass it on; it is empty at the end of the file, and after an error."""

        def pass_on(reading: "Future[bytes]") -> None:
            self._loop.call_soon_threadsafe(then, b"" if reading.exception() else reading.result())

        size = min(PIECE_BYTES, self.size - self.sent)
        self._pool.submit(self._file.read, size).add_done_callback(pass_on)

    def close(self) -> None:
        """Read no more."""
        self._pool.submit(self._file.close)
