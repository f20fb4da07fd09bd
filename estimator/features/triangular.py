"""Triangular systems with many right sides, solved by products alone.

SciPy's solvers hold the interpreter's lock while they compute, so that threads would wait for one another. Forward
substitution by blocks (Golub and Van Loan 2013, Matrix Computations, §3.1.4) takes as many operations.
"""

import numpy as np
from scipy.linalg import solve_triangular

from estimator.market.facts import Float32Array, FloatArray

BLOCK = 256
"""Rows of a block: its inverse costs little beside the whole, and products with it are large enough to be fast."""


class LowerTriangle:
    """A lower triangular matrix L to be divided by, in float32.

    Parameters
    ----------
    matrix
        L, shape (p, p); what stands above its diagonal is not read.
    """

    def __init__(self, matrix: FloatArray) -> None:
        self._matrix = matrix.astype(np.float32)
        self._inverses = [
            (rows, solve_triangular(block, np.eye(len(block)), lower=True).astype(np.float32))
            for rows, block in ((rows, matrix[rows, rows]) for rows in _blocks(len(matrix)))
        ]

    def solve(self, right: Float32Array) -> Float32Array:
        """Return x with Lx = b for n right sides b, each a row; shape (n, p), in the memory of `right`."""
        for rows, inverse in self._inverses:
            before = slice(rows.start)
            right[:, rows] -= right[:, before] @ self._matrix[rows, before].T
            right[:, rows] = right[:, rows] @ inverse.T
        return right


def _blocks(p: int) -> list[slice]:
    return [slice(start, start + BLOCK) for start in range(0, p, BLOCK)]
