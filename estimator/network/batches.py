"""Where mini-batches come from: arrays in memory, arrays larger than memory, or any iterator.

Knows nothing of networks. A source is anything with a length, the number of batches in an epoch, and a
method ``epoch(rng)`` that yields pairs ``(x, y)`` of shapes ``(b, d_in)`` and ``(b, d_out)`` in the
network's number type.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike

from estimator.network.arrays import Array, Buffer

Batch = tuple[Array, Array]
Augment = Callable[[Array, np.random.Generator], None]
"""Changes the examples of a batch, ``(b, d)``, in place before the network sees them."""


class Source(Protocol):
    """What ``train`` learns from."""

    def __len__(self) -> int:
        """How many batches an epoch has."""
        ...

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """The batches of one pass over the data. Each is valid until the next is asked for."""
        ...


class Batches:
    """Mini-batches of arrays in memory, in a new order each epoch.

    Parameters
    ----------
    x, y
        Examples ``(n, d_in)`` and targets ``(n, d_out)``, or ``(n,)`` for one output.
    size
        Rows in a batch; the last one of an epoch may be shorter.
    augment
        Called with each batch of examples and the generator; changes the batch in place. The batch is a
        copy: x stays.
    dtype
        The network's number type.

    Raises
    ------
    ValueError
        If there are no rows, or x and y differ in how many, or a batch is to have none.
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
        self.x, self.y = pair(x, y, dtype)
        self.size = _at_least_one(size, "rows in a batch")
        self.augment = augment
        self._rows = np.arange(len(self.x))
        self._order = self._rows.copy()
        self._x_batch = Buffer()
        self._y_batch = Buffer()

    def __len__(self) -> int:
        return math.ceil(len(self.x) / self.size)

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every row once, in random order."""
        np.copyto(self._order, self._rows)
        rng.shuffle(self._order)
        for start in range(0, len(self._order), self.size):
            rows = self._order[start : start + self.size]
            x = self._x_batch.take((len(rows), self.x.shape[1]), self.x.dtype)
            y = self._y_batch.take((len(rows), self.y.shape[1]), self.y.dtype)
            np.take(self.x, rows, axis=0, out=x, mode="clip")  # "raise", the default, would copy once more
            np.take(self.y, rows, axis=0, out=y, mode="clip")
            if self.augment is not None:
                self.augment(x, rng)
            yield x, y


class BlockBatches:
    """Mini-batches of arrays that do not fit in memory, such as memory maps.

    Reading single rows at random from a disk is slow. So blocks of neighbouring rows are read whole, in
    a new order each epoch, and the rows of a block are shuffled in memory. Where neighbours in the file
    are alike, shuffle the file once.

    Parameters
    ----------
    x, y
        As for ``Batches``; anything with a length that gives rows for a slice.
    size
        Rows in a batch.
    block
        Rows that are in memory at a time.
    augment, dtype
        As for ``Batches``.
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
            raise ValueError(f"examples and targets of as many rows are needed, not {len(x)} and {len(y)}")
        self.x, self.y = x, y
        self.size = _at_least_one(size, "rows in a batch")
        self.augment = augment
        self.dtype = dtype
        self._block = _at_least_one(block, "rows in memory")
        self._starts = np.arange(0, len(x), block)

    def __len__(self) -> int:
        rows = np.minimum(self._starts + self._block, len(self.x)) - self._starts
        return int(np.sum(-(-rows // self.size)))

    def epoch(self, rng: np.random.Generator) -> Iterator[Batch]:
        """Every row once; blocks, and rows within a block, in random order."""
        for start in rng.permutation(self._starts):
            rows = slice(start, start + self._block)
            yield from Batches(
                self.x[rows], self.y[rows], self.size, augment=self.augment, dtype=self.dtype
            ).epoch(rng)


class Stream:
    """Mini-batches from an iterator of the caller's: a database, a generator, files read one by one.

    Parameters
    ----------
    open_epoch
        Given the generator, returns an iterator over one epoch's batches ``(x, y)``.
    length
        How many batches that will be; schedules need to know.
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
        """The caller's batches in the network's number type."""
        for x, y in self.open_epoch(rng):
            yield pair(x, y, self.dtype)


def pair(x: ArrayLike, y: ArrayLike, dtype: type[np.floating[Any]]) -> Batch:
    """Examples ``(n, d_in)`` and targets ``(n, d_out)`` of one number type, from what the caller has."""
    examples = np.asarray(x, dtype)
    targets = np.asarray(y, dtype)
    targets = targets.reshape(-1, 1) if targets.ndim == 1 else targets
    if examples.ndim != 2 or targets.ndim != 2 or not len(examples) or len(examples) != len(targets):
        raise ValueError(
            f"examples (n, d) and targets (n, d) with n ≥ 1, not {examples.shape} and {targets.shape}"
        )
    return examples, targets


def _at_least_one(number: int, what: str) -> int:
    if number < 1:
        raise ValueError(f"there must be at least one of the {what}, not {number}")
    return number
