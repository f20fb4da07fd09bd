"""The head of a request: what h11 accepts is checked further, and becomes a WSGI environ."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

import h11

from service.http.problems import HEADERS_TOO_LARGE, MALFORMED_REQUEST, ProblemError

MAX_HEADERS = 100
"""Headers of a request. Browsers and proxies send fewer than 40."""

_HOST = re.compile(r"([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """Request line and headers.

    Parameters
    ----------
    headers
        Name in lower case → value. The values of a header that is sent several times are joined by commas
        (RFC 9110, section 5.3).
    client, server
        Addresses of both ends of the connection.
    """

    method: str
    path: str
    query: str
    version: str
    headers: Mapping[str, str]
    client: tuple[str, int]
    server: tuple[str, int]

    def header(self, name: str) -> str | None:
        """Return the value of a header, or None."""
        return self.headers.get(name.lower())

    @property
    def length(self) -> int:
        """Length of the body, in bytes."""
        return int(self.headers.get("content-length", 0))


def request_head(request: h11.Request, client: tuple[str, int], server: tuple[str, int]) -> RequestHead:
    """Return the head of a request.

    Raises
    ------
    ProblemError
        The version is not supported, the target or the host is malformed (400), or there are too many headers
        (431). h11 has refused a missing and a second Host already.
    """
    if len(request.headers) > MAX_HEADERS:
        detail = f"the request has {len(request.headers)} headers; the maximum is {MAX_HEADERS}"
        raise ProblemError(HEADERS_TOO_LARGE, detail)
    headers: dict[str, str] = {}
    for raw_name, raw_value in request.headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        if "_" in name:
            # WSGI cannot tell `X_Forwarded_For` from `X-Forwarded-For`, which a proxy may have checked.
            continue
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    target = request.target.decode("ascii")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        # The target's host counts (RFC 9112, section 3.2.2).
        headers["host"], target = absolute[1], absolute[2] if absolute[2].startswith("/") else f"/{absolute[2]}"
    method, version = request.method.decode("ascii"), request.http_version.decode("ascii")
    if version not in {"1.0", "1.1"}:
        raise ProblemError(MALFORMED_REQUEST, f"HTTP/{version} is not supported; use HTTP/1.1")
    path, _, query = target.partition("?")
    if not path.startswith("/") and not (method == "OPTIONS" and path == "*"):
        raise ProblemError(MALFORMED_REQUEST, f"the target {target[:60]!a} is not a path")
    if "host" in headers and not _HOST.fullmatch(headers["host"]):
        raise ProblemError(MALFORMED_REQUEST, f"the Host {headers['host'][:60]!a} is not a host name")
    return RequestHead(method, path, query, version, headers, client, server)


def environ_of(head: RequestHead) -> dict[str, Any]:
    """Return the environ of a request (PEP 3333), without the entries that are objects."""
    environ = {
        "REQUEST_METHOD": head.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(head.path).decode("latin-1"),
        "QUERY_STRING": head.query,
        "SERVER_PROTOCOL": f"HTTP/{head.version}",
        "SERVER_NAME": head.server[0],
        "SERVER_PORT": str(head.server[1]),
        "REMOTE_ADDR": head.client[0],
        "REMOTE_PORT": str(head.client[1]),
        "wsgi.url_scheme": "http",
    }
    for name, value in head.headers.items():
        key = name.replace("-", "_").upper()
        environ[key if key in {"CONTENT_TYPE", "CONTENT_LENGTH"} else f"HTTP_{key}"] = value
    return environ
