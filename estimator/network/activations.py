"""Activation functions: the nonlinearities between the layers.

Without them a network of any depth would be a single linear map. Each class defines a function and its derivative.
Every finite input is safe: no overflow and no 0/0.
"""

# ruff: noqa: ARG002 - all layers share one signature of forward, all activations one of derivative

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer
from estimator.network.layer import Inference, Layer


class Activation(Layer):
    """y = f(x), elementwise. A subclass implements f and its derivative f′.

    If f′ can be computed from y alone, the subclass may set ``supports_in_place``: y then overwrites x.

    Shapes: x ``(…, d)`` → y ``(…, d)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._scratch = Buffer()

    def value(self, x: Array, out: Array) -> None:
        """Write f(x) into ``out``."""
        raise NotImplementedError

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """Write f′(x) into ``out``. y = f(x) is given too, because many derivatives are simpler in y."""
        raise NotImplementedError

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Return y = f(x)."""
        y = x if self.in_place else self._y.take(x.shape, x.dtype)
        self.value(x, out=y)
        self._last = x, y
        return y

    def inference(self) -> Inference:
        """Return y = f(x) as a function."""
        value, in_place = self.value, self.in_place

        def infer(x: Array) -> Array:
            y = x if in_place else np.empty_like(x)
            value(x, out=y)
            return y

        return infer

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y · f′(x), because each output depends on one input only."""
        derivative = self._dx.take(dy.shape, dy.dtype)
        self.derivative(*self._last, out=derivative)
        return np.multiply(dy, derivative, out=dy)


class Identity(Activation):
    """f(x) = x, the output activation of a regression."""

    supports_in_place = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x."""
        np.copyto(out, x)

    def inference(self) -> Inference:
        """Return a function that returns x itself."""
        return lambda x: x

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1."""
        out.fill(1)


class Sigmoid(Activation):
    """f(x) = 1 / (1 + e⁻ˣ), which maps any number to a probability.

    Its derivative is at most ¼, so gradients vanish in a deep chain of sigmoids.
    """

    supports_in_place = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = 1 / (1 + e⁻ˣ)."""
        sigmoid(x, out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = y(1 − y): with u = e⁻ˣ it is u / (1 + u)² = y · u/(1 + u) and u/(1 + u) = 1 − y."""
        np.subtract(1, y, out=out)
        np.multiply(out, y, out=out)


class Tanh(Activation):
    """f(x) = tanh x, a sigmoid centred on zero."""

    supports_in_place = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = tanh x."""
        np.tanh(x, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 − y²."""
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)


class ReLU(Activation):
    """f(x) = max(x, 0) (Nair and Hinton 2010).

    A neuron whose weighted sum is negative for every example has no gradient and stops learning: a "dead neuron".
    """

    supports_in_place = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = max(x, 0)."""
        np.maximum(x, np.zeros(x.shape[-1], x.dtype), out=out)  # twice as fast as a scalar 0

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 where x > 0, else 0; at x = 0 the derivative is defined as 0."""
        np.greater(y, 0, out=out)

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y where x > 0, else 0. A boolean derivative needs a quarter of the memory of a float32."""
        positive = np.greater(self._last[1], 0, out=self._dx.take(dy.shape, np.bool_))
        return np.multiply(dy, positive, out=dy)


class LeakyReLU(Activation):
    """f(x) = x if x > 0 else αx (Maas et al. 2013). The slope α keeps a gradient where ReLU has none.

    Parameters
    ----------
    leak
        α in (0, 1).

    Raises
    ------
    ValueError
        If the leak is outside (0, 1).
    """

    supports_in_place = True

    def __init__(self, leak: float = 0.01) -> None:
        super().__init__()
        if not 0 < leak < 1:
            raise ValueError(f"leak must be between 0 and 1 (exclusive), not {leak}")
        self.leak = leak

    def settings(self) -> dict[str, Any]:
        """The leak."""
        return {"leak": self.leak}

    def value(self, x: Array, out: Array) -> None:
        """f(x) = max(x, αx), because α < 1."""
        scratch = self._scratch.take(x.shape, x.dtype)
        np.multiply(x, self.leak, out=scratch)
        np.maximum(x, scratch, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 where x > 0 (equivalently y > 0), else α."""
        np.greater(y, 0, out=out)
        np.maximum(out, self.leak, out=out)


class SiLU(Activation):
    """f(x) = x · σ(x), a smooth ReLU with a minimum slightly below zero (Elfwing et al. 2018)."""

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x · σ(x)."""
        sigmoid(x, out)
        np.multiply(out, x, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = σ(x) + x·σ(x)·(1 − σ(x)) = σ + y(1 − σ)."""
        scratch = self._scratch.take(x.shape, x.dtype)
        sigmoid(x, scratch)
        np.subtract(1, scratch, out=out)
        np.multiply(out, y, out=out)
        np.add(out, scratch, out=out)


class Mish(Activation):
    """f(x) = x · tanh(ln(1 + eˣ)) (Misra 2019), similar to SiLU and slightly steeper.

    With u = eˣ and m = u(u + 2), tanh(ln(1 + u)) = m / (m + 2), which takes one exponential and no logarithm. From
    x = 20 on the quotient is 1 to the last bit, so x is capped at 20 and u cannot overflow.
    """

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x · m / (m + 2)."""
        scratch = self._scratch.take((2, *x.shape), x.dtype)[0]
        self._exponentials(x, u=scratch, m=out)
        np.add(out, 2, out=scratch)
        np.divide(out, scratch, out=out)
        np.multiply(out, x, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = t + x(1 − t²)σ(x) with t = tanh(ln(1 + eˣ)), because d ln(1 + eˣ)/dx = σ(x).

        1 − t² = 4(m + 1)/(m + 2)², and m + 1 = (u + 1)² makes σ(x) = u/(u + 1). So the second term is
        4x · u(u + 1)/(m + 2)², and f′ = (m + 4x · (m − u)/(m + 2)) / (m + 2), as u(u + 1) = m − u.
        """
        scratch, m = self._scratch.take((2, *x.shape), x.dtype)
        self._exponentials(x, u=scratch, m=m)
        np.subtract(m, scratch, out=scratch)
        np.add(m, 2, out=out)
        np.divide(scratch, out, out=scratch)
        np.multiply(scratch, x, out=scratch)
        np.multiply(scratch, 4, out=scratch)
        np.add(scratch, m, out=scratch)
        np.divide(scratch, out, out=out)

    @staticmethod
    def _exponentials(x: Array, u: Array, m: Array) -> None:
        """Write u = eˣ and m = u(u + 2). The equal (u + 1)² − 1 would lose digits near u = 0."""
        np.minimum(x, 20, out=u)
        np.exp(u, out=u)
        np.add(u, 2, out=m)
        np.multiply(m, u, out=m)


def sigmoid(x: Array, out: Array) -> None:
    """Write 1 / (1 + e⁻ˣ) into ``out``. x is capped below at −80, where the result is 0 to 34 decimal places."""
    np.maximum(x, -80, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)
