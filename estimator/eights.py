"""Rows in whole eights: a float matrix product then gives a row the same last bits whichever others are beside it.

A price must not depend on what else was asked. Knows nothing of what the rows are.
"""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

ROWS = 8
"""As many as linear-algebra libraries take at a time; with fewer, other kernels of theirs sum in other orders."""

Number = TypeVar("Number", bound=np.floating[Any])


def in_eights(rows: NDArray[Number]) -> NDArray[Number]:
    """Return rows of shape (n, d) with rows of 0 after them, shape (m, d), m the next multiple of 8."""
    if len(rows) % ROWS == 0:
        return rows
    full = np.zeros((len(rows) + -len(rows) % ROWS, *rows.shape[1:]), rows.dtype)
    full[: len(rows)] = rows
    return full
