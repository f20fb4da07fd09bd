"""Checks gradients with central differences in float64."""

from collections.abc import Callable

import numpy as np

from estimator.network import Layer, Loss, Network
from estimator.network.arrays import Array

STEP = 1e-6
TOLERANCE = 1e-6


def central_differences(function: Callable[[], float], at: Array) -> Array:
    """∂function/∂at, where ``function`` reads the array ``at`` each time it is called."""
    gradient = np.empty_like(at)
    for index in np.ndindex(at.shape):
        value = at[index]
        at[index] = value + STEP
        above = function()
        at[index] = value - STEP
        below = function()
        at[index] = value
        gradient[index] = (above - below) / (2 * STEP)
    return gradient


def relative_error(found: Array, expected: Array) -> float:
    """The greatest difference, divided by the greatest expected number."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-12))


def assert_gradients_are_right(layers: list[Layer], loss: Loss, x: Array, y: Array, seed: int) -> None:
    """Compare ∂L/∂θ for every parameter, and ∂L/∂x, with central differences, at random parameter values."""
    rng = np.random.default_rng(seed)
    network = Network(layers, rng=rng, dtype=np.float64)
    weights = network.parameters.vector
    weights += rng.normal(0, 0.3, weights.shape)

    def value() -> float:
        return loss.forward(network.forward(x), y)

    value()
    dx = network.backward(loss.backward()).copy()
    gradients = network.gradients.vector.copy()
    assert relative_error(dx, central_differences(value, x)) <= TOLERANCE
    if weights.size:
        assert relative_error(gradients, central_differences(value, weights)) <= TOLERANCE
    network.gradients.vector.fill(np.nan)
    value()
    network.backward_parameters(loss.backward())
    np.testing.assert_array_equal(network.gradients.vector, gradients)
