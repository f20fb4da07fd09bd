"""Worker applications that misbehave; `tests/service/front/test_odd_workers.py` starts them."""

import os
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any

from service.front.messages import Readiness
from service.front.worker import WSGI, ReportReadiness


def _application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/end":
        os._exit(1)
    if path == "/stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    if path == "/sleep":
        time.sleep(60)
    if path == "/pause":
        time.sleep(0.2)
    if path == "/fail":
        raise ValueError
    deadline = environ["estimator.deadline"]
    while path == "/wait" and not deadline.client_gone():
        time.sleep(0.01)
    start_response("200 OK", [("X-Process", str(os.getpid()))])
    return [environ["wsgi.input"].read()]


def odd() -> tuple[WSGI, ReportReadiness]:
    """Return an application that ends, sleeps, fails or waits, as the path says."""
    return _application, lambda: Readiness(ready=True)


def never_ready() -> tuple[WSGI, ReportReadiness]:
    """Return an application that never loads a model."""
    return _application, lambda: Readiness(ready=False)


def broken() -> tuple[WSGI, ReportReadiness]:
    """Fail to load."""
    raise ValueError
