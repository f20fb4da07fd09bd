"""The bends between weighted sums: without them any depth of layers would be one straight map.

Each activation is a function and, beside it, its slope. All are safe for any finite input: no overflow,
no 0/0. Knows nothing of weights.
"""

# ruff: noqa: ARG002 - every layer's forward has one form, and so has every slope

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer
from estimator.network.layer import Layer


class Activation(Layer):
    """y = f(x), number by number. A subclass writes f and its slope f′.

    One whose slope can be told from y alone may write y over x.

    Shapes: x ``(…, d)`` → y ``(…, d)``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._scratch = Buffer()

    def value(self, x: Array, out: Array) -> None:
        """Write f(x) into ``out``."""
        raise NotImplementedError

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """Write f′(x) into ``out``, given y = f(x) as well: many slopes are simpler in y."""
        raise NotImplementedError

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Write y = f(x)."""
        y = x if self.in_place else self._y.take(x.shape, x.dtype)
        self.value(x, out=y)
        self._last = x, y
        return y

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y · f′(x): each output depends on one input alone."""
        slope = self._dx.take(dy.shape, dy.dtype)
        self.slope(*self._last, out=slope)
        return np.multiply(dy, slope, out=dy)


class Identity(Activation):
    """f(x) = x: what a regression's output layer has."""

    may_overwrite_input = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x."""
        np.copyto(out, x)

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1."""
        out.fill(1)


class Sigmoid(Activation):
    """f(x) = 1 / (1 + e⁻ˣ): any number becomes a probability.

    Its slope is at most ¼, so the gradient fades on its way through a deep chain of sigmoids.
    """

    may_overwrite_input = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = 1 / (1 + e⁻ˣ)."""
        sigmoid(x, out)

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = y(1 − y): with u = e⁻ˣ it is u / (1 + u)² = y · u/(1 + u) and u/(1 + u) = 1 − y."""
        np.subtract(1, y, out=out)
        np.multiply(out, y, out=out)


class Tanh(Activation):
    """f(x) = tanh x: a sigmoid around zero."""

    may_overwrite_input = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = tanh x."""
        np.tanh(x, out=out)

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 − y²."""
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)


class ReLU(Activation):
    """f(x) = max(x, 0) (Nair and Hinton 2010).

    A neuron whose sum is negative for every example has no gradient left and learns no more: it is dead.
    """

    may_overwrite_input = True

    def value(self, x: Array, out: Array) -> None:
        """f(x) = max(x, 0)."""
        np.maximum(x, np.zeros(x.shape[-1], x.dtype), out=out)  # twice as fast as with a single 0

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 where x > 0, else 0; the slope at 0 is taken as 0."""
        np.greater(y, 0, out=out)

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y where x > 0, else 0: truth values serve as slopes, in a quarter of the memory."""
        positive = np.greater(self._last[1], 0, out=self._dx.take(dy.shape, np.bool_))
        return np.multiply(dy, positive, out=dy)


class LeakyReLU(Activation):
    """f(x) = x if x > 0 else αx (Maas et al. 2013): α keeps a gradient where ReLU's neuron would be dead.

    Parameters
    ----------
    leak
        α in (0, 1).
    """

    may_overwrite_input = True

    def __init__(self, leak: float = 0.01) -> None:
        super().__init__()
        if not 0 < leak < 1:
            raise ValueError(f"the leak must lie in (0, 1), not {leak}")
        self.leak = leak

    def settings(self) -> dict[str, Any]:
        """The leak."""
        return {"leak": self.leak}

    def value(self, x: Array, out: Array) -> None:
        """f(x) = max(x, αx): the larger of the two, as α < 1."""
        scratch = self._scratch.take(x.shape, x.dtype)
        np.multiply(x, self.leak, out=scratch)
        np.maximum(x, scratch, out=out)

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = 1 where x > 0, which is where y > 0, else α."""
        np.greater(y, 0, out=out)
        np.maximum(out, self.leak, out=out)


class SiLU(Activation):
    """f(x) = x · σ(x): a smooth ReLU that dips below zero (Elfwing et al. 2018)."""

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x · σ(x)."""
        sigmoid(x, out)
        np.multiply(out, x, out=out)

    def slope(self, x: Array, y: Array, out: Array) -> None:
        """f′(x) = σ(x) + x·σ(x)·(1 − σ(x)) = σ + y(1 − σ)."""
        scratch = self._scratch.take(x.shape, x.dtype)
        sigmoid(x, scratch)
        np.subtract(1, scratch, out=out)
        np.multiply(out, y, out=out)
        np.add(out, scratch, out=out)


class Mish(Activation):
    """f(x) = x · tanh(ln(1 + eˣ)) (Misra 2019): SiLU's near twin, with a slightly steeper rise.

    With u = eˣ and m = u(u + 2), tanh(ln(1 + u)) = m / (m + 2): one exponential and no logarithm. From x
    = 20 on the quotient is 1 to the last bit, so u stops there and cannot overflow.
    """

    def value(self, x: Array, out: Array) -> None:
        """f(x) = x · m / (m + 2)."""
        scratch = self._scratch.take((2, *x.shape), x.dtype)[0]
        self._exponentials(x, u=scratch, m=out)
        np.add(out, 2, out=scratch)
        np.divide(out, scratch, out=out)
        np.multiply(out, x, out=out)

    def slope(self, x: Array, y: Array, out: Array) -> None:
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
        """Write u = eˣ and m = u(u + 2), which (u + 1)² − 1 would lose the digits of near u = 0."""
        np.minimum(x, 20, out=u)
        np.exp(u, out=u)
        np.add(u, 2, out=m)
        np.multiply(m, u, out=m)


def sigmoid(x: Array, out: Array) -> None:
    """Write 1 / (1 + e⁻ˣ) into ``out``. Below −80 the exponent stops, where the answer is 0 to 34 places."""
    np.maximum(x, -80, out=out)
    np.negative(out, out=out)
    np.exp(out, out=out)
    np.add(out, 1, out=out)
    np.reciprocal(out, out=out)
