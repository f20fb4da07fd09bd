"""The dense (fully connected) layer: each output is a weighted sum of all inputs plus a bias."""

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape
from estimator.network.initialisers import Initialiser, he_normal, zeros
from estimator.network.layer import Inference, Layer
from estimator.network.row_stable import matmul_row_stable, whole_blocks


class Dense(Layer):
    """y = xW + b for all examples in one matrix product.

    Parameters
    ----------
    n_in, n_out
        Numbers of inputs and outputs per example.
    weight, bias
        Initialisers of W ``(n_in, n_out)`` and b ``(n_out,)``; None for no bias.

    Notes
    -----
    Shapes: x ``(…, n_in)`` → y ``(…, n_out)``. The layer treats all leading axes as examples: the members of an
    ensemble share its weights, and their rows form one product ``(k·n, n_in) @ (n_in, n_out)``.

    Examples
    --------
    >>> network = Network([Dense(4, 8), ReLU(), Dense(8, 1)], rng=np.random.default_rng(0))
    """

    backward_ignores_output = True

    def __init__(
        self, n_in: int, n_out: int, weight: Initialiser = he_normal, bias: Initialiser | None = zeros
    ) -> None:
        super().__init__()
        self.n_in = n_in
        self.n_out = n_out
        self._initial_weight = weight
        self._initial_bias = bias
        self._ones = Buffer()

    def shapes(self) -> dict[str, Shape]:
        """W and b."""
        shapes: dict[str, Shape] = {"weight": (self.n_in, self.n_out)}
        return shapes if self._initial_bias is None else {**shapes, "bias": (self.n_out,)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw W and b with their initialisers."""
        self.parameters["weight"][:] = self._initial_weight(rng, (self.n_in, self.n_out))
        if self._initial_bias is not None:
            self.parameters["bias"][:] = self._initial_bias(rng, (1, self.n_out))[0]

    def settings(self) -> dict[str, Any]:
        """The layer's size, without the initialisers: they are not needed once the layer has its values."""
        shape: dict[str, Any] = {"n_in": self.n_in, "n_out": self.n_out}
        return shape if self._initial_bias is not None else {**shape, "bias": None}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Y = XW + b. In prediction, no row's result depends on the other rows, not even in the last bit."""
        self._check(x)
        weight = self.parameters["weight"]
        y = self._y.take((*x.shape[:-1], self.n_out), x.dtype)
        stack = weight.shape[:-2]
        rows, out = x.reshape(*stack, -1, self.n_in), y.reshape(*stack, -1, self.n_out)
        product = matmul_row_stable if rng is None else np.matmul
        product(rows, weight, out=out)
        if "bias" in self.parameters:
            np.add(out, self.parameters["bias"][..., None, :], out=out)
        self._x = rows
        return y

    def inference(self) -> Inference:
        """Return Y = XW + b as a function."""
        weight, bias = self.parameters["weight"], self.parameters.get("bias")

        def infer(x: Array) -> Array:
            self._check(x)
            rows = whole_blocks(x.reshape(-1, self.n_in))  # filled up once, for this layer and those that follow
            y = np.empty((len(rows), self.n_out), x.dtype)
            matmul_row_stable(rows, weight, out=y)
            if bias is not None:
                y += bias
            return y if x.ndim == 2 else y[: x.size // self.n_in].reshape(*x.shape[:-1], self.n_out)

        return infer

    def _check(self, x: Array) -> None:
        if x.shape[-1] != self.n_in:
            raise ValueError(f"a dense layer with {self.n_in} inputs cannot take an array of shape {x.shape}")

    def backward(self, dy: Array) -> Array:
        """∂L/∂X = ∂L/∂Y · Wᵀ.

        From yⱼ = Σᵢ xᵢWᵢⱼ + bⱼ follows ∂yⱼ/∂xᵢ = Wᵢⱼ, and the chain rule sums over j.
        """
        self.backward_parameters(dy)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        product = (
            np.multiply if self.n_out == 1 else np.matmul
        )  # for an outer product multiply is faster than BLAS
        product(dy.reshape(-1, self.n_out), self.parameters["weight"].T, out=dx.reshape(-1, self.n_in))
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂W = Xᵀ · ∂L/∂Y and ∂L/∂b = Σ ∂L/∂Y over the rows.

        ∂yⱼ/∂Wᵢⱼ = xᵢ and ∂yⱼ/∂bⱼ = 1 for each example; the sum over the examples is the matrix product.
        """
        rows = dy.reshape(-1, self.n_out)
        np.matmul(self._x.T, rows, out=self.gradients["weight"])
        if "bias" in self.parameters:
            ones = self._ones.take((len(rows),), dy.dtype)
            ones.fill(1)
            np.matmul(ones, rows, out=self.gradients["bias"])  # sums the columns faster than np.sum
