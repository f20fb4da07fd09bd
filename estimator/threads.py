"""Work side by side on as many cores as there are: nothing comes out otherwise than one after the other.

NumPy lets go of the interpreter while it computes, so that threads do. Knows nothing of what is computed.
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
    work: Callable[[Item], Result], items: Iterable[Item], give_up: Callable[[], None] | None = None
) -> list[Result]:
    """Return what comes of each item, in their order.

    A matrix product within takes one core: on those of this project two threads are slower than one, and other
    threads would be other last bits. Cores are those that the process may use, by affinity and by container.

    Parameters
    ----------
    give_up
        Called when nothing is to be returned: what `work` raises, or an interrupt, is raised here when the items
        that were begun are done, and long work may look whether it still has to be.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(joblib.cpu_count()) as pool:
        begun = [pool.submit(work, item) for item in items]
        try:
            for done in as_completed(begun):
                done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            if give_up is not None:
                give_up()
            raise
        return [done.result() for done in begun]


def parallel_imap(work: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
    """Give what comes of each item, in their order, while the next ones are at work; else as `parallel_map`.

    Items are taken as there is room for them: of any number of them, twice as many as there are cores are held.
    """
    cores = joblib.cpu_count()
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(cores) as pool:
        begun: deque[Future[Result]] = deque()
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) == 2 * cores:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            pool.shutdown(cancel_futures=True)
