"""The table of a job while it arrives: it goes to a file as it comes, whatever its size.

The event loop only collects what arrives; a thread writes it, because a disk may keep a writer waiting.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from service.http.problems import NO_ROOM, ProblemError

MAX_WAITING_BYTES = 2**20
"""Bytes that wait to be written; then the connection is read no further until they are."""


class Upload:
    """One table that is being received.

    Parameters
    ----------
    identifier
        Id of the upload.
    path
        Its file.
    pool
        With the thread that writes.
    pause, go_on
        Called when the client is too fast for the disk, and when it no longer is.
    failed
        Called if the file cannot be written.
    """

    def __init__(
        self,
        identifier: str,
        path: Path,
        pool: ThreadPoolExecutor,
        *,
        pause: Callable[[], None],
        go_on: Callable[[], None],
        failed: Callable[[ProblemError], None],
    ) -> None:
        self.identifier = identifier
        self._pool = pool
        self._pause, self._go_on, self._failed = pause, go_on, failed
        self._loop = asyncio.get_running_loop()
        self._file = path.open("r+b", buffering=0)
        self._waiting = bytearray()
        self._is_writing = False
        self._done: Callable[[], None] | None = None

    @property
    def held(self) -> int:
        """Bytes that wait in memory."""
        return len(self._waiting)

    def add(self, data: bytes) -> None:
        """Take what has arrived."""
        self._waiting += data
        if len(self._waiting) > MAX_WAITING_BYTES:
            self._pause()
        self._write()

    def finish(self, done: Callable[[], None]) -> None:
        """Call a function once everything is written."""
        self._done = done
        self._write()

    def close(self) -> None:
        """Write no more."""
        self._waiting, self._done = bytearray(), None
        self._pool.submit(self._file.close)  # after the write that may be in progress

    def _write(self) -> None:
        if self._is_writing or self._file.closed:
            return
        if self._waiting:
            waiting, self._waiting = self._waiting, bytearray()
            self._is_writing = True
            self._pool.submit(self._write_all, waiting).add_done_callback(
                lambda writing: self._loop.call_soon_threadsafe(self._written, writing)
            )
        elif self._done is not None:
            done = self._done
            self.close()
            done()

    def _write_all(self, data: bytearray) -> None:
        with memoryview(data) as view:
            written = 0
            while written < len(data):
                written += self._file.write(view[written:])

    def _written(self, writing: "Future[None]") -> None:
        self._is_writing = False
        error = writing.exception()
        if error is not None:
            self._failed(ProblemError(NO_ROOM, "the folder of jobs cannot be written to"))
            return
        self._go_on()
        self._write()
