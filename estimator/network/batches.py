"""Sources of mini-batches: arrays in memory, arrays larger than memory, or any iterator.

A source has a length, which is the number of batches per epoch, and a method ``epoch(rng)`` that yields pairs
``(x, y)`` of shapes ``(b, d_in)`` and ``(b, d_out)`` in the network's number type.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from estimator.network.arrays import Array, Buffer

Batch = tuple[Array, Array]
Augment = Callable[[Array, np.random.Generator], None]
"""Changes the examples of a batch ``(b, d)`` in place, before the network is trained on them."""


class Source(Protocol):
    """A source of mini-batches for ``train``."""

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        ...

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the batches of one pass over the data. A batch is valid until the next one is yielded."""
        ...


class Batches:
    """Mini-batches of arrays in memory, shuffled in each epoch.

    Parameters
    ----------
    x, y
        Examples ``(n, d_in)`` and targets ``(n, d_out)``, or ``(n,)`` for one output.
    size
        Rows per batch; the last batch of an epoch may be smaller.
    augment
        Called with each batch of examples and the generator; changes the batch in place. The batch is a copy, so x
        does not change.
    dtype
        The network's number type.

    Raises
    ------
    ValueError
        If there are no rows, x and y differ in length, or the size is below 1.
    """

    def __init__(
        self,
        x: ArrayLike,
        y: ArrayLike,
        size: int = 256,
        *,
        augment: Augment | None = None,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.x, self.y = as_batch(x, y, dtype)
        self.size = _at_least_one(size, "size")
        self.augment = augment
        self._rows = np.arange(len(self.x))
        self._order = self._rows.copy()
        self._x_batch = Buffer()
        self._y_batch = Buffer()

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every row once, in random order."""
        np.copyto(self._order, self._rows)
        rng.shuffle(self._order)
        for start in range(0, len(self._order), self.size):
            rows = self._order[start : start + self.size]
            x = self._x_batch.take((len(rows), self.x.shape[1]), self.x.dtype)
            y = self._y_batch.take((len(rows), self.y.shape[1]), self.y.dtype)
            np.take(self.x, rows, axis=0, out=x, mode="clip")  # the default, "raise", would copy once more
            np.take(self.y, rows, axis=0, out=y, mode="clip")
            if self.augment is not None:
                self.augment(x, rng)
            yield x, y


class BlockBatches:
    """Mini-batches of arrays that do not fit in memory, such as memory maps.

    Reading single rows in random order from a disk is slow. Blocks of consecutive rows are therefore read in a
    random order, and the rows within a block are shuffled in memory. If consecutive rows of the file are similar,
    shuffle the file once beforehand.

    Parameters
    ----------
    x, y
        As for ``Batches``; any objects that have a length and return rows for a slice.
    size
        Rows per batch.
    block
        Rows that are read into memory at a time.
    augment, dtype
        As for ``Batches``.

    Raises
    ------
    ValueError
        If there are no rows, x and y differ in length, or the size or the block is below 1.
    """

    def __init__(
        self,
        x: Array,
        y: Array,
        size: int = 256,
        *,
        block: int = 1 << 18,
        augment: Augment | None = None,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        if not len(x) or len(x) != len(y):
            raise ValueError(f"x and y must have the same number of rows, at least 1, not {len(x)} and {len(y)}")
        self.x, self.y = x, y
        self.size = _at_least_one(size, "size")
        self.augment = augment
        self.dtype = dtype
        self._block = _at_least_one(block, "block")
        self._starts = np.arange(0, len(x), block)

    def __len__(self) -> int:
        rows = np.minimum(self._starts + self._block, len(self.x)) - self._starts
        return int(np.sum(-(-rows // self.size)))

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield every row once, with the blocks and the rows within a block in random order."""
        for start in rng.permutation(self._starts):
            rows = slice(start, start + self._block)
            yield from Batches(
                self.x[rows], self.y[rows], self.size, augment=self.augment, dtype=self.dtype
            ).epoch(rng)


class Stream:
    """Mini-batches from the caller's iterator, for example from a database or from files read one by one.

    Parameters
    ----------
    open_epoch
        Called with the random generator; returns an iterator over one epoch's batches ``(x, y)``.
    length
        The number of batches per epoch, which schedules need.
    dtype
        The network's number type.
    """

    def __init__(
        self,
        open_epoch: Callable[[np.random.Generator], Iterator[tuple[ArrayLike, ArrayLike]]],
        length: int,
        *,
        dtype: type[np.floating[Any]] = np.float32,
    ) -> None:
        self.open_epoch = open_epoch
        self.length = length
        self.dtype = dtype

    def __len__(self) -> int:
        return self.length

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Yield the caller's batches, converted to the network's number type."""
        for x, y in self.open_epoch(rng):
            yield as_batch(x, y, self.dtype)


def as_batch(x: ArrayLike, y: ArrayLike, dtype: type[np.floating[Any]]) -> Batch:
    """Return examples ``(n, d_in)`` and targets ``(n, d_out)`` with this dtype; a y ``(n,)`` becomes ``(n, 1)``.

    Raises
    ------
    ValueError
        If the shapes are not of this form, or there are no rows.
    """
    examples = np.asarray(x, dtype)
    targets = np.asarray(y, dtype)
    targets = targets.reshape(-1, 1) if targets.ndim == 1 else targets
    if examples.ndim != 2 or targets.ndim != 2 or not len(examples) or len(examples) != len(targets):
        raise ValueError(
            "examples and targets must have the shapes (n, d_in) and (n, d_out) with n ≥ 1, "
            f"not {examples.shape} and {targets.shape}"
        )
    return examples, targets


def _at_least_one(value: int, name: str) -> int:
    """Return the value, or raise a ValueError if it is below 1."""
    if value < 1:
        raise ValueError(f"{name} must be at least 1, not {value}")
    return value
