"""Processes that value pieces of files, or whole files, side by side.

Threads take turns at Python's interpreter lock, so that a third or a fourth gains little. Processes are
forked: they share the memory of the model, which is loaded once, and start in some milliseconds. See
benchmarks/DECISIONS.md, "A process for each core".
"""

import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TypeVar

import joblib
import pyarrow as pa
from threadpoolctl import threadpool_limits

from estimator.bulk.model import ModelSource, load_model
from estimator.bulk.row_count import expected_rows
from estimator.errors import LostProcessError
from estimator.market.homes_file import PIECE_ROWS
from estimator.threads import imap_in

Item = TypeVar("Item")
Result = TypeVar("Result")

_FEW_ROWS = 2 * PIECE_ROWS
"""Threads value this many homes as fast as processes, because processes take as long to start."""

_SHORT_ROW_BYTES = 20
"""Bytes that a home takes at least in a compressed text file."""


class Workers:
    """Processes that have loaded a model.

    Parameters
    ----------
    pool
        The processes.
    n
        Their number.
    source
        The model.
    """

    def __init__(self, pool: Executor, n: int, source: ModelSource) -> None:
        self._pool, self._n = pool, n
        self.source = source

    def imap(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield `function(item)` for each item, as `parallel_imap` does; both are sent to a process and back.

        Raises
        ------
        LostProcessError
            A process ended before its work.
        """
        try:
            yield from imap_in(self._pool, function, items, 2 * self._n)
        except BrokenProcessPool as error:
            raise LostProcessError(
                "a process that values homes was killed, perhaps by the system because memory was short; start the"
                " command again, and it continues where it stopped"
            ) from error


@contextmanager
def forked_workers(source: ModelSource, files: Sequence[Path]) -> Iterator[Workers | None]:
    """Start a process for each core; give None for few homes, for one core, and where a fork is not safe.

    A fork copies only one thread of this process, so a lock that another thread holds is never released. Python's
    threads are counted. Arrow, which reads files, must not have started its threads. OpenBLAS and jemalloc prepare
    for forks themselves.

    If an error or an interrupt ends the work inside, the processes end at once. A whole file would take minutes,
    and with a second interrupt the program would wait for a process that waits for it.
    """
    n = joblib.cpu_count()
    if n == 1 or sys.platform != "linux" or threading.active_count() > 1 or _are_few(files):
        yield None
        return
    load_model(source)
    pa.scalar("")  # Arrow imports pandas for its first value: once here, not in each process
    stopped, stop = multiprocessing.Pipe(duplex=False)
    with threadpool_limits(1, user_api="blas"), stopped, stop:
        pool = ProcessPoolExecutor(n, multiprocessing.get_context("fork"), _begin, (stopped,))
        try:
            with warnings.catch_warnings():  # Python 3.12 and later warn of any thread, also of jemalloc's
                warnings.simplefilter("ignore", DeprecationWarning)
                pool.submit(os.getpid).result()  # the first call starts all processes
            yield Workers(pool, n, source)
        except BaseException:
            stop.send_bytes(b"stop")  # nobody takes it, so every process sees it
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _are_few(files: Sequence[Path]) -> bool:
    return sum(map(_rows_or_more, files)) <= _FEW_ROWS


def _rows_or_more(file: Path) -> int:
    """Return about how many rows a file has, or an upper estimate if that is not known; 0 if there is no file."""
    rows = expected_rows(file)
    # Not by pathlib, which fails for names that are too long for a file.
    if rows is None and os.path.isfile(file):  # noqa: PTH113
        return file.stat().st_size // _SHORT_ROW_BYTES
    return rows or 0


def _begin(stopped: Connection) -> None:
    """Prepare a process: it leaves interrupts to its parent, and ends when that says so or itself ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_when_stopped, args=(stopped,), daemon=True).start()


def _exit_when_stopped(stopped: Connection) -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # this is a worker
    wait([parent.sentinel, stopped])
    os._exit(1)
