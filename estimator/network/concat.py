"""Several layers on slices of the columns, with their outputs concatenated."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Shape
from estimator.network.layer import Inference, Layer
from estimator.network.parameters import with_prefix


class Concat(Layer):
    """y = [f₁(x[a₁:b₁]), f₂(x[a₂:b₂]), …].

    For example, coordinates can get finer periodic embeddings than other inputs, or an input can be passed on both
    embedded and unchanged. A column may be used by several layers, or by none.

    Parameters
    ----------
    branches
        ``(a, b, layer)`` for each layer: its input is the columns a up to, not including, b.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, Σ of the layers' output widths)``.

    Examples
    --------
    >>> coordinates = Periodic(2, frequencies=16, width=8, sigma=1.0)
    >>> first = Concat([(0, 2, coordinates), (0, 9, Identity())])
    """

    def __init__(self, branches: Sequence[Sequence[Any]]) -> None:
        super().__init__()
        self.branches: list[tuple[int, int, Layer]] = [(a, b, layer) for a, b, layer in branches]

    def shapes(self) -> dict[str, Shape]:
        """The layers' shapes, each name prefixed by the layer's index: ``0.weight``."""
        return {
            f"{index}.{name}": shape
            for index, (_, _, layer) in enumerate(self.branches)
            for name, shape in layer.shapes().items()
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Initialise the layers, first to last."""
        for _, _, layer in self.branches:
            layer.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The branches."""
        return {"branches": [list(branch) for branch in self.branches]}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give each layer the arrays whose names its index prefixes."""
        super().bind(parameters, gradients)
        for index, (_, _, layer) in enumerate(self.branches):
            layer.bind(with_prefix(f"{index}.", parameters), with_prefix(f"{index}.", gradients))

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Concatenate the layers' outputs."""
        self._x_shape = x.shape
        outputs = [layer.forward(x[..., a:b], rng) for a, b, layer in self.branches]
        self._widths = [y.shape[-1] for y in outputs]
        y = self._y.take((*outputs[0].shape[:-1], sum(self._widths)), x.dtype)
        return np.concatenate(outputs, axis=-1, out=y)

    def inference(self) -> Inference:
        """Return the concatenation of the layers' outputs as a function."""
        branches = [(a, b, layer.inference()) for a, b, layer in self.branches]

        def infer(x: Array) -> Array:
            n = x.shape[-2]
            return np.concatenate([function(x[..., a:b])[..., :n, :] for a, b, function in branches], axis=-1)

        return infer

    def backward(self, dy: Array) -> Array:
        """∂L/∂x: the sum of the layers' gradients, each added to the layer's input columns."""
        dx = self._dx.take(self._x_shape, dy.dtype)
        dx.fill(0)
        for (a, b, layer), layer_dy in zip(self.branches, self._split(dy), strict=True):
            columns = dx[..., a:b]
            np.add(columns, layer.backward(layer_dy), out=columns)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Compute each layer's ∂L/∂θ."""
        for (_, _, layer), layer_dy in zip(self.branches, self._split(dy), strict=True):
            layer.backward_parameters(layer_dy)

    def _split(self, dy: Array) -> list[Array]:
        """Split ∂L/∂y into one view for each layer's output."""
        ends = itertools.accumulate(self._widths)
        return [dy[..., end - width : end] for width, end in zip(self._widths, ends, strict=True)]
