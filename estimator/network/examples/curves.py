"""Activations with their slopes, and gradient descent walking down a two-parameter loss."""

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
    """An activation's value and slope at each x."""

    name: str
    x: np.ndarray
    value: np.ndarray
    slope: np.ndarray


def activation_curves() -> list[Curve]:
    """Every activation from −4 to 4. The leak is .1 here: its usual .01 could not be seen."""
    x = np.linspace(-4, 4, 401)
    return [
        _curve(activation, x)
        for activation in (Identity(), Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.1), SiLU(), Mish())
    ]


def _curve(activation: Activation, x: np.ndarray) -> Curve:
    value, slope = np.empty_like(x), np.empty_like(x)
    activation.value(x, out=value)
    activation.slope(x, value, out=slope)
    return Curve(type(activation).__name__, x, value, slope)


STEEPNESS = np.array([1.0, 10.0])
"""Of the valley L(a, b) = ½(a² + 10b²), along a and along b: ten times as steep across as along."""
START = np.array([-4.0, 1.5])
RATES = {"too small": 0.01, "right": 0.15, "too large": 0.203}
"""Along b a step multiplies the distance by 1 − 10η: beyond η = .2 it grows."""


def valley(point: np.ndarray) -> np.ndarray:
    """L = ½(a² + 10b²) at points ``(…, 2)``."""
    height: np.ndarray = 0.5 * (STEEPNESS * point**2).sum(axis=-1)
    return height


def descent(learning_rate: float, steps: int = 25) -> np.ndarray:
    """The points gradient descent visits from ``START``, ``(steps + 1, 2)``."""
    point = START.copy()
    optimiser = GradientDescent(learning_rate)
    path = [point.copy()]
    for _ in range(steps):
        optimiser.step(point, STEEPNESS * point)
        path.append(point.copy())
    return np.array(path)
