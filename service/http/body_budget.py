"""Bounds the memory of requests: large bodies are worked on a few at a time, the others wait for their turn."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

SMALL_BODY_BYTES = 64 * 2**10
"""Bodies up to this size do not wait. Parsed, one takes 2 MB: all threads together take less than a large body."""
CHECK_SECONDS = 0.1
"""Pause between two checks whether a waiting request should go on waiting."""


class BodyBudget:
    """The bytes of bodies that are worked on at a time, from parsing to the answer; first come, first served.

    Parsed JSON takes up to thirty times the memory of its bytes. More large bodies at a time would not be answered
    faster: parsing and checking hold the interpreter lock, and valuing uses all cores for one request.

    Parameters
    ----------
    max_bytes
        A body of this size is worked on without another large one beside it.
    """

    def __init__(self, max_bytes: int) -> None:
        self._free = self._max_bytes = max_bytes
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, body: bytes, check: Callable[[], None]) -> Iterator[None]:
        """Wait until there is room for a body, and keep the room inside the `with` statement.

        Parameters
        ----------
        check
            Called while waiting. It ends the wait by raising.
        """
        size = min(len(body), self._max_bytes)
        if size <= SMALL_BODY_BYTES:
            yield
            return
        self._wait(size, check)
        try:
            yield
        finally:
            with self._changed:
                self._free += size
                self._changed.notify_all()

    def _wait(self, size: int, check: Callable[[], None]) -> None:
        turn = object()
        with self._changed:
            self._waiting.append(turn)
            try:
                while self._waiting[0] is not turn or size > self._free:
                    self._changed.wait(CHECK_SECONDS)
                    check()
                self._free -= size
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
