"""The production server: checks what it is started with, then hands the application to granian's workers.

Measured against the others in `benchmarks/SERVERS.md`. Nothing is valued in this process: workers are forked from
it, and a fork after work in a BLAS library can hang.
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

BAD_START = 2
"""Exit code of a server that cannot start with what it was given."""


class _Intended(logging.Filter):
    """Drops granian's advice against many threads: most of them are there for uploads that stall."""

    def filter(self, record: logging.LogRecord) -> bool:
        return "Python threads" not in record.getMessage()


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"intended": {"()": _Intended}},
    "formatters": {"line": {"()": JsonLines}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"_granian": {"level": "INFO", "filters": ["intended"]}},
}
"""Lines of JSON on stderr, of this process and of the workers: starts, stops, errors, and a line a request."""


class StartError(EstimatorError):
    """The server cannot start; the message says why."""


def main() -> int:
    """Serve until told to stop.

    Returns
    -------
    int
        The exit code: 0 after SIGTERM or SIGINT, `BAD_START` if it could not start.
    """
    try:
        settings = Settings.from_environment()
        # What cannot be served stops the start here, not every worker later. It is what workers fall back to that
        # are started again when something is published that cannot be served.
        saved = load_version(settings.model, read_key(settings.key_file))
        load_list_prices(saved.folder, saved.appraiser)
        address = _free_address(settings)
    except EstimatorError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_START
    _serve(settings, address, saved.folder)
    return 0


def _free_address(settings: Settings) -> str:
    """Return the IP address to listen on, if its port is free.

    The workers share their port (SO_REUSEPORT), so that a second server of the same user would quietly take half
    of the first one's requests.

    Raises
    ------
    StartError
        The host has no address, the address is not this machine's, or the port is taken.
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
    """Make a worker's application, in the worker."""
    app = create_app(settings, fallback)
    _tell_of_stop(app.extensions["live_model"])
    return app


def _tell_of_stop(live: LiveModel) -> None:
    """Let the model know as soon as this worker is told to stop: it is then ready no more.

    granian sets the signals' handlers later than this runs; the interpreter's own wake-up sees every signal.
    """
    reading, writing = socket.socketpair()
    writing.setblocking(False)
    signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)

    def wait() -> None:
        with reading, writing:
            while not _STOPPING_NUMBERS & set(reading.recv(64)):
                pass
            live.drain()
            signal_seen.wait()  # the sockets stay open: signals are still written to them

    signal_seen = threading.Event()
    threading.Thread(target=wait, name="stop", daemon=True).start()


def _serve(settings: Settings, address: str, fallback: Path) -> None:
    """Run the workers until SIGTERM or SIGINT, then let them finish what they have begun."""
    os.register_at_fork(before=_hold_signals, after_in_parent=_release_signals, after_in_child=_worker_signals)
    Granian(
        "service",  # a name: what is served is what the loader below makes
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


# A worker that is starting would miss SIGTERM in two gaps, and the server wait for it until `stop_timeout`. It is
# forked with this process's handlers, which do nothing in it until granian sets its own: so until then it dies of
# the signal, even of one sent while it was forked. And CPython does not wake a thread for a signal that came just
# before it began to wait, which a worker's main thread does for good: so it is woken now and then.
_STOPPING = (signal.SIGTERM, signal.SIGINT)
_STOPPING_NUMBERS = frozenset(int(number) for number in _STOPPING)
_WAKE_SECONDS = 1.0


def _hold_signals() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)


def _release_signals() -> None:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOPPING)


def _worker_signals() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_DFL)
    _release_signals()
    signal.signal(signal.SIGALRM, lambda _number, _frame: None)
    signal.setitimer(signal.ITIMER_REAL, _WAKE_SECONDS, _WAKE_SECONDS)
