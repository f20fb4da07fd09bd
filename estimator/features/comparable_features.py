"""The price features that the comparables of n subjects give: those of the grid, and those of the nearest sales.

Works on arrays alone: no market, no search.
"""

import numpy as np

from estimator.features.adjustment_grid import GridEstimates
from estimator.features.grid_inputs import DISTANCE_OFFSET_KM, Neighbours
from estimator.market.arrays import Float32Array

FEATURE_NAMES = (
    "comparables_log_price",
    "comparables_log_count",
    "comparables_spread",
    "nearest_log_price",
    "nearest_log_km",
    "farthest_log_km",
)
"""The price features. From the grid: its estimate, the log of the effective number of comparables (1/Σw²), and the
weighted standard deviation of their adjusted log prices. From the `N_NEAREST` nearest sales: their mean log price,
weighted by 1/km, and the log distance of the farthest of them. Last, the log distance of the farthest
comparable."""
N_GRID_FEATURES = 3
"""The first features are the grid's."""
N_NEAREST = 4
"""Nearest sold homes whose prices are used unadjusted; see benchmarks/DECISIONS.md, "The nearest sales"."""


def grid_features(grid: GridEstimates, mean_log_price: float, out: Float32Array) -> None:
    """Write the grid's features into `out`, shape (n, 3); for several versions of the subjects (…, n, 3).

    Parameters
    ----------
    mean_log_price
        What the log prices are centred by.
    """
    squares = (grid.adjusted_log_price - grid.estimate[..., None]) ** 2
    count = 1 / np.maximum(np.add.reduce(grid.weight**2, axis=-1), 1 / grid.weight.shape[-1])
    np.add(grid.estimate, np.float32(mean_log_price), out=out[..., 0])
    np.log(count, out=out[..., 1])
    np.sqrt(np.add.reduce(grid.weight * squares, axis=-1), out=out[..., 2])


def nearest_features(
    neighbours: Neighbours, log_price: Float32Array, mean_log_price: float, out: Float32Array
) -> None:
    """Write the features of the nearest sales, at most `N_NEAREST`, into `out`, shape (…, n, 3).

    Parameters
    ----------
    log_price
        Of all sold homes, centred by their mean.
    """
    # 0 if there is no sale, as km is infinite
    weight = 1 / (neighbours.km[:, :N_NEAREST] + DISTANCE_OFFSET_KM)
    total = np.maximum(np.add.reduce(weight, axis=1), 1e-30)
    nearest = log_price.take(neighbours.rows[:, :N_NEAREST])
    out[..., 0] = np.add.reduce(weight * nearest, axis=1) / total + mean_log_price
    out[..., 1] = np.maximum.reduce(neighbours.log_km[:, :N_NEAREST], axis=1)
    out[..., 2] = np.maximum.reduce(neighbours.log_km, axis=1)
