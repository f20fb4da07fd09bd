"""When a request must be answered, and whether its client still waits. Long work asks between its steps.

The server puts a `RequestDeadline` into the WSGI environ, under `ENVIRON_KEY`. Without that server, as in tests of
single routes, a request has no deadline.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import Request

from service.http.problems import CLIENT_GONE, DEADLINE_EXCEEDED, ProblemError

ENVIRON_KEY = "estimator.deadline"


class DeadlineExceeded(ProblemError):  # noqa: N818 # reads better where it is caught
    """The request has taken as long as it may (503 with Retry-After)."""

    def __init__(self) -> None:
        super().__init__(DEADLINE_EXCEEDED, "the request took longer than this server allows; send fewer homes")


class ClientGone(ProblemError):  # noqa: N818 # reads better where it is caught
    """The client has closed its connection: nobody reads the answer (499, in the log and the metrics only)."""

    def __init__(self) -> None:
        super().__init__(CLIENT_GONE, "the client has closed its connection")


def _is_there() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class RequestDeadline:
    """Deadline of one request.

    Parameters
    ----------
    ends
        Time of `time.monotonic()` at which the request must have been answered.
    client_gone
        Returns whether the client has closed its connection.
    """

    ends: float = math.inf
    client_gone: Callable[[], bool] = _is_there

    def seconds_left(self) -> float:
        """Return the time that is left, in seconds; it is negative after the deadline."""
        return self.ends - time.monotonic()

    def check(self) -> None:
        """Do nothing if it makes sense to go on.

        Raises
        ------
        DeadlineExceeded
            There is no time left (503).
        ClientGone
            The client no longer waits (499).
        """
        if self.client_gone():
            raise ClientGone
        if self.seconds_left() <= 0:
            raise DeadlineExceeded


_NO_DEADLINE = RequestDeadline()


def request_deadline(request: Request) -> RequestDeadline:
    """Return the deadline of a request."""
    deadline: RequestDeadline = request.environ.get(ENVIRON_KEY, _NO_DEADLINE)
    return deadline
