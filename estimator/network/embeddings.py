"""Embeddings of numeric inputs: each input becomes several numbers before the first dense layer.

A dense layer mixes all inputs before the first nonlinearity, so it is slow to learn a function that changes
quickly along one input, such as price by latitude. An embedding lets the network learn such a function of a single
input.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape
from estimator.network.initialisers import lecun_normal
from estimator.network.layer import Inference, Layer
from estimator.network.row_stable import matmul_row_stable


class Periodic(Layer):
    """Periodic embedding: eᵢ = [cos 2πcᵢxᵢ, sin 2πcᵢxᵢ] Vᵢ + βᵢ for each input xᵢ, with trained frequencies c.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 3, with the linear layer of their PLR
    embedding; for its R, put a ``ReLU`` after this layer.

    Parameters
    ----------
    n_in
        Number of inputs, d.
    frequencies
        Number of frequencies per input, f.
    width
        Size of each input's embedding, m.
    sigma
        The frequencies are initialised from N(0, σ²), in cycles per unit of the input. A larger σ resolves finer
        detail. A single σ, or one for each input.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d·m)``, grouped by input. c ``(d, f)``, V ``(d, 2f, m)``, β ``(d, m)``.
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
        """The shapes of c, V and β."""
        return {
            "frequency": (self.n_in, self.frequencies),
            "weight": (self.n_in, 2 * self.frequencies, self.width),
            "bias": (self.n_in, self.width),
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw c from N(0, σ²) and V with ``lecun_normal`` (the paper's code draws V uniformly); β = 0."""
        sigma = np.broadcast_to(self.sigma, (self.n_in,))
        self.parameters["frequency"][:] = rng.normal(0.0, sigma[:, None], (self.n_in, self.frequencies))
        for weight in self.parameters["weight"]:
            weight[:] = lecun_normal(rng, weight.shape)
        self.parameters["bias"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The layer's sizes and σ."""
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
        return _dense_per_input(
            waves, self.parameters["weight"], self.parameters["bias"], y, training=rng is not None
        )

    def inference(self) -> Inference:
        """Return eᵢ = [cos 2πcᵢxᵢ, sin 2πcᵢxᵢ] Vᵢ + βᵢ as a function."""
        frequency = self.parameters["frequency"] * (2 * np.pi)
        weight, bias = self.parameters["weight"], self.parameters["bias"]

        def infer(x: Array) -> Array:
            _check(x, self.n_in)
            angles = x[..., None] * frequency
            waves = np.concatenate((np.cos(angles), np.sin(angles)), axis=-1)
            y = np.empty((*x.shape[:-1], self.n_in * self.width), x.dtype)
            return _dense_per_input(waves, weight, bias, y, training=False)

        return infer

    def backward(self, dy: Array) -> Array:
        """∂L/∂xᵢ = Σ_f 2πcᵢf · ∂L/∂aᵢf for the angles a = 2πcx."""
        angles = self._backward_to_angles(dy)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        np.einsum("ndf,df->nd", angles, self.parameters["frequency"], out=dx.reshape(-1, self.n_in))
        return np.multiply(dx, 2 * np.pi, out=dx)

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂c = 2π Σ x · ∂L/∂a. The gradients of V and β are those of one dense layer per input."""
        self._backward_to_angles(dy)

    def _backward_to_angles(self, dy: Array) -> Array:
        """Return ∂L/∂a = cos a · ∂L/∂sin a − sin a · ∂L/∂cos a, and compute all ∂L/∂θ; overwrites the angles."""
        rows, waves = self._last
        grouped = dy.reshape(len(rows), self.n_in, self.width)
        _dense_per_input_gradients(waves, grouped, self.gradients)
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
    """Piecewise-linear embedding: eᵢ = αᵢxᵢ + βᵢ + PLE(xᵢ)Vᵢ for each input xᵢ, with fixed bin edges.

    PLE(x)ₜ = (x − bₜ₋₁)/(bₜ − bₜ₋₁) clipped to [0, 1] for the bins t = 1 … T. The first bin is not clipped below
    and the last one not above (Gorishniy et al. 2022, "On Embeddings for Numerical Features", eq. 1). V is
    initialised to 0, so that each embedding starts as a straight line.

    Parameters
    ----------
    edges
        The bin edges b₀ < b₁ < … < b_T of each input; T may differ. See ``quantile_edges``.
    width
        Size of each input's embedding, m.

    Raises
    ------
    ValueError
        If an input has fewer than two edges, or its edges do not increase.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d·m)``, grouped by input. α, β ``(d, m)``, V ``(d, T, m)`` with the T of the
    input that has the most bins.
    """

    def __init__(self, edges: Sequence[Array], width: int) -> None:
        super().__init__()
        for index, input_edges in enumerate(edges):
            if len(input_edges) < 2 or not np.all(np.diff(input_edges) > 0):
                raise ValueError(
                    f"input {index} needs at least two bin edges in increasing order, not {input_edges}"
                )
        self.edges = [np.asarray(input_edges, np.float64) for input_edges in edges]
        self.n_in = len(edges)
        self.width = width
        self.bins = max(len(input_edges) for input_edges in edges) - 1
        self._encoding = Buffer()
        self._d_encoding = Buffer()
        self._linear = Buffer()

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Also convert the encoding's constants to the parameters' dtype."""
        super().bind(parameters, gradients)
        self._slope, self._shift, self._lowest, self._highest = self.encoding_constants(parameters["weight"].dtype)

    def encoding_constants(self, dtype: np.dtype[Any]) -> Array:
        """Slope, shift, lower and upper bound of PLE in each bin, ``(4, d, T)``; 0 for bins an input lacks."""
        lines = np.zeros((4, self.n_in, self.bins))
        for (slope, shift, lowest, highest), edges in zip(lines.transpose(1, 0, 2), self.edges, strict=True):
            bins = len(edges) - 1
            slope[:bins] = 1 / np.diff(edges)
            shift[:bins] = -edges[:-1] / np.diff(edges)
            highest[:bins] = 1
            lowest[0], highest[bins - 1] = -np.inf, np.inf
        return lines.astype(dtype)

    def shapes(self) -> dict[str, Shape]:
        """The shapes of α, V and β."""
        return {
            "slope": (self.n_in, self.width),
            "weight": (self.n_in, self.bins, self.width),
            "bias": (self.n_in, self.width),
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw α and β uniformly from ±1 (±1/√n_in for one input); V = 0."""
        for name in ("slope", "bias"):
            self.parameters[name][:] = rng.uniform(-1, 1, (self.n_in, self.width))
        self.parameters["weight"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The bin edges and the width."""
        return {"edges": self.edges, "width": self.width}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """eᵢ = αᵢxᵢ + βᵢ + PLE(xᵢ)Vᵢ, where PLE is an affine map followed by a clip."""
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
        weight, bias = self.parameters["weight"], self.parameters["bias"]
        _dense_per_input(encoding, weight, bias, y, training=rng is not None)
        linear = self._linear.take((*rows.shape, self.width), x.dtype)
        np.multiply(rows[..., None], slope, out=linear)
        return np.add(y, linear.reshape(y.shape), out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xᵢ = Σ_m αᵢm · ∂L/∂eᵢm + Σₜ (slope of bin t if x lies in it, else 0) · ∂L/∂PLEₜ."""
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
        linear = np.einsum("ndm,dm->nd", grouped, self.parameters["slope"])
        np.add(dx, linear.reshape(dx.shape), out=dx)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂α = Σ x · ∂L/∂e. The gradients of V and β are those of one dense layer per input."""
        rows, encoding = self._last
        grouped = dy.reshape(len(rows), self.n_in, self.width)
        _dense_per_input_gradients(encoding, grouped, self.gradients)
        np.matmul(rows.T[:, None, :], grouped.transpose(1, 0, 2), out=self.gradients["slope"][:, None, :])


def quantile_edges(x: Array, bins: int) -> list[Array]:
    """Bin edges for ``PiecewiseLinear`` at the quantiles, so that all bins contain equally many examples.

    Parameters
    ----------
    x
        The training examples, ``(n, d)``.
    bins
        Maximum number of bins per input. Equal quantiles (ties) are merged, which leaves fewer bins.

    Returns
    -------
    list
        The increasing edges of each input, at most ``bins + 1``.

    Raises
    ------
    ValueError
        If an input has a single value.
    """
    edges = [np.unique(np.quantile(column, np.linspace(0, 1, bins + 1))) for column in np.asarray(x).T]
    for index, input_edges in enumerate(edges):
        if len(input_edges) < 2:
            raise ValueError(
                f"input {index} has a single value, {input_edges[0]}; leave out inputs that are constant"
            )
    return edges


def _check(x: Array, n_in: int) -> None:
    """Raise a ValueError if x does not have ``n_in`` columns."""
    if x.shape[-1] != n_in:
        raise ValueError(f"an embedding with {n_in} inputs cannot take an array of shape {x.shape}")


def _dense_per_input(features: Array, weight: Array, bias: Array, y: Array, *, training: bool) -> Array:
    """Apply one dense layer per input and write the result into y.

    Shapes: features ``(…, n, d, f)``, weight ``(…, d, f, m)``, bias ``(…, d, m)``, y ``(…, n, d·m)``.
    """
    grouped = y.reshape(*features.shape[:-1], bias.shape[-1])
    product = np.matmul if training else matmul_row_stable
    product(features.swapaxes(-3, -2), weight, out=grouped.swapaxes(-3, -2))
    np.add(grouped, bias[..., None, :, :], out=grouped)
    return y


def _dense_per_input_gradients(features: Array, dy: Array, gradients: Any) -> None:
    """Write ∂L/∂weight and ∂L/∂bias of ``_dense_per_input`` into ``gradients``."""
    np.matmul(features.transpose(1, 2, 0), dy.transpose(1, 0, 2), out=gradients["weight"])
    np.sum(dy, axis=0, out=gradients["bias"])
