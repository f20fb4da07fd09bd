"""Run work in parallel threads; results are identical to a serial run.

NumPy releases the interpreter lock while it computes, so threads use all cores. Knows nothing of what is computed.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
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


def parallel_imap(function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item, in the items' order, while later items are computed.

    As `parallel_map`, but lazy: at most twice as many items as there are cores are held at a time, however many
    there are in all.
    """
    cores = joblib.cpu_count()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        futures: deque[Future[Result]] = deque()
        try:
            for item in items:
                futures.append(pool.submit(function, item))
                if len(futures) == 2 * cores:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
