"""The numbers a network learns: one flat vector, and the same numbers under their names.

An optimiser sees one long vector and updates it in a few passes; a layer sees the matrices and vectors it was
written with. Both look at the same memory. Knows nothing of what the numbers are for.
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
        The shape of each named array, in the order in which they lie in the vector.
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

    def spread(self, value: Callable[[str], float]) -> Array:
        """A vector as long as this one, with one value for all the numbers of a name.

        This is how learning-rate factors and decay masks are written.

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


def under(prefix: str, named: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays whose names start with ``prefix``, the prefix cut off."""
    return {name.removeprefix(prefix): array for name, array in named.items() if name.startswith(prefix)}
