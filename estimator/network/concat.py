"""Layers side by side: each looks at its own columns, and what they make is joined."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Shape
from estimator.network.layer import Layer
from estimator.network.parameters import under


class Concat(Layer):
    """y = [f₁(x[a₁:b₁]), f₂(x[a₂:b₂]), …].

    So coordinates can have finer waves than other inputs, or an input go on both embedded and as it is.
    Columns may be seen by several layers, or by none.

    Parameters
    ----------
    branches
        ``(a, b, layer)``: the layer that sees the columns from a up to, not including, b.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, Σ of the layers' widths)``.

    Examples
    --------
    >>> coordinates = Periodic(2, frequencies=16, width=8, sigma=1.0)
    >>> first = Beside([(0, 2, coordinates), (0, 9, Identity())])
    """

    def __init__(self, branches: Sequence[Sequence[Any]]) -> None:
        super().__init__()
        self.branches: list[tuple[int, int, Layer]] = [(a, b, layer) for a, b, layer in branches]

    def shapes(self) -> dict[str, Shape]:
        """The layers' shapes, each name led by the layer's place: ``0.weight``."""
        return {
            f"{place}.{name}": shape
            for place, (_, _, layer) in enumerate(self.branches)
            for name, shape in layer.shapes().items()
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Each layer its own, from the first to the last."""
        for _, _, layer in self.branches:
            layer.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The branches."""
        return {"branches": [list(branch) for branch in self.branches]}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give each layer the arrays whose names its place leads."""
        super().bind(parameters, gradients)
        for place, (_, _, layer) in enumerate(self.branches):
            layer.bind(under(f"{place}.", parameters), under(f"{place}.", gradients))

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Each layer's output in its place."""
        self._x_shape = x.shape
        outputs = [layer.forward(x[..., a:b], rng) for a, b, layer in self.branches]
        self._ends = list(itertools.accumulate(y.shape[-1] for y in outputs))
        y = self._y.take((*outputs[0].shape[:-1], self._ends[-1]), x.dtype)
        return np.concatenate(outputs, axis=-1, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = Σ of the layers' gradients, each in the columns that the layer saw."""
        dx = self._dx.take(self._x_shape, dy.dtype)
        dx.fill(0)
        for (a, b, layer), part in zip(self.branches, self._parts(dy), strict=True):
            seen = dx[..., a:b]
            np.add(seen, layer.backward(part), out=seen)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """Each layer's own."""
        for (_, _, layer), part in zip(self.branches, self._parts(dy), strict=True):
            layer.backward_parameters(part)

    def _parts(self, dy: Array) -> list[Array]:
        """∂L/∂y of each layer's output."""
        return [dy[..., start:end] for start, end in zip([0, *self._ends], self._ends, strict=False)]
