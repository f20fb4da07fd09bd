"""A Dask cluster: the connection to it, and trainings on its workers, through joblib's Dask backend.

Needs the optional packages of the group `dask`. Knows nothing of what is trained.
"""

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import joblib
from threadpoolctl import threadpool_limits

from estimator.errors import DataError, LostProcessError

Shared = TypeVar("Shared")
Result = TypeVar("Result")

_CONNECT_SECONDS = 10
"""How long a scheduler may take to answer: Dask's own 30 s are long if the address is wrong."""
_CLIENT: ContextVar[Any] = ContextVar("client", default=None)
"""The connection of `trainings_on`. Workers have none, so what they train is not distributed again."""


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """Connect to the scheduler of a cluster; give Dask's client.

    Raises
    ------
    DataError
        Dask is not installed, or no scheduler answers at the address.
    LostProcessError
        The scheduler ended during the work inside, or several workers did with the same part of it.
    """
    try:
        import distributed  # noqa: PLC0415
        from distributed.comm import CommClosedError  # noqa: PLC0415
        from distributed.scheduler import KilledWorker  # noqa: PLC0415
    except ImportError as error:
        raise DataError(
            "a cluster needs Dask, which is not installed: run `pip install 'house-price-estimator[dask]'`, here"
            " and on every machine of the cluster"
        ) from error
    try:
        client = distributed.Client(address, timeout=_CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise DataError(f"{address}: no Dask scheduler answers here ({error})") from error
    with client:
        try:
            yield client
        except (CommClosedError, KilledWorker, CancelledError) as error:
            raise LostProcessError(
                f"{address}: the cluster, or workers one after the other, ended during the work, perhaps because"
                f" memory was short; see the logs of the scheduler and the workers ({error})"
            ) from error


@contextmanager
def trainings_on(address: str | None) -> Iterator[None]:
    """Let the workers of a cluster train inside; all is trained on this machine if there is no address.

    Raises
    ------
    DataError
        As `connect`, or the cluster has no workers.
    """
    if address is None:
        yield
        return
    with connect(address) as client:
        if not client.ncores():
            raise DataError(f"{address}: the cluster has no workers; start some with `dask worker {address}`")
        before = _CLIENT.set(client)
        try:
            yield
        finally:
            _CLIENT.reset(before)


def trains_on_cluster() -> bool:
    """Return whether there are workers that train; see `trainings_on`."""
    return _CLIENT.get() is not None


def on_workers(
    function: Callable[..., Result], shared: Shared, items: Iterable[tuple[Any, ...]], *, in_order: bool = True
) -> Generator[Result, None, None]:
    """Yield `function(shared, *item)` of each item, computed by the workers; they begin at once.

    Parameters
    ----------
    shared
        Sent to each worker once.
    items
        Taken while there is a free worker or soon will be.
    in_order
        Whether results come in the items' order; otherwise as they are done.
    """
    return_as = "generator" if in_order else "generator_unordered"
    with joblib.parallel_config("dask", client=_CLIENT.get(), scatter=[shared]):
        parallel = joblib.Parallel(return_as=return_as, batch_size=1, pre_dispatch="n_jobs")
        results: Generator[Result, None, None] = parallel(
            joblib.delayed(_with_one_blas_thread)(shared, function, *item) for item in items
        )
    return results


def _with_one_blas_thread(shared: Shared, function: Callable[..., Result], *item: Any) -> Result:
    """Compute a result on a worker."""
    # More BLAS threads would change the last bits. Not taken back: another thread of the worker may be computing.
    threadpool_limits(1, user_api="blas")
    return function(shared, *item)
