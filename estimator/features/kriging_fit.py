"""Fit `Kriging` to sales: choose inducing points, build the design matrix, and solve the ridge regression."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial import KDTree

from estimator.features.kriging import MONOTONE_SCALE, Kriging, KrigingInputs, chunks
from estimator.features.leave_home_out import ComputedRows, LeaveHomeOut, SaleRows, StoredRows, full_design_rows
from estimator.features.triangular import LowerTriangle
from estimator.market.arrays import BoolArray, Float32Array, FloatArray
from estimator.threads import parallel_imap, parallel_map

N_INDUCING_POINTS = 1500
"""Sales that stand for all of them, drawn at random. More are more accurate and much slower; see
benchmarks/DECISIONS.md, "Inducing points"."""
MAX_STORED_SALES = 50_000
"""Sales whose rows of the design matrix are kept, at most: they take .3 GB. Those of more sales are computed again
when they are needed; see benchmarks/DECISIONS.md, "Kriging is fitted to all sales"."""
MAX_RANGE_SALES = 50_000
"""Sales, drawn at random, whose distances decide the range of the location kernel. Among more, they would be
smaller, and the inducing points too few for so short a range."""
RANGE_NEIGHBOUR = 32
RANGE_FACTOR = 10.0
"""The range of the location kernel is RANGE_FACTOR times the median distance to the RANGE_NEIGHBOURth nearest
sale; see benchmarks/DECISIONS.md, "Kernel ranges"."""
_JITTER = 3e-3
"""Added to the diagonal of the inducing points' kernel matrix, which two homes in one building make singular."""
_GRAM_CHUNK_SIZE = 4096
"""Sales in a chunk of XᵀX. Few chunks, because the result of each takes 26 MB."""


def fit_kriging(
    homes: KrigingInputs,
    log_price: FloatArray,
    home: NDArray[np.int64],
    rng: np.random.Generator,
    n_inducing_points: int = N_INDUCING_POINTS,
    points: KrigingInputs | None = None,
) -> tuple[Kriging, LeaveHomeOut]:
    """Fit to n sales.

    Parameters
    ----------
    log_price
        Shape (n,).
    home
        Identifies the home that was sold, shape (n,).
    n_inducing_points
        At most.
    points
        The inducing points; None to draw them from the sales.

    Returns
    -------
    Kriging
        For any home.
    LeaveHomeOut
        For the training sales themselves. It is large and need not be saved.
    """
    sample = np.sort(rng.permutation(len(homes))[:MAX_RANGE_SALES])
    range_km = _range_km(None if homes.location is None else homes.location[sample])
    if points is None:
        points = homes.take(np.sort(rng.permutation(len(homes))[:n_inducing_points]))
    n_monotone, mean = homes.monotone.shape[1], float(log_price.mean())
    empty = np.empty(0, np.float32)
    unfitted = Kriging(points.facts, points.location, range_km, empty, empty, empty, mean)
    kernel = unfitted.kernel(points).astype(np.float64)
    root = cholesky(kernel + _JITTER * np.eye(len(kernel)), lower=True)
    kernel_factor = LowerTriangle(root)
    target = (log_price - mean).astype(np.float32)
    design = _design(unfitted, homes, kernel_factor) if len(homes) <= MAX_STORED_SALES else None
    gram, design_by_target = _normal_equations(unfitted, homes, kernel_factor, design, target)
    factor, whitened, coefficients, kept = _ridge(gram, design_by_target, n_monotone)
    gram_factor = LowerTriangle(factor)
    monotone, linear, by_kernel = np.split(coefficients, [n_monotone, len(coefficients) - len(kernel)])
    kriging = replace(
        unfitted,
        linear_coefficients=linear.astype(np.float32),
        monotone_coefficients=(MONOTONE_SCALE * monotone).astype(np.float32),
        kernel_coefficients=solve_triangular(root, by_kernel, lower=True, trans="T").astype(np.float32),
    )
    rows: SaleRows
    if design is None:
        rows = ComputedRows(kriging, kernel_factor, homes, gram_factor, kept)
    else:
        design[:, :n_monotone][:, ~kept] = 0.0
        rows = StoredRows(design, gram_factor)
    return kriging, LeaveHomeOut(kriging, kernel_factor, gram_factor, whitened, rows, home, log_price)


