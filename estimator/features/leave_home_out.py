"""Kriging estimates of a home as if its own sales had not been in the training data.

A training sale influences its own estimate, so these estimates are too good: a network trained on them would trust
kriging too much. Leaving the home out removes that influence exactly, without fitting again (leave-one-out formula
of linear regression, by the hat matrix H = X(XᵀX + I)⁻¹Xᵀ; Cook and Weisberg 1982, Residuals and Influence in
Regression).
"""

from collections.abc import Iterator
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from estimator.features.kriging import MONOTONE_SCALE, Kriging, KrigingInputs, chunks
from estimator.features.triangular import LowerTriangle
from estimator.market.arrays import BoolArray, Float32Array, FloatArray
from estimator.threads import parallel_imap, parallel_map

_BATCH_SIZE = 4096
"""Sales of homes with several sales whose rows are looked at together."""


class SaleRows(Protocol):
    """Whitened rows of n training sales; see `LeaveHomeOut`."""

    def __len__(self) -> int:
        """Return n."""

    def __getitem__(self, rows: NDArray[np.intp]) -> Float32Array:
        """Return the rows of m sales, shape (m, p)."""

    def pieces(self) -> Iterator[tuple[slice, Float32Array]]:
        """Yield the rows of all sales, in order."""


class StoredRows:
    """Rows that are kept: quick to get, but 1,600 numbers for each sale.

    Parameters
    ----------
    design
        Rows of the design matrix X, shape (n, p), monotone columns first. Overwritten on first use.
    gram_factor
        L, (p, p).
    """

    def __init__(self, design: Float32Array, gram_factor: LowerTriangle) -> None:
        self._design = design
        self._gram_factor = gram_factor

    def __len__(self) -> int:
        """Return n."""
        return len(self._design)

    def __getitem__(self, rows: NDArray[np.intp]) -> Float32Array:
        """Return the rows of m sales."""
        chosen: Float32Array = self._whitened[rows]
        return chosen

    def pieces(self) -> Iterator[tuple[slice, Float32Array]]:
        """Yield the rows of all sales, in one piece."""
        yield slice(len(self)), self._whitened

    @cached_property
    def _whitened(self) -> Float32Array:
        """All rows, in the memory of the design matrix."""
        parallel_map(lambda rows: self._gram_factor.solve(self._design[rows]), chunks(len(self)))
        return self._design


class ComputedRows:
    """Rows that are computed whenever they are asked for: for more sales than memory has room for.

    Parameters
    ----------
    kriging, kernel_factor
        As `design_rows` takes them.
    homes
        The n sales.
    gram_factor
        L, (p, p).
    kept
        Which monotone columns the regression has, shape (r,).
    """

    def __init__(
        self,
        kriging: Kriging,
        kernel_factor: LowerTriangle,
        homes: KrigingInputs,
        gram_factor: LowerTriangle,
        kept: BoolArray,
    ) -> None:
        self._kriging = kriging
        self._kernel_factor = kernel_factor
        self._homes = homes
        self._gram_factor = gram_factor
        self._kept = kept

    def __len__(self) -> int:
        """Return n."""
        return len(self._homes)

    def __getitem__(self, rows: NDArray[np.intp] | slice) -> Float32Array:
        """Return the rows of m sales."""
        design = full_design_rows(self._kriging, self._homes.take(rows), self._kernel_factor)
        design[:, : len(self._kept)] *= self._kept
        return self._gram_factor.solve(design)

    def pieces(self) -> Iterator[tuple[slice, Float32Array]]:
        """Yield the rows of all sales, some at a time."""
        return parallel_imap(lambda rows: (rows, self[rows]), chunks(len(self)))


