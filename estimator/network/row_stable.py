"""A matrix product in which no row's result depends on the other rows, not even in the last bit.

The prediction for one example must not depend on which examples are predicted with it. BLAS libraries, however,
choose the order of summation by the number of rows and, in large products on some processors, by the position of a
row. The product is therefore computed in blocks of eight rows, so that every BLAS call has the same shape.
"""

import numpy as np

from estimator.network.arrays import Array

BLOCK_ROWS = 8
"""Rows per BLAS call, few enough that a row's position makes no difference.

See benchmarks/DECISIONS.md, "Eight rows per matrix product"."""


def matmul_row_stable(x: Array, weight: Array, out: Array) -> Array:
    """Write xW into ``out`` and return it, computing ``BLOCK_ROWS`` rows at a time.

    Parameters
    ----------
    x
        Shape ``(…, n, d)``. The last block is padded with rows of zeros.
    weight
        Shape ``(d, m)``, or ``(…, d, m)`` for stacked products.
    out
        Shape ``(…, n, m)``.
    """
    n = x.shape[-2]
    if n == BLOCK_ROWS:
        return _product(x, weight, out)
    n_full = n - n % BLOCK_ROWS
    if n_full:
        _product(_as_blocks(x[..., :n_full, :]), weight[..., None, :, :], _as_blocks(out[..., :n_full, :]))
    if n_full < n:
        *stack, _, d = x.shape
        padded = np.zeros((*stack, BLOCK_ROWS, d), x.dtype)
        padded[..., : n - n_full, :] = x[..., n_full:, :]
        product = np.empty((*stack, BLOCK_ROWS, out.shape[-1]), out.dtype)
        out[..., n_full:, :] = _product(padded, weight, product)[..., : n - n_full, :]
    return out


def whole_blocks(x: Array) -> Array:
    """Return examples ``(n, d)`` with rows of zeros below them, up to whole blocks.

    So several layers fill the last block up once, not in each product.
    """
    n, d = x.shape
    if n % BLOCK_ROWS == 0:
        return x
    padded = np.zeros((n + -n % BLOCK_ROWS, d), x.dtype)
    padded[:n] = x
    return padded


def _as_blocks(rows: Array) -> Array:
    """Return a view of ``(…, n, d)`` as ``(…, n / BLOCK_ROWS, BLOCK_ROWS, d)``."""
    return rows.reshape(*rows.shape[:-2], rows.shape[-2] // BLOCK_ROWS, BLOCK_ROWS, rows.shape[-1])


def _product(x: Array, weight: Array, out: Array) -> Array:
    """Write xW into ``out``. For a W of one column BLAS would use a vector routine, so einsum computes it."""
    if weight.shape[-1] > 1:
        return np.matmul(x, weight, out=out)
    np.einsum("...d,...d->...", x, weight.swapaxes(-1, -2), out=out[..., 0])
    return out
