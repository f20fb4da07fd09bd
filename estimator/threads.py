"""Run work in parallel threads; results are identical to a serial run.

NumPy releases the interpreter lock while it computes, so threads use all cores. Knows nothing of what is computed.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from typing import TypeVar

import joblib
from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], on_error: Callable[[], None] | None = None
) -> list[Result]:
    """Return `function(item)` for each item, in the items' order; results are identical to a serial run.

    Uses the cores that the process may use, by affinity and by container. A matrix product inside `function` uses
    one core: more BLAS threads were slower here, and would change the last bits of a result.

    Parameters
    ----------
    on_error
        Called when `function` raises, or on an interrupt. The error is raised here once the calls that have
        started are done; `on_error` can set a flag that makes long calls stop early.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(joblib.cpu_count()) as pool:
        futures = [pool.submit(function, item) for item in items]
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            if on_error is not None:
                on_error()
            raise
        return [future.result() for future in futures]


def parallel_imap(
    function: Callable[[Item], Result], items: Iterable[Item], cores: int | None = None
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in the items' order, while later items are computed.

    As `parallel_map`, but lazy: at most twice as many items as there are cores are held at a time, however many
    there are in all.

    Parameters
    ----------
    cores
        Threads to use; None for as many as there are cores.
    """
    cores = cores or joblib.cpu_count()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        try:
            yield from imap_in(pool, function, items, 2 * cores)
        finally:
            pool.shutdown(cancel_futures=True)


class SharedThreads:
    """As many threads as there are cores, shared by all callers; what callers ask for takes turns.

    Each thread that computes keeps memory for its next batch (`estimator.network.arrays.Buffer`). A server whose
    request threads computed themselves would keep that memory once for each of them.
    """

    def __init__(self) -> None:
        self._n = joblib.cpu_count()
        self._pool = ThreadPoolExecutor(self._n, "compute")

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], check: Callable[[], None] = lambda: None
    ) -> list[Result]:
        """Return `function(item)` for each item, in the items' order; results are identical to a serial run.

        Parameters
        ----------
        check
            Called before each item. It ends the work by raising; what it raises is raised here.
        """

        def checked(item: Item) -> Result:
            check()
            return function(item)

        # No caller has more items in the queue than there are threads: small requests get their turn soon.
        return list(imap_in(self._pool, checked, items, self._n))


def imap_in(
    pool: Executor, function: Callable[[Item], Result], items: Iterable[Item], n_ahead: int
) -> Generator[Result, None, None]:
    """Yield `function(item)` in order; at most `n_ahead` items are computed, wait or are held at a time."""
    futures: deque[Future[Result]] = deque()
    try:
        for item in items:
            futures.append(pool.submit(function, item))
            if len(futures) == n_ahead:
                yield futures.popleft().result()
        while futures:
            yield futures.popleft().result()
    finally:
        for future in futures:
            future.cancel()
