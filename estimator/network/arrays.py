"""Array types, and reusable memory for arrays."""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Shape = tuple[int, ...]


class Buffer(threading.local):
    """Memory that is allocated once and reused for every batch.

    A network sees the same few shapes again and again: full batches and a shorter last one. A buffer returns
    contiguous views of one block of memory that only ever grows, so the training loop allocates nothing. Each
    thread has its own memory, so several threads may predict with one network at the same time.

    Examples
    --------
    >>> buffer = Buffer()
    >>> full = buffer.take((256, 8), np.float32)
    >>> short = buffer.take((100, 8), np.float32)
    >>> np.shares_memory(full, short)
    True
    """

    def __init__(self) -> None:
        self._memory = np.empty(0, np.float32)
        self._view = self._memory

    def take(self, shape: Shape, dtype: np.dtype[Any] | type) -> Array:
        """Return an uninitialised array of this shape and dtype, valid until the next call of ``take``."""
        view = self._view  # read once: what belongs to a thread is slow to find
        if view.shape != shape or view.dtype != dtype:
            size = math.prod(shape)
            if size > self._memory.size or self._memory.dtype != dtype:
                self._memory = np.empty(size, dtype)
            self._view = view = self._memory[:size].reshape(shape)
        return view
