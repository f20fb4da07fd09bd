"""Fit `Kriging` to sales: choose inducing points, build the design matrix, and solve the ridge regression."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.spatial import KDTree

from estimator.features.kriging import MONOTONE_SCALE, Kriging, KrigingInputs, chunks
from estimator.features.leave_home_out import LeaveHomeOut, design_rows
from estimator.features.triangular import LowerTriangle
from estimator.market.arrays import Float32Array, FloatArray
from estimator.threads import parallel_map

N_INDUCING_POINTS = 1500
"""Sales that stand for all of them, drawn at random. More are more accurate and much slower; see
benchmarks/DECISIONS.md, "Inducing points"."""
MAX_SALES = 50_000
"""Sales to fit to, at most, drawn at random: with 20 per inducing point, more of them add little."""
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

    Returns
    -------
    Kriging
        For any home.
    LeaveHomeOut
        For the training sales themselves. It is large and need not be saved.
    """
    sample = np.sort(rng.permutation(len(homes))[:MAX_SALES])
    homes, log_price, home = homes.take(sample), log_price[sample], home[sample]
    inducing = homes.take(np.sort(rng.permutation(len(homes))[:n_inducing_points]))
    n_monotone, mean = homes.monotone.shape[1], float(log_price.mean())
    empty = np.empty(0, np.float32)
    unfitted = Kriging(inducing.facts, inducing.location, _range_km(homes.location), empty, empty, empty, mean)
    kernel = unfitted.kernel(inducing).astype(np.float64)
    root = cholesky(kernel + _JITTER * np.eye(len(kernel)), lower=True)
    kernel_factor = LowerTriangle(root)
    design = np.vstack(
        parallel_map(lambda rows: design_rows(unfitted, homes.take(rows), kernel_factor), chunks(len(homes)))
    )
    design[:, :n_monotone] = MONOTONE_SCALE * homes.monotone
    gram_factor, whitened, coefficients = _ridge(design, (log_price - mean).astype(np.float32), n_monotone)
    monotone, linear, by_kernel = np.split(coefficients, [n_monotone, design.shape[1] - len(kernel)])
    kriging = replace(
        unfitted,
        linear_coefficients=linear.astype(np.float32),
        monotone_coefficients=(MONOTONE_SCALE * monotone).astype(np.float32),
        kernel_coefficients=solve_triangular(root, by_kernel, lower=True, trans="T").astype(np.float32),
    )
    left_out = LeaveHomeOut(kriging, design, kernel_factor, LowerTriangle(gram_factor), whitened, home, log_price)
    return kriging, left_out


def _ridge(
    design: Float32Array, target: Float32Array, n_monotone: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Solve ridge regression with a penalty of 1 and non-negative monotone coefficients.

    The first `n_monotone` coefficients must not be negative. While any is, it is fixed at 0 (its column of
    `design` is set to 0) and the rest is solved again. Departure from the active-set method of Lawson and Hanson
    (1974, ch. 23): a fixed coefficient is never freed. The result is an ordinary ridge regression, so the
    leave-one-out formula is exact.

    Returns
    -------
    gram_factor
        L, the Cholesky factor of XᵀX + I, shape (p, p).
    whitened_coefficients
        L⁻¹Xᵀy, shape (p,).
    coefficients
        L⁻ᵀL⁻¹Xᵀy, shape (p,).
    """
    products = parallel_map(lambda rows: design[rows].T @ design[rows], chunks(len(design), _GRAM_CHUNK_SIZE))
    gram = sum(products, start=np.eye(design.shape[1]))
    design_by_target = (design.T @ target).astype(np.float64)
    while True:
        factor = cholesky(gram, lower=True)
        whitened = solve_triangular(factor, design_by_target, lower=True)
        coefficients = solve_triangular(factor, whitened, lower=True, trans="T")
        negative = np.flatnonzero(coefficients[:n_monotone] < 0)
        if len(negative) == 0:
            return factor, whitened, coefficients
        design[:, negative] = gram[:, negative] = gram[negative] = design_by_target[negative] = 0.0
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
