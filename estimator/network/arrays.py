"""The arrays everything here is made of, and the memory they are written into.

Knows nothing of layers, losses or training.
"""

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating[Any]]
Shape = tuple[int, ...]


class Buffer(threading.local):
    """Memory that is taken once and written into again and again.

    A network meets the same few shapes over and over: the batch, and the last, shorter batch. A buffer
    hands out contiguous views of one piece of memory that only ever grows, so that the training loop
    allocates nothing. Each thread sees memory of its own: predictions of one network may run side by
    side.

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
        """An array of this shape whose content is whatever was there before."""
        if self._view.shape != shape or self._view.dtype != dtype:
            size = math.prod(shape)
            if size > self._memory.size or self._memory.dtype != dtype:
                self._memory = np.empty(size, dtype)
            self._view = self._memory[:size].reshape(shape)
        return self._view