class LeaveHomeOut:
    """What kriging would estimate without a home's own sales.

    Kriging is ridge regression on the rows of a design matrix X with a penalty of 1. With the Cholesky factor
    LLᵀ = XᵀX + I, the whitened row w = L⁻¹x of a home gives its log price as w·L⁻¹Xᵀy, and two homes' product w·w′
    is their entry in the hat matrix.

    Parameters
    ----------
    kriging
        The fitted model.
    kernel_factor
        Cholesky factor of the inducing points' kernel matrix, (m, m).
    gram_factor
        L, (p, p).
    whitened_coefficients
        L⁻¹Xᵀy, shape (p,).
    sale_rows
        Whitened rows of the n training sales.
    home
        Identifies the home of each training sale, shape (n,).
    log_price
        Of each training sale, shape (n,).
    """

    def __init__(
        self,
        kriging: Kriging,
        kernel_factor: LowerTriangle,
        gram_factor: LowerTriangle,
        whitened_coefficients: FloatArray,
        sale_rows: SaleRows,
        home: NDArray[np.int64],
        log_price: FloatArray,
    ) -> None:
        self._kriging = kriging
        self._kernel_factor = kernel_factor
        self._gram_factor = gram_factor
        self._whitened_coefficients = whitened_coefficients.astype(np.float32)
        self._sale_rows = sale_rows
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
        deleted_residuals, sales_of_homes = self._deleted_residuals, self._sales_of_homes

        def estimate_chunk(rows: slice) -> None:
            design = design_rows(self._kriging, homes.take(rows), self._kernel_factor)
            whitened = self._gram_factor.solve(design)
            subject, own_sale = sales_of_homes.pairs(home[rows])
            influence = np.einsum("np,np->n", whitened[subject], self._sale_rows[own_sale])
            own_effect = np.bincount(subject, influence * deleted_residuals[own_sale], len(whitened))
            estimates[rows] = whitened @ self._whitened_coefficients - own_effect

        parallel_map(estimate_chunk, chunks(len(homes)))
        return estimates + self._kriging.mean

    @cached_property
    def _deleted_residuals(self) -> FloatArray:
        """Residual of each sale under a model fitted without its home's sales, shape (n,).

        (I − H)⁻¹e over the sales of one home, where e are the residuals and H is the hat matrix.
        """
        fitted, leverage = np.empty(len(self._home), np.float32), np.empty(len(self._home), np.float32)
        for rows, whitened in self._sale_rows.pieces():
            fitted[rows] = whitened @ self._whitened_coefficients
            leverage[rows] = np.einsum("np,np->n", whitened, whitened)
        residual = self._log_price - self._kriging.mean - fitted
        deleted: FloatArray = residual / (1 - leverage)
        for homes in _batches(self._sales_of_homes.of_resold()):
            ends = np.cumsum([len(sales) for sales in homes])[:-1]
            parts = np.split(self._sale_rows[np.concatenate(homes)], ends)
            for sales, part in zip(homes, parts, strict=True):
                deleted[sales] = np.linalg.solve(np.eye(len(sales)) - part @ part.T, residual[sales])
        return deleted

    @cached_property
    def _sales_of_homes(self) -> "SalesOfHomes":
        return SalesOfHomes(self._home)


class SalesOfHomes:
    """Finds the sales of homes among n sales, which are sorted once.

    Parameters
    ----------
    home
        Identifies the home that was sold, shape (n,).
    """

    def __init__(self, home: NDArray[np.int64]) -> None:
        self._order = np.argsort(home, kind="stable")
        self._sorted = home[self._order]

    def pairs(self, home: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return all pairs of a home's index among m homes, shape (m,), and the row of a sale of it."""
        first = np.searchsorted(self._sorted, home, side="left")
        count = np.searchsorted(self._sorted, home, side="right") - first
        subject = np.repeat(np.arange(len(home)), count)
        offset = np.arange(len(subject)) - np.repeat(np.cumsum(count) - count, count)
        return subject, self._order[np.repeat(first, count) + offset]

    def of_resold(self) -> list[NDArray[np.intp]]:
        """Return the rows of the sales of each home that was sold more than once."""
        starts = np.flatnonzero(np.diff(self._sorted, prepend=self._sorted[0] - 1))
        count = np.diff(starts, append=len(self._sorted))
        resold = count > 1
        return [self._order[start : start + n] for start, n in zip(starts[resold], count[resold], strict=True)]


def _batches(homes: list[NDArray[np.intp]]) -> Iterator[list[NDArray[np.intp]]]:
    """Yield the homes' sales, those of some homes at a time."""
    batch: list[NDArray[np.intp]] = []
    n = 0
    for sales in homes:
        batch.append(sales)
        n += len(sales)
        if n >= _BATCH_SIZE:
            yield batch
            batch, n = [], 0
    if batch:
        yield batch


def full_design_rows(kriging: Kriging, homes: KrigingInputs, kernel_factor: LowerTriangle) -> Float32Array:
    """Return n homes' rows of the design matrix with their monotone columns, shape (n, p)."""
    design = design_rows(kriging, homes, kernel_factor)
    design[:, : homes.monotone.shape[1]] = MONOTONE_SCALE * homes.monotone
    return design


def design_rows(kriging: Kriging, homes: KrigingInputs, kernel_factor: LowerTriangle) -> Float32Array:
    """Return n homes' rows of the design matrix: monotone columns, linear terms, whitened kernel; shape (n, p).

    The monotone columns are 0. Whitening the kernel makes its coefficients independent with unit variance, so that
    a ridge penalty of 1 on every coefficient gives the Gaussian process.
    """
    whitened_kernel = kernel_factor.solve(kriging.kernel(homes))
    return np.hstack((np.zeros_like(homes.monotone), homes.linear_terms(), whitened_kernel))