def _design(kriging: Kriging, homes: KrigingInputs, kernel_factor: LowerTriangle) -> Float32Array:
    """Return the design matrix of n sales, shape (n, p)."""
    return np.vstack(
        parallel_map(lambda rows: full_design_rows(kriging, homes.take(rows), kernel_factor), chunks(len(homes)))
    )


def _normal_equations(
    kriging: Kriging,
    homes: KrigingInputs,
    kernel_factor: LowerTriangle,
    design: Float32Array | None,
    target: Float32Array,
) -> tuple[FloatArray, FloatArray]:
    """Return XᵀX + I, shape (p, p), and Xᵀy, shape (p,).

    Parameters
    ----------
    design
        X, shape (n, p), or None to compute its rows here, a chunk at a time.
    target
        y, shape (n,).
    """

    def products(rows: slice) -> tuple[Float32Array, Float32Array]:
        if design is not None:
            return design[rows].T @ design[rows], empty
        part = full_design_rows(kriging, homes.take(rows), kernel_factor)
        return part.T @ part, part.T @ target[rows]

    empty = np.empty(0, np.float32)
    gram, by_target = np.empty(0), np.zeros(1)
    for square, product in parallel_imap(products, chunks(len(homes), _GRAM_CHUNK_SIZE)):
        gram = square + (gram if len(gram) else np.eye(len(square)))
        by_target = by_target + product if design is None else by_target
    return gram, by_target if design is None else (design.T @ target).astype(np.float64)


def _ridge(
    gram: FloatArray, design_by_target: FloatArray, n_monotone: int
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Solve ridge regression with a penalty of 1 and non-negative monotone coefficients.

    The first `n_monotone` coefficients must not be negative. While any is, it is fixed at 0 (its column of the
    design is taken for 0) and the rest is solved again. Departure from the active-set method of Lawson and Hanson
    (1974, ch. 23): a fixed coefficient is never freed. The result is an ordinary ridge regression, so the
    leave-one-out formula is exact.

    Parameters
    ----------
    gram, design_by_target
        XᵀX + I, shape (p, p), and Xᵀy, shape (p,). Overwritten.

    Returns
    -------
    gram_factor
        L, the Cholesky factor of XᵀX + I, shape (p, p).
    whitened_coefficients
        L⁻¹Xᵀy, shape (p,).
    coefficients
        L⁻ᵀL⁻¹Xᵀy, shape (p,).
    kept
        Which monotone coefficients are not fixed at 0, shape (n_monotone,).
    """
    kept = np.ones(n_monotone, np.bool_)
    while True:
        factor = cholesky(gram, lower=True)
        whitened = solve_triangular(factor, design_by_target, lower=True)
        coefficients = solve_triangular(factor, whitened, lower=True, trans="T")
        negative = np.flatnonzero(coefficients[:n_monotone] < 0)
        if len(negative) == 0:
            return factor, whitened, coefficients, kept
        kept[negative] = False
        gram[:, negative] = gram[negative] = design_by_target[negative] = 0.0
        gram[negative, negative] = 1.0


def _range_km(location: FloatArray | None) -> float:
    """Return the range of the location kernel; 1 km where there are too few known locations to estimate it."""
    if location is None:
        return 1.0
    known = location[~np.isnan(location).any(axis=1)]
    if len(known) < 2:
        return 1.0
    distance, _ = KDTree(known).query(known, k=[min(RANGE_NEIGHBOUR + 1, len(known))])
    return RANGE_FACTOR * float(np.median(distance)) or 1.0
