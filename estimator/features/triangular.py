"""Solve triangular systems with many right-hand sides by matrix products alone.

SciPy's solvers hold Python's interpreter lock while they compute, so threads would wait for one another. Blocked
forward substitution (Golub and Van Loan 2013, Matrix Computations, §3.1.4) takes as many operations, in NumPy's
matrix products, which release the lock.
"""

import numpy as np
from scipy.linalg import solve_triangular

from estimator.market.arrays import Float32Array, FloatArray

BLOCK_SIZE = 256
"""Rows in a block. Inverting a block of this size is cheap, and products with it are large enough to be fast."""


class LowerTriangle:
    """A lower triangular matrix L, in float32, to solve Lx = b with.

    Parameters
    ----------
    matrix
        L, shape (p, p). Entries above the diagonal are ignored.
    """

    def __init__(self, matrix: FloatArray) -> None:
        self._matrix = matrix.astype(np.float32)
        self._inverses = [
            (rows, solve_triangular(block, np.eye(len(block)), lower=True).astype(np.float32))
            for rows, block in ((rows, matrix[rows, rows]) for rows in _blocks(len(matrix)))
        ]

    def solve(self, right: Float32Array) -> Float32Array:
        """Solve Lx = b for n right-hand sides b, one per row, shape (n, p). Overwrites `right` and returns it."""
        for rows, inverse in self._inverses:
            solved = slice(rows.start)
            right[:, rows] -= right[:, solved] @ self._matrix[rows, solved].T
            right[:, rows] = right[:, rows] @ inverse.T
        return right


def _blocks(p: int) -> list[slice]:
    return [slice(start, start + BLOCK_SIZE) for start in range(0, p, BLOCK_SIZE)]
