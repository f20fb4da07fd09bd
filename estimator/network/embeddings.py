"""Embeddings of numbers: each input becomes a few numbers, so that a network can bend sharply along it.

A dense layer's first weighted sum mixes the inputs before anything bends. Price against latitude, say,
rises and falls within a mile; embedded, one input alone can carry such a shape. Knows nothing of what the
inputs are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape
from estimator.network.initialisers import lecun_normal
from estimator.network.layer import Layer
from estimator.network.row_stable import matmul_row_stable


class Periodic(Layer):
    """Waves of trained frequencies, mixed: eᵢ = [cos 2πcᵢxᵢ, sin 2πcᵢxᵢ] Vᵢ + βᵢ for each input xᵢ.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 3 with the linear layer of their
    PLR; its R is a ``ReLU`` after this layer.

    Parameters
    ----------
    n_in
        The number of inputs, d.
    frequencies
        Waves an input, f.
    width
        Numbers each input becomes, m.
    sigma
        The frequencies start at N(0, σ²): the larger, the finer the detail, in cycles per unit of the
        input. One σ, or one for each input.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d·m)``, input by input. c ``(d, f)``, V ``(d, 2f, m)``, β ``(d, m)``.
    """

    def __init__(self, n_in: int, frequencies: int, width: int, sigma: float | Sequence[float] = 0.1) -> None:
        super().__init__()
        self.n_in = n_in
        self.frequencies = frequencies
        self.width = width
        self.sigma = sigma if isinstance(sigma, float | int) else list(sigma)
        self._angles = Buffer()
        self._waves = Buffer()
        self._d_waves = Buffer()

    def shapes(self) -> dict[str, Shape]:
        """The frequencies c, and V and β."""
        return {
            "frequency": (self.n_in, self.frequencies),
            "weight": (self.n_in, 2 * self.frequencies, self.width),
            "bias": (self.n_in, self.width),
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw c from N(0, σ²) and V by LeCun's rule, where the paper's code draws V evenly; β = 0."""
        sigma = np.broadcast_to(self.sigma, (self.n_in,))
        self.parameters["frequency"][:] = rng.normal(0.0, sigma[:, None], (self.n_in, self.frequencies))
        for weight in self.parameters["weight"]:
            weight[:] = lecun_normal(rng, weight.shape)
        self.parameters["bias"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The layer's shape, and the σ it started with."""
        return {
            "n_in": self.n_in,
            "frequencies": self.frequencies,
            "width": self.width,
            "sigma": self.sigma,
        }

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """eᵢ = [cos 2πcᵢxᵢ, sin 2πcᵢxᵢ] Vᵢ + βᵢ."""
        _check(x, self.n_in)
        frequency = self.parameters["frequency"][..., None, :, :]
        rows = x.reshape(*frequency.shape[:-3], -1, self.n_in)
        angles = self._angles.take((*rows.shape, self.frequencies), x.dtype)
        waves = self._waves.take((*rows.shape, 2 * self.frequencies), x.dtype)
        np.multiply(rows[..., None], frequency * (2 * np.pi), out=angles)
        np.cos(angles, out=waves[..., : self.frequencies])
        np.sin(angles, out=waves[..., self.frequencies :])
        self._last = rows, waves
        y = self._y.take((*x.shape[:-1], self.n_in * self.width), x.dtype)
        return _mix(waves, self.parameters["weight"], self.parameters["bias"], y, training=rng is not None)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xᵢ = Σ_f 2πcᵢf · ∂L/∂aᵢf, with the angles a = 2πcx."""
        angles = self._backward_to_angles(dy)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        np.einsum("ndf,df->nd", angles, self.parameters["frequency"], out=dx.reshape(-1, self.n_in))
        return np.multiply(dx, 2 * np.pi, out=dx)

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂c = 2π Σ x · ∂L/∂a, and V and β as in a dense layer for each input."""
        self._backward_to_angles(dy)

    def _backward_to_angles(self, dy: Array) -> Array:
        """∂L/∂a = cos a · ∂L/∂sin a − sin a · ∂L/∂cos a, in the angles' own memory; writes every ∂L/∂θ."""
        rows, waves = self._last
        grouped = dy.reshape(len(rows), self.n_in, self.width)
        _mix_gradients(waves, grouped, self.gradients)
        d_waves = self._d_waves.take(waves.shape, dy.dtype)
        np.matmul(
            grouped.transpose(1, 0, 2),
            self.parameters["weight"].transpose(0, 2, 1),
            out=d_waves.transpose(1, 0, 2),
        )
        f = self.frequencies
        angles = self._angles.take((len(rows), self.n_in, f), dy.dtype)
        np.multiply(waves[:, :, :f], d_waves[:, :, f:], out=angles)
        np.multiply(waves[:, :, f:], d_waves[:, :, :f], out=d_waves[:, :, :f])
        np.subtract(angles, d_waves[:, :, :f], out=angles)
        np.matmul(rows.T[:, None, :], angles.transpose(1, 0, 2), out=self.gradients["frequency"][:, None, :])
        np.multiply(self.gradients["frequency"], 2 * np.pi, out=self.gradients["frequency"])
        return angles


class PiecewiseLinear(Layer):
    """A broken line through trained values at fixed edges: eᵢ = αᵢxᵢ + βᵢ + PLE(xᵢ)Vᵢ for each input xᵢ.

    PLE(x)ₜ = (x − bₜ₋₁)/(bₜ − bₜ₋₁) clipped to [0, 1] for the bins t = 1 … T; the first bin is open below
    and the last one above (Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 1). V
    starts at 0, so that learning starts from a straight line.

    Parameters
    ----------
    edges
        For each input its b₀ < b₁ < … < b_T; inputs may differ in T. See ``quantile_edges``.
    width
        Numbers each input becomes, m.

    Raises
    ------
    ValueError
        If an input has fewer than two edges, or they do not rise.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d·m)``, input by input. α, β ``(d, m)``, V ``(d, T, m)``, T of the input with
    the most bins.
    """

    def __init__(self, edges: Sequence[Array], width: int) -> None:
        super().__init__()
        for place, line in enumerate(edges):
            if len(line) < 2 or not np.all(np.diff(line) > 0):
                raise ValueError(f"the edges of input {place} must be two or more and rise: {line}")
        self.edges = [np.asarray(line, np.float64) for line in edges]
        self.n_in = len(edges)
        self.width = width
        self.bins = max(len(line) for line in edges) - 1
        self._encoding = Buffer()
        self._d_encoding = Buffer()
        self._linear = Buffer()

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """As every layer; and the bins' lines in the parameters' number type."""
        super().bind(parameters, gradients)
        self._slope, self._shift, self._lowest, self._highest = self.bins_as(parameters["weight"].dtype)

    def bins_as(self, dtype: np.dtype[Any]) -> Array:
        """Slope, shift and bounds of each bin's line, ``(4, d, T)``; bins an input does not have stay 0."""
        lines = np.zeros((4, self.n_in, self.bins))
        for (slope, shift, lowest, highest), edges in zip(lines.transpose(1, 0, 2), self.edges, strict=True):
            bins = len(edges) - 1
            slope[:bins] = 1 / np.diff(edges)
            shift[:bins] = -edges[:-1] / np.diff(edges)
            highest[:bins] = 1
            lowest[0], highest[bins - 1] = -np.inf, np.inf
        return lines.astype(dtype)

    def shapes(self) -> dict[str, Shape]:
        """α, V and β."""
        return {
            "slope": (self.n_in, self.width),
            "weight": (self.n_in, self.bins, self.width),
            "bias": (self.n_in, self.width),
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """α and β uniform in ±1 (one input each: 1/√1), V = 0."""
        for name in ("slope", "bias"):
            self.parameters[name][:] = rng.uniform(-1, 1, (self.n_in, self.width))
        self.parameters["weight"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The edges and the width."""
        return {"edges": self.edges, "width": self.width}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """eᵢ = αᵢxᵢ + βᵢ + PLE(xᵢ)Vᵢ; the encoding is one affine map and a clip."""
        _check(x, self.n_in)
        slope = self.parameters["slope"][..., None, :, :]
        rows = x.reshape(*slope.shape[:-3], -1, self.n_in)
        encoding = self._encoding.take((*rows.shape, self.bins), x.dtype)
        np.multiply(rows[..., None], self._slope, out=encoding)
        np.add(encoding, self._shift, out=encoding)
        np.maximum(encoding, self._lowest, out=encoding)
        np.minimum(encoding, self._highest, out=encoding)
        self._last = rows, encoding
        y = self._y.take((*x.shape[:-1], self.n_in * self.width), x.dtype)
        _mix(encoding, self.parameters["weight"], self.parameters["bias"], y, training=rng is not None)
        linear = self._linear.take((*rows.shape, self.width), x.dtype)
        np.multiply(rows[..., None], slope, out=linear)
        return np.add(y, linear.reshape(y.shape), out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xᵢ = Σ_m αᵢm · ∂L/∂eᵢm + Σₜ (slope of bin t, where x lies in it) · ∂L/∂PLEₜ."""
        self.backward_parameters(dy)
        rows, encoding = self._last
        grouped = dy.reshape(len(rows), self.n_in, self.width)
        d_encoding = self._d_encoding.take(encoding.shape, dy.dtype)
        np.matmul(
            grouped.transpose(1, 0, 2),
            self.parameters["weight"].transpose(0, 2, 1),
            out=d_encoding.transpose(1, 0, 2),
        )
        inside = (encoding > self._lowest) & (encoding < self._highest)
        np.multiply(d_encoding, inside, out=d_encoding)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        np.einsum("ndt,dt->nd", d_encoding, self._slope, out=dx.reshape(-1, self.n_in))
        straight = np.einsum("ndm,dm->nd", grouped, self.parameters["slope"])
        np.add(dx, straight.reshape(dx.shape), out=dx)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂α = Σ x · ∂L/∂e, and V and β as in a dense layer for each input."""
        rows, encoding = self._last
        grouped = dy.reshape(len(rows), self.n_in, self.width)
        _mix_gradients(encoding, grouped, self.gradients)
        np.matmul(rows.T[:, None, :], grouped.transpose(1, 0, 2), out=self.gradients["slope"][:, None, :])


def quantile_edges(x: Array, bins: int) -> list[Array]:
    """Edges for ``PiecewiseLinear`` that share the examples equally among the bins, as far as ties allow.

    Parameters
    ----------
    x
        The training examples, ``(n, d)``.
    bins
        Bins an input, at most: quantiles that fall on one value become one edge.

    Raises
    ------
    ValueError
        If an input has one value only.
    """
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, bins + 1))) for column in np.asarray(x).T]
    for place, line in enumerate(edges):
        if len(line) < 2:
            raise ValueError(f"input {place} has a single value, {line[0]}: there is nothing to embed")
    return edges


def _check(x: Array, n_in: int) -> None:
    if x.shape[-1] != n_in:
        raise ValueError(f"an embedding of {n_in} inputs was given an array of shape {x.shape}")


def _mix(features: Array, weight: Array, bias: Array, y: Array, *, training: bool) -> Array:
    """A dense layer for each input: features ``(…, n, d, f)``, weight ``(…, d, f, m)``, bias ``(…, d, m)`` → y."""
    grouped = y.reshape(*features.shape[:-1], bias.shape[-1])
    product = np.matmul if training else matmul_row_stable
    product(features.swapaxes(-3, -2), weight, out=grouped.swapaxes(-3, -2))
    np.add(grouped, bias[..., None, :, :], out=grouped)
    return y


def _mix_gradients(features: Array, dy: Array, gradients: Any) -> None:
    """∂L/∂V and ∂L/∂β of ``_mix``."""
    np.matmul(features.transpose(1, 2, 0), dy.transpose(1, 0, 2), out=gradients["weight"])
    np.sum(dy, axis=0, out=gradients["bias"])
