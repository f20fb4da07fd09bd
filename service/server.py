"""The production server: checks settings and model, then starts the workers with granian.

`benchmarks/SERVERS.md` compares granian with other servers. This process values no homes: the workers are forked
from it, and a fork after the use of a BLAS library can hang.
"""

import logging
import os
import signal
import socket
import sys
import threading
from functools import partial
from pathlib import Path
from typing import Any

from flask import Flask
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from estimator.deals.saved_list_prices import load_list_prices
from estimator.errors import EstimatorError
from estimator.registry import load_version, read_key
from service.app import create_app
from service.http.tracing import JsonLines
from service.live_model import LiveModel
from service.settings import Settings

EXIT_CANNOT_START = 2
"""Exit code if the settings, the model or the port cannot be used."""


class _DropThreadWarning(logging.Filter):
    """Drops granian's warning about many threads: they are there for stalled uploads."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Python threads" not in record.getMessage()


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"drop_thread_warning": {"()": _DropThreadWarning}},
    "formatters": {"line": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"_granian": {"level": "INFO", "filters": ["drop_thread_warning"]}},
}
"""JSON lines on stderr, of this process and of the workers: starts, stops, errors, and each request."""


class StartError(EstimatorError):
    """The server cannot start; the message says why."""


def main() -> int:
    """Serve until SIGTERM or SIGINT.

    Returns
    -------
    int
        Exit code: 0 after a signal, `EXIT_CANNOT_START` if the server could not start.
    """
    try:
        settings = Settings.from_environment()
        # A model that cannot be loaded stops the start here, instead of failing in every worker. This version is
        # also the fallback of workers that are restarted after an unusable version was published.
        saved = load_version(settings.model, read_key(settings.key_file))
        load_list_prices(saved.folder, saved.appraiser)
        address = _free_address(settings)
    except EstimatorError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT_START
    _serve(settings, address, saved.folder)
    return 0


def _free_address(settings: Settings) -> str:
    """Return the IP address to listen on, if its port is free.

    The workers share their port (SO_REUSEPORT). Without this check, a second server of the same user would
    silently receive half of the first one's requests.

    Raises
    ------
    StartError
        The host name has no address, the address does not belong to this machine, or the port is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}") from error
    return str(address[0])


def _worker(settings: Settings, fallback: Path) -> Flask:
    """Create the application, in the worker process."""
    app = create_app(settings, fallback)
    _drain_on_stop_signal(app.extensions["live_model"])
    return app


def _drain_on_stop_signal(live: LiveModel) -> None:
    """Report not ready as soon as this worker gets a stop signal.

    granian installs its signal handlers after this runs. The interpreter's wake-up descriptor sees every signal,
    whatever the handlers are.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        with reading, writing:
            while not _STOP_SIGNAL_NUMBERS & set(reading.recv(64)):
                pass
            live.drain()
            threading.Event().wait()  # wait forever: later signals are still written to the sockets

    threading.Thread(target=wait, name="stop", daemon=True).start()


def _serve(settings: Settings, address: str, fallback: Path) -> None:
    """Run the workers until SIGTERM or SIGINT, then let them finish the requests in progress."""
    os.register_at_fork(
        before=_block_stop_signals, after_in_parent=_unblock_stop_signals, after_in_child=_reset_worker_signals
    )
    Granian(
        "service",  # only a name: the loader below creates the application
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        address=address,
        port=settings.port,
        workers=settings.workers,
        blocking_threads=settings.threads,
        backpressure=settings.max_connections,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * settings.header_timeout),
        workers_kill_timeout=settings.stop_timeout,
        respawn_failed_workers=True,
        log_dictconfig=LOGGING,
    ).serve(target_loader=partial(_worker, settings, fallback), wrap_loader=False)


# Without the following, a starting worker could miss SIGTERM in two situations, and the server would wait for it
# until `stop_timeout`. (1) The worker is forked with this process's handlers, which have no effect until granian
# installs its own. So until then the default handler ends it, also for a signal sent during the fork. (2) CPython
# does not wake a thread for a signal that arrives just before it starts to wait, and the main thread of a worker
# waits forever. So a timer wakes it periodically.
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_STOP_SIGNAL_NUMBERS = frozenset(int(number) for number in _STOP_SIGNALS)
_WAKE_UP_SECONDS = 1.0


def _block_stop_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)


def _unblock_stop_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP_SIGNALS)


def _reset_worker_signals() -> None:
    for number in _STOP_SIGNALS:
        signal.signal(number, signal.SIG_DFL)
    _unblock_stop_signals()
    signal.signal(signal.SIGALRM, lambda _number, _frame: None)
    signal.setitimer(signal.ITIMER_REAL, _WAKE_UP_SECONDS, _WAKE_UP_SECONDS)
