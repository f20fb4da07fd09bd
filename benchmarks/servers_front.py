"""Runs the application of `benchmarks.servers_app` under this project's front.

python -m benchmarks.servers_front --port PORT [--workers N]
"""

import argparse
import asyncio
import socket

from flask import Flask

from benchmarks.servers import BODY_LIMIT
from service.front.front import Front
from service.front.local import LocalAnswers
from service.front.messages import Readiness
from service.front.pool import WorkerPool
from service.front.worker import ReportReadiness
from service.http import guard, problems
from service.settings import Settings


def worker_application() -> tuple[Flask, ReportReadiness]:
    """Return the application of a worker."""
    from benchmarks.servers_app import app  # noqa: PLC0415 # it takes its time, and the front does not need it

    return app, lambda: Readiness(ready=True)


async def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until a signal."""
    pool = WorkerPool(
        ["benchmarks.servers_front:worker_application"],
        workers=settings.workers,
        threads=settings.threads,
        max_jobs=settings.max_concurrent,
    )
    app = Flask(__name__)
    problems.install(app)
    guard.install(app, settings)
    await Front(settings, pool, LocalAnswers(app, settings)).run(listening, on_stop=lambda: None)


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Serve the benchmark's application.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    listening = socket.socket()
    listening.bind(("127.0.0.1", arguments.port))
    asyncio.run(serve(Settings(workers=arguments.workers, max_body=BODY_LIMIT), listening))


if __name__ == "__main__":
    main()
