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
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from queue import SimpleQueue
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

    Each has a connection of its own, which ends with it. A `ProcessPoolExecutor` shares one pipe between all: if a
    process is killed while it sends a result, the executor waits for the rest of that result for ever.

    Parameters
    ----------
    processes
        Each with the connection to it.
    source
        The model.
    """

    def __init__(self, processes: Sequence[tuple[BaseProcess, Connection]], source: ModelSource) -> None:
        self._processes = processes
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        for _, connection in processes:
            self._idle.put(connection)
        self.source = source

    def imap(self, function: Callable[[Item], Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """Yield `function(item)` for each item, as `parallel_imap` does.

        The function and the item are sent to a process, and the result is sent back.

        If an error or an interrupt ends this, or its caller closes it, the processes end at once: finishing a
        whole file would take minutes.

        Raises
        ------
        LostProcessError
            A process ended before its work was done.
        """
        n = len(self._processes)
        with ThreadPoolExecutor(n) as threads:  # each waits for one process
            try:
                yield from imap_in(threads, partial(self._call, function), items, 2 * n)
            except BaseException:
                self.kill()
                raise

    def kill(self) -> None:
        """End the processes at once, whatever they do."""
        for process, _ in self._processes:
            process.kill()
        for process, _ in self._processes:
            process.join()

    def _call(self, function: Callable[[Item], Result], item: Item) -> Result:
        """Return `function(item)`, computed by an idle process."""
        connection = self._idle.get()
        try:
            connection.send((function, item))
            result, error = connection.recv()
        except (EOFError, OSError) as lost:
            raise LostProcessError(
                "a process that values homes was killed, perhaps by the system because memory was short; start the"
                " command again, and it continues where it stopped"
            ) from lost
        finally:
            self._idle.put(connection)  # if its process has ended, the next call fails too
        if error is not None:
            raise error
        return result  # type: ignore[no-any-return]  # a connection gives anything


@contextmanager
def forked_workers(source: ModelSource, files: Sequence[Path]) -> Iterator[Workers | None]:
    """Start a process for each core; give None for few homes, for one core, and where a fork is not safe.

    A fork copies only one thread of this process, so a lock that another thread holds is never released. Python's
    threads are counted. Arrow, which reads files, must not have started its threads. OpenBLAS and jemalloc prepare
    for forks themselves.
    """
    n = joblib.cpu_count()
    if n == 1 or sys.platform != "linux" or threading.active_count() > 1 or _are_few(files):
        yield None
        return
    load_model(source)
    pa.scalar("")  # Arrow imports pandas for its first value: once here, not in each process
    with threadpool_limits(1, user_api="blas"):
        workers = Workers([_started() for _ in range(n)], source)
        try:
            yield workers
        finally:
            workers.kill()


def _started() -> tuple[BaseProcess, Connection]:
    """Start a process; return it with the connection to it."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=_serve, args=(theirs,), daemon=True)
    with theirs, warnings.catch_warnings():  # Python 3.12 and later warn of any thread, also of jemalloc's
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    return process, ours


def _are_few(files: Sequence[Path]) -> bool:
    return sum(map(_rows_or_more, files)) <= _FEW_ROWS


def _rows_or_more(file: Path) -> int:
    """Return about how many rows a file has, or an upper estimate if that is not known; 0 if there is no file."""
    rows = expected_rows(file)
    # Not by pathlib, which fails for names that are too long for a file.
    if rows is None and os.path.isfile(file):  # noqa: PTH113
        return file.stat().st_size // _SHORT_ROW_BYTES
    return rows or 0


def _serve(calls: Connection) -> None:
    """Answer calls, until the parent ends; leave interrupts to the parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()
    while True:
        function, item = calls.recv()
        result, raised = None, None
        try:
            result = function(item)
        except Exception as error:  # whatever it is, the parent raises it
            error.add_note(traceback.format_exc())  # sent with the error; its traceback is not
            raised = error
        calls.send((result, raised))


def _exit_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101  # this is a worker
    wait([parent.sentinel])
    os._exit(1)
