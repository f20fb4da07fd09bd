"""The production server: checks what it is started with, then hands the application to granian's workers.

Measured against the others in `benchmarks/SERVERS.md`. Nothing is valued in this process: workers are forked from
it, and a fork after work in a BLAS library can hang.
"""

import logging
import os
import signal
import socket
import sys
from dataclasses import replace
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from estimator.errors import EstimatorError
from estimator.registry import load_version
from service.app import create_app
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
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(process)d %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"_granian": {"level": "INFO", "filters": ["intended"]}},
}
"""Lines on stderr for starts, stops and errors, of this process and of the workers; none for a request."""


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
        # What cannot be served stops the start here, not every worker later. All workers serve this version, those
        # too that are started again after `current` was moved.
        settings = replace(settings, model=load_version(settings.model).folder)
        address = _free_address(settings)
    except EstimatorError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_START
    _serve(settings, address)
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


def _serve(settings: Settings, address: str) -> None:
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
    ).serve(target_loader=partial(create_app, settings), wrap_loader=False)


# A worker that is starting would miss SIGTERM in two gaps, and the server wait for it until `stop_timeout`. It is
# forked with this process's handlers, which do nothing in it until granian sets its own: so until then it dies of
# the signal, even of one sent while it was forked. And CPython does not wake a thread for a signal that came just
# before it began to wait, which a worker's main thread does for good: so it is woken now and then.
_STOPPING = (signal.SIGTERM, signal.SIGINT)
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
