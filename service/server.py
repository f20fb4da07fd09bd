"""The production server: checks settings and model, then starts the front and its workers (`service/front/`).

`benchmarks/SERVERS.md` compares it with other servers.
"""

import asyncio
import logging.config
import socket
import sys
from pathlib import Path

from flask import Flask

from estimator.errors import EstimatorError
from estimator.registry import load_version
from estimator.signing import read_key
from service.app import create_app
from service.front.front import Front
from service.front.local import LocalAnswers
from service.front.messages import Readiness
from service.front.models import WorkerModels
from service.front.pool import WorkerPool
from service.front.worker import ReportReadiness
from service.http.problems import ProblemError
from service.http.tracing import LOGGING
from service.jobs.supervisor import Supervisor
from service.settings import Settings

EXIT_CANNOT_START = 2
"""Exit code if the settings, the model or the port cannot be used."""


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
        listening = _listening_socket(settings)
    except EstimatorError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CANNOT_START
    fallback = saved.folder
    del saved  # this process values no homes
    logging.config.dictConfig(LOGGING)
    asyncio.run(_serve(settings, listening, fallback))
    return 0


def _listening_socket(settings: Settings) -> socket.socket:
    """Return a socket that is bound to the address and port of the settings.

    Raises
    ------
    StartError
        The host name has no address, the address does not belong to this machine, or the port is in use.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise StartError(f"cannot listen on {settings.host}, port {settings.port}: {error.strerror}") from error
    return listening


async def _serve(settings: Settings, listening: socket.socket, fallback: Path) -> None:
    pool = WorkerPool(
        ["service.server:worker_application", str(fallback)],
        workers=settings.workers,
        threads=settings.threads,
        max_jobs=settings.max_concurrent,
    )
    live = WorkerModels(settings.model, pool)
    jobs = Supervisor(
        settings.jobs_folder, settings.job_hours, (settings.job_max_rows, settings.jobs_disk), settings.key_file
    )
    jobs.start()
    front = Front(settings, pool, LocalAnswers(create_app(settings, live=live), settings))
    await front.run(listening, on_stop=live.drain)
    await asyncio.to_thread(jobs.stop)


def worker_application(fallback: str) -> tuple[Flask, ReportReadiness]:
    """Return the application of a worker process, and what reports its readiness."""
    logging.config.dictConfig(LOGGING)
    app = create_app(Settings.from_environment(), Path(fallback))
    app.config["USE_X_SENDFILE"] = True  # the front sends files
    live = app.extensions["live_model"]

    def readiness() -> Readiness:
        try:
            live.check_ready()
        except ProblemError:
            return Readiness(ready=False)
        return Readiness(True, live.seconds_since_check(), live.notes())

    return app, readiness
