"""Activation functions with their derivatives, and gradient descent on a loss of two parameters."""

from dataclasses import dataclass

import numpy as np

from estimator.network import (
    Activation,
    GradientDescent,
    Identity,
    LeakyReLU,
    Mish,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)


@dataclass(frozen=True)
class Curve:
    """The value and derivative of an activation function at each x, all ``(n,)``."""

    name: str
    x: np.ndarray
    value: np.ndarray
    derivative: np.ndarray


def activation_curves() -> list[Curve]:
    """Compute all activations from −4 to 4. The leak is 0.1, because the default 0.01 would not be visible."""
    x = np.linspace(-4, 4, 401)
    return [
        _curve(activation, x)
        for activation in (Identity(), Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.1), SiLU(), Mish())
    ]


def _curve(activation: Activation, x: np.ndarray) -> Curve:
    value, derivative = np.empty_like(x), np.empty_like(x)
    activation.value(x, out=value)
    activation.derivative(x, value, out=derivative)
    return Curve(type(activation).__name__, x, value, derivative)


STEEPNESS = np.array([1.0, 10.0])
"""Second derivatives of the loss L(a, b) = ½(a² + 10b²), a valley ten times as steep along b as along a."""
START = np.array([-4.0, 1.5])
RATES = {"too small": 0.01, "right": 0.15, "too large": 0.203}
"""Learning rates η. A step multiplies b by 1 − 10η, so the distance grows if η is above 0.2."""


def valley(point: np.ndarray) -> np.ndarray:
    """L = ½(a² + 10b²) at points ``(…, 2)``."""
    loss: np.ndarray = 0.5 * (STEEPNESS * point**2).sum(axis=-1)
    return loss


def descent(learning_rate: float, steps: int = 25) -> np.ndarray:
    """Return the points of gradient descent from ``START``, ``(steps + 1, 2)``."""
    point = START.copy()
    optimiser = GradientDescent(learning_rate)
    path = [point.copy()]
    for _ in range(steps):
        optimiser.step(point, STEEPNESS * point)
        path.append(point.copy())
    return np.array(path)
