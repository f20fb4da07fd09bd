"""Matrix products that give a row the same last bits whichever other rows are beside it.

What is said of one example must not depend on what else was asked. But linear-algebra libraries sum in another
order for another number of rows and, in larger products on some processors, for another place among them. So each
product that they are asked for here is one of eight rows.
"""

import numpy as np

from estimator.network.arrays import Array

ROWS = 8
"""A row's place among so many made no difference to OpenBLAS on any processor tried; with 12 or more it does on
Haswell and Zen."""


def matmul_row_stable(x: Array, weight: Array, out: Array) -> Array:
    """Write xW into ``out``, eight rows at a time.

    Parameters
    ----------
    x
        Shape ``(…, n, d)``. Rows of 0 stand in for the last ones of an eight.
    weight
        Shape ``(d, m)``, or ``(…, d, m)`` for products side by side.
    out
        Shape ``(…, n, m)``; is returned.
    """
    n = x.shape[-2]
    if n == ROWS:
        return _product(x, weight, out)
    whole = n - n % ROWS
    if whole:
        _product(_eights(x[..., :whole, :]), weight[..., None, :, :], _eights(out[..., :whole, :]))
    if whole < n:
        last = np.zeros((*x.shape[:-2], ROWS, x.shape[-1]), x.dtype)
        last[..., : n - whole, :] = x[..., whole:, :]
        product = np.empty((*out.shape[:-2], ROWS, out.shape[-1]), out.dtype)
        out[..., whole:, :] = _product(last, weight, product)[..., : n - whole, :]
    return out


def _eights(rows: Array) -> Array:
    """A view of n rows, ``(…, n, d)``, as ``(…, n/8, 8, d)``."""
    return rows.reshape(*rows.shape[:-2], -1, ROWS, rows.shape[-1])


def _product(x: Array, weight: Array, out: Array) -> Array:
    """xW; by the library unless W is a single column, which it takes for a vector and sums in its own way."""
    if weight.shape[-1] > 1:
        return np.matmul(x, weight, out=out)
    np.einsum("...d,...d->...", x, weight.swapaxes(-1, -2), out=out[..., 0])
    return out
