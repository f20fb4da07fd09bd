"""A worker process: answers the requests that the front sends, with a WSGI application, on a pool of threads.

It is started as `python -m service.front.worker DESCRIPTOR THREADS MODULE:FUNCTION [ARGUMENT…]`. The function gets
the arguments and returns the application and a function that returns its `Readiness`.
"""

import importlib
import io
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any, NoReturn

from service import metrics
from service.front.messages import Answer, Decoder, Kind, Message, Readiness, encode
from service.http.deadline import ENVIRON_KEY, RequestDeadline

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""An application (PEP 3333)."""
ReportReadiness = Callable[[], Readiness]
"""Returns what a worker says about itself now."""

READINESS_SECONDS = 0.2
"""Pause between two messages about readiness: a loaded worker gets requests that much later at most."""
_READ_BYTES = 2**18

_log = logging.getLogger(__name__)


def call(application: WSGI, environ: dict[str, Any], body: bytes) -> Answer:
    """Answer one request with a WSGI application."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], _: object = None) -> None:
        started[:] = [int(status.split(" ", 1)[0]), headers]

    environ |= {
        "wsgi.version": (1, 0),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    try:
        chunks = application(environ, start_response)
        try:
            content = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = started
    except Exception:
        # Flask answers its own errors. This is one of the application around them.
        _log.exception("a request failed")
        return Answer(500, [("Content-Type", "text/plain")], b"Internal Server Error\n")
    return Answer(status, headers, content)


class Worker:
    """Reads messages, and answers each request on a thread of its own."""

    def __init__(
        self,
        connection: socket.socket,
        application: WSGI,
        readiness: ReportReadiness,
        threads: int,
    ) -> None:
        self._connection = connection
        self._application = application
        self._readiness = readiness
        self._threads = ThreadPoolExecutor(threads, "request")
        self._writing = threading.Lock()
        self._gone: dict[int, threading.Event] = {}

    def run(self) -> None:
        """Work until the front closes the connection."""
        threading.Thread(target=self._report_readiness, name="readiness", daemon=True).start()
        decoder = Decoder()
        while received := self._connection.recv(_READ_BYTES):
            for message in decoder.feed(received):
                if message.kind is Kind.REQUEST:
                    self._gone[message.number] = threading.Event()
                    self._threads.submit(self._answer, message)
                elif message.number in self._gone:
                    self._gone[message.number].set()

    def _answer(self, message: Message) -> None:
        environ = dict(message.head)
        environ[ENVIRON_KEY] = RequestDeadline(environ.pop("ends"), self._gone[message.number].is_set)
        answer = call(self._application, environ, message.body)
        self._gone.pop(message.number).set()
        self._send(Message(Kind.ANSWER, message.number, [answer.status, answer.headers], answer.body))

    def _report_readiness(self) -> None:
        while True:
            self._send(Message(Kind.READINESS, 0, asdict(self._readiness())))
            time.sleep(READINESS_SECONDS)

    def _send(self, message: Message) -> None:
        try:
            with self._writing:
                self._connection.sendall(encode(message))
        except OSError:
            _end()  # the front has gone, and this process ends with it


def main(arguments: list[str]) -> None:
    """Run a worker; the module's docstring describes the arguments."""
    descriptor, threads, factory, *rest = arguments
    # The terminal's Ctrl+C is for the front, which lets the workers finish their requests.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    module, _, function = factory.partition(":")
    application, readiness = getattr(importlib.import_module(module), function)(*rest)
    Worker(socket.socket(fileno=int(descriptor)), application, readiness, int(threads)).run()
    _end()


def _end() -> NoReturn:
    """End this process, without waiting for threads whose answers nobody reads any more."""
    metrics.flush()
    logging.shutdown()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
