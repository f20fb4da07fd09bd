"""Computes many homes in chunks on a few shared threads, and asks between chunks whether to go on.

The homes of a request do not depend on each other, so the answer is that of one computation, to the last bit.
Knows nothing of requests.
"""

from collections.abc import Callable, Iterator
from typing import TypeVar

from estimator.appraiser import Appraiser
from estimator.market.arrays import DateArray
from estimator.market.facts import Facts
from estimator.threads import SharedThreads
from estimator.valuations import Valuations

T = TypeVar("T")
Check = Callable[[], None]
"""Raises an error if a computation should not go on."""

SMALL_HOMES = 16
"""Homes that are valued on the request's own thread, to save a change of threads. The memory that a thread keeps
for so few is below 2 MB."""
CHUNK_HOMES = 500
"""Homes valued between two checks: 0.1 seconds of a core, and close to the networks' batch of 512."""

_THREADS = SharedThreads()


def compute_in_chunks(
    compute: Callable[[slice], T], n: int, check: Check, *, valuations_per_home: int = 1
) -> list[T]:
    """Return the results of all chunks of n homes, in order.

    Parameters
    ----------
    compute
        Rows of a chunk → its result.
    check
        Called before each chunk.
    valuations_per_home
        Homes that must be valued for each of the n homes, at most.
    """
    if n * valuations_per_home <= SMALL_HOMES:
        check()
        return [compute(slice(0, n))]
    return _THREADS.map(compute, _chunks(n, max(1, CHUNK_HOMES // valuations_per_home)), check)


def value_in_chunks(
    appraiser: Appraiser,
    facts: Facts,
    dates: DateArray,
    confidence: float,
    check: Check,
    price_above: float | None = None,
) -> Valuations:
    """Value n homes as `Appraiser.value` does, in chunks."""
    return Valuations.joined(
        compute_in_chunks(
            lambda rows: appraiser.value(facts.take(rows), dates[rows], confidence, price_above=price_above),
            len(facts),
            check,
        )
    )


def _chunks(n: int, size: int) -> Iterator[slice]:
    for start in range(0, n, size):
        yield slice(start, min(start + size, n))
