"""A sum whose terms can only rise: what is known to raise an answer does so by construction.

Varying coefficients (Hastie and Tibshirani 1993) that are positive. Knows nothing of what is predicted.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape
from estimator.network.layer import Layer


class MonotoneSum(Layer):
    """y = t₀(c) + Σⱼ g(tⱼ(c))·ρⱼ for x = [c, ρ], with g(t) = (t + √(t² + 4))/2 > 0.

    y never falls when a ρⱼ grows, and no rounding undoes that: sums and products of floating-point numbers keep
    the order. g is Barron's (2021) squareplus: 1 at 0, near t above and near 0 below, and cheaper than softplus.

    Parameters
    ----------
    context
        How many of the columns, the first ones, are c.
    terms
        The layer t: c → 1 + r numbers, for r columns ρ.

    Notes
    -----
    Shapes: x ``(n, d + r)`` → y ``(n, 1)``, or ``(k, n, 1)`` if t makes an ensemble of k members.
    """

    forgets_output = True

    def __init__(self, context: int, terms: Layer) -> None:
        super().__init__()
        self.context = context
        self.terms = terms
        self._coefficients, self._roots, self._dt = Buffer(), Buffer(), Buffer()

    def shapes(self) -> dict[str, Shape]:
        """Those of t."""
        return self.terms.shapes()

    def initialise(self, rng: np.random.Generator) -> None:
        """As t does."""
        self.terms.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The context's width, and t."""
        return {"context": self.context, "terms": self.terms}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give t the arrays."""
        super().bind(parameters, gradients)
        self.terms.bind(parameters, gradients)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """The sum y, by t of the first columns."""
        t = self.terms.forward(x[..., : self.context], rng)
        # The names are local: threads that predict side by side have buffers of their own, but one `self`. Of t₀
        # there is a g for nothing: without a gap after every row the passes take half as long.
        root, g = self._roots.take(t.shape, x.dtype), self._coefficients.take(t.shape, x.dtype)
        np.multiply(t, t, out=root)
        root += 4
        np.sqrt(root, out=root)
        np.add(t, root, out=g)
        g *= 0.5
        self._x, self._root, self._g = x, root, g
        y = self._y.take((*t.shape[:-1], 1), x.dtype)
        directed = x[..., self.context :]
        shared = directed if t.ndim == x.ndim else directed[..., None, :, :]  # by the members
        np.einsum("...nr,...nr->...n", g[..., 1:], shared, out=y[..., 0])
        return np.add(y, t[..., :1], out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂c as t has it; ∂L/∂ρⱼ = g(tⱼ)·∂L/∂y, summed over the members."""
        dx = self._dx.take(self._x.shape, dy.dtype)
        g = self._g.reshape(-1, *self._g.shape[-2:])[..., 1:]
        np.einsum("knr,kn->nr", g, dy.reshape(g.shape[:-1]), out=dx[:, self.context :])
        dx[:, : self.context] = self.terms.backward(self._by_terms(dy))
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Those of t."""
        self.terms.backward_parameters(self._by_terms(dy))

    def _by_terms(self, dy: Array) -> Array:
        """∂L/∂t₀ = ∂L/∂y and ∂L/∂tⱼ = ρⱼ·g′(tⱼ)·∂L/∂y, where g′ = g/√(t² + 4)."""
        dt = self._dt.take(self._g.shape, dy.dtype)
        np.divide(self._g, self._root, out=dt)
        dt[..., 1:] *= self._x[:, self.context :]
        dt *= dy
        dt[..., :1] = dy
        return dt
