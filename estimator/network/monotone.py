"""A layer that is non-decreasing in some of its inputs by construction.

It is a varying-coefficient model (Hastie and Tibshirani 1993) with positive coefficients.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape
from estimator.network.layer import Inference, Layer


class MonotoneSum(Layer):
    """y = t₀(c) + Σⱼ g(tⱼ(c))·ρⱼ for x = [c, ρ], with g(t) = (t + √(t² + 4))/2 > 0.

    y never decreases when a ρⱼ increases, not even by rounding, because floating-point sums and products are
    monotone. g is the squareplus of Barron (2021): g(0) = 1, g(t) ≈ t for large t and ≈ 0 for very negative t. It
    is cheaper than softplus.

    Parameters
    ----------
    context
        The number of leading columns that form c; the other columns are ρ.
    terms
        The layer t, which maps c to 1 + r numbers, for r columns ρ.

    Notes
    -----
    Shapes: x ``(n, d + r)`` → y ``(n, 1)``, or ``(k, n, 1)`` if t is an ensemble of k members.
    """

    backward_ignores_output = True

    def __init__(self, context: int, terms: Layer) -> None:
        super().__init__()
        self.context = context
        self.terms = terms
        self._coefficients, self._roots, self._dt = Buffer(), Buffer(), Buffer()

    def shapes(self) -> dict[str, Shape]:
        """The shapes of t's parameters."""
        return self.terms.shapes()

    def initialise(self, rng: np.random.Generator) -> None:
        """Initialise t."""
        self.terms.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The number of context columns, and t."""
        return {"context": self.context, "terms": self.terms}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give the arrays to t."""
        super().bind(parameters, gradients)
        self.terms.bind(parameters, gradients)

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Compute y = t₀(c) + Σⱼ g(tⱼ(c))·ρⱼ."""
        t = self.terms.forward(x[..., : self.context], rng)
        # Local variables, because threads that predict at the same time share `self` but not the buffers. g(t₀) is
        # computed and not used: operations on contiguous memory take half the time of those that skip a column.
        root, g = self._roots.take(t.shape, x.dtype), self._coefficients.take(t.shape, x.dtype)
        np.multiply(t, t, out=root)
        root += 4
        np.sqrt(root, out=root)
        np.add(t, root, out=g)
        g *= 0.5
        self._x, self._root, self._g = x, root, g
        y = self._y.take((*t.shape[:-1], 1), x.dtype)
        np.einsum("...nr,...nr->...n", g[..., 1:], self._rho(x, t), out=y[..., 0])
        return np.add(y, t[..., :1], out=y)

    def inference(self) -> Inference:
        """Return y = t₀(c) + Σⱼ g(tⱼ(c))·ρⱼ as a function."""
        terms = self.terms.inference()

        def infer(x: Array) -> Array:
            t = terms(x[..., : self.context])[..., : len(x), :]
            g = t * t
            g += 4
            np.sqrt(g, out=g)
            g += t
            g *= 0.5
            y: Array = np.einsum("...nr,...nr->...n", g[..., 1:], self._rho(x, t))[..., None]
            return np.add(y, t[..., :1], out=y)

        return infer

    def _rho(self, x: Array, t: Array) -> Array:
        """Return the columns ρ, which all members of an ensemble share."""
        rho = x[..., self.context :]
        return rho if t.ndim == x.ndim else rho[..., None, :, :]

    def backward(self, dy: Array) -> Array:
        """∂L/∂c is computed by t; ∂L/∂ρⱼ = g(tⱼ)·∂L/∂y, summed over the members."""
        dx = self._dx.take(self._x.shape, dy.dtype)
        g = self._g.reshape(-1, *self._g.shape[-2:])[..., 1:]
        np.einsum("knr,kn->nr", g, dy.reshape(g.shape[:-1]), out=dx[:, self.context :])
        dx[:, : self.context] = self.terms.backward(self._terms_gradient(dy))
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Compute the gradients of t's parameters."""
        self.terms.backward_parameters(self._terms_gradient(dy))

    def _terms_gradient(self, dy: Array) -> Array:
        """∂L/∂t₀ = ∂L/∂y and ∂L/∂tⱼ = ρⱼ·g′(tⱼ)·∂L/∂y, where g′ = g/√(t² + 4)."""
        dt = self._dt.take(self._g.shape, dy.dtype)
        np.divide(self._g, self._root, out=dt)
        dt[..., 1:] *= self._x[:, self.context :]
        dt *= dy
        dt[..., :1] = dy
        return dt
