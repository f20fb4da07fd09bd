"""A network's parameters: one flat vector, and named views of it.

An optimiser updates the whole vector in a few passes; a layer uses its own matrices and vectors. Both share the
same memory.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from estimator.network.arrays import Array, Shape


class Parameters(Mapping[str, Array]):
    """Named views of one contiguous vector.

    Parameters
    ----------
    shapes
        The shape of each named array, in their order in the vector.
    dtype
        The number type of the vector.

    Examples
    --------
    >>> parameters = Parameters({"weight": (2, 3), "bias": (3,)}, np.float32)
    >>> parameters["bias"][:] = 1
    >>> parameters.vector
    array([0., 0., 0., 0., 0., 0., 1., 1., 1.], dtype=float32)
    """

    def __init__(self, shapes: Mapping[str, Shape], dtype: np.dtype[Any] | type) -> None:
        sizes = [int(np.prod(shape)) for shape in shapes.values()]
        self.vector: Array = np.zeros(sum(sizes), dtype)
        ends = np.cumsum(sizes)
        self._views = {
            name: self.vector[end - size : end].reshape(shape)
            for (name, shape), size, end in zip(shapes.items(), sizes, ends, strict=True)
        }

    def __getitem__(self, name: str) -> Array:
        return self._views[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def broadcast(self, value: Callable[[str], float]) -> Array:
        """Return a vector of the same length in which all numbers of an array have the value for its name.

        Used for learning-rate factors and decay masks.

        Examples
        --------
        >>> parameters = Parameters({"weight": (1, 2), "bias": (2,)}, np.float32)
        >>> parameters.spread(lambda name: 0.0 if name == "bias" else 1.0)
        array([1., 1., 0., 0.], dtype=float32)
        """
        return np.concatenate(
            [np.full(view.size, value(name), self.vector.dtype) for name, view in self.items()]
            or [np.empty(0, self.vector.dtype)]
        )


def with_prefix(prefix: str, named: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays whose names start with ``prefix``, with the prefix removed from the names."""
    return {name.removeprefix(prefix): array for name, array in named.items() if name.startswith(prefix)}
