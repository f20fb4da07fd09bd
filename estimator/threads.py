"""Work side by side on as many cores as there are: nothing comes out otherwise than one after the other.

NumPy lets go of the interpreter while it computes, so that threads do. Knows nothing of what is computed.
"""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import joblib
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def each(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Return what comes of each item, in their order.

    A matrix product within takes one core: on those of this project two threads are slower than one, and other
    threads would be other last bits. Cores are those that the process may use, by affinity and by container.
    What `work` raises is raised here, when the items begun before are done; no other is begun.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(joblib.cpu_count()) as pool:
        return list(pool.map(work, items))
