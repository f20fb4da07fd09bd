"""Kriging estimates of a home as if its own sales had not been in the training data.

A training sale influences its own estimate, so these estimates are too good: a network trained on them would trust
kriging too much. Leaving the home out removes that influence exactly, without fitting again (leave-one-out formula
of linear regression, by the hat matrix H = X(XᵀX + I)⁻¹Xᵀ; Cook and Weisberg 1982, Residuals and Influence in
Regression).
"""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from estimator.features.kriging import Kriging, KrigingInputs, chunks
from estimator.features.triangular import LowerTriangle
from estimator.market.arrays import Float32Array, FloatArray
from estimator.threads import parallel_map


class LeaveHomeOut:
    """What kriging would estimate without a home's own sales.

    Kriging is ridge regression on the rows of a design matrix X with a penalty of 1. With the Cholesky factor
    LLᵀ = XᵀX + I, the whitened row w = L⁻¹x of a home gives its log price as w·L⁻¹Xᵀy, and two homes' product w·w′
    is their entry in the hat matrix.

    Parameters
    ----------
    kriging
        The fitted model.
    design
        Rows of X for the n training sales, shape (n, p), monotone columns first. Overwritten on first use.
    kernel_factor
        Cholesky factor of the inducing points' kernel matrix, (m, m).
    gram_factor
        L, (p, p).
    whitened_coefficients
        L⁻¹Xᵀy, shape (p,).
    home
        Identifies the home of each training sale, shape (n,).
    log_price
        Of each training sale, shape (n,).
    """

    def __init__(
        self,
        kriging: Kriging,
        design: Float32Array,
        kernel_factor: LowerTriangle,
        gram_factor: LowerTriangle,
        whitened_coefficients: FloatArray,
        home: NDArray[np.int64],
        log_price: FloatArray,
    ) -> None:
        self._kriging = kriging
        self._design = design
        self._kernel_factor = kernel_factor
        self._gram_factor = gram_factor
        self._whitened_coefficients = whitened_coefficients.astype(np.float32)
        self._home = home
        self._log_price = log_price

    def estimate(self, homes: KrigingInputs, home: NDArray[np.int64]) -> FloatArray:
        """Return the log prices of n homes from the sales of other homes, without the monotone effect; shape (n,).

        Parameters
        ----------
        home
            Identifies the homes, shape (n,). For a home without a training sale nothing is left out.
        """
        estimates = np.empty(len(homes))
        sale_rows, deleted_residuals = self._whitened_rows, self._deleted_residuals

        def estimate_chunk(rows: slice) -> None:
            design = design_rows(self._kriging, homes.take(rows), self._kernel_factor)
            whitened = self._gram_factor.solve(design)
            subject, own_sale = matching_pairs(home[rows], self._home)
            influence = np.einsum("np,np->n", whitened[subject], sale_rows[own_sale])
            own_effect = np.bincount(subject, influence * deleted_residuals[own_sale], len(whitened))
            estimates[rows] = whitened @ self._whitened_coefficients - own_effect

        parallel_map(estimate_chunk, chunks(len(homes)))
        return estimates + self._kriging.mean

    @cached_property
    def _whitened_rows(self) -> Float32Array:
        """Whitened rows of the training sales, shape (n, p), in the memory of the design matrix."""
        parallel_map(lambda rows: self._gram_factor.solve(self._design[rows]), chunks(len(self._design)))
        return self._design

    @cached_property
    def _deleted_residuals(self) -> FloatArray:
        """Residual of each sale under a model fitted without its home's sales, shape (n,).

        (I − H)⁻¹e over the sales of one home, where e are the residuals and H is the hat matrix.
        """
        whitened = self._whitened_rows
        residual = self._log_price - self._kriging.mean - whitened @ self._whitened_coefficients
        deleted: FloatArray = residual / (1 - np.einsum("np,np->n", whitened, whitened))
        order = np.argsort(self._home, kind="stable")
        starts = np.flatnonzero(np.diff(self._home[order], prepend=self._home[order[0]] - 1))
        for sales in np.split(order, starts[1:]):
            if len(sales) > 1:
                rows = whitened[sales]
                deleted[sales] = np.linalg.solve(np.eye(len(sales)) - rows @ rows.T, residual[sales])
        return deleted


def design_rows(kriging: Kriging, homes: KrigingInputs, kernel_factor: LowerTriangle) -> Float32Array:
    """Return n homes' rows of the design matrix: monotone columns, linear terms, whitened kernel; shape (n, p).

    The monotone columns are 0. Whitening the kernel makes its coefficients independent with unit variance, so that
    a ridge penalty of 1 on every coefficient gives the Gaussian process.
    """
    whitened_kernel = kernel_factor.solve(kriging.kernel(homes))
    return np.hstack((np.zeros_like(homes.monotone), homes.linear_terms(), whitened_kernel))


def matching_pairs(home: NDArray[np.int64], sold: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all pairs of indices (i, j) with home[i] == sold[j]."""
    order = np.argsort(sold, kind="stable")
    first = np.searchsorted(sold[order], home, side="left")
    count = np.searchsorted(sold[order], home, side="right") - first
    subject = np.repeat(np.arange(len(home)), count)
    offset = np.arange(len(subject)) - np.repeat(np.cumsum(count) - count, count)
    return subject, order[np.repeat(first, count) + offset]
