"""The production server: checks what it is started with, then hands the application to granian's workers.

Measured against the others in `benchmarks/SERVERS.md`. Nothing is valued in this process: workers are forked from
it, and a fork after work in a BLAS library can hang.
"""

import socket
import sys
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings

from estimator.errors import EstimatorError
from estimator.registry import load_version
from service.settings import Settings

BAD_START = 2
"""Exit code of a server that cannot start with what it was given."""

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(process)d %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {"_granian": {"level": "INFO"}},
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
        load_version(settings.model)  # what cannot be served stops the start here, not every worker later
        _check_address(settings)
    except EstimatorError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_START
    _serve(settings)
    return 0


def _check_address(settings: Settings) -> None:
    """Refuse an address that cannot be listened on.

    The workers share their port (SO_REUSEPORT), so that a second server of the same user would quietly take half
    of the first one's requests.
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


def _serve(settings: Settings) -> None:
    """Run the workers until SIGTERM or SIGINT, then let them finish what they have begun."""
    Granian(
        "service.app:create_app",
        factory=True,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        address=settings.host,
        port=settings.port,
        workers=settings.workers,
        blocking_threads=settings.threads,
        backpressure=settings.max_connections,
        http1_settings=HTTP1Settings(header_read_timeout=1000 * settings.header_timeout),
        workers_kill_timeout=settings.stop_timeout,
        respawn_failed_workers=True,
        log_dictconfig=LOGGING,
    ).serve()
