"""Tells a program that its job has ended: one POST to a host that the settings name."""

import http.client
import json
import logging
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

MAX_LENGTH = 2000
"""Characters in a URL: what programs that receive webhooks use fits in a tenth."""
ATTEMPTS = 3
"""A receiver that is being restarted is back by the third."""
PAUSE_SECONDS = 2.0
TIMEOUT_SECONDS = 5.0
"""Other jobs wait meanwhile."""

_URL = re.compile(r"(https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)(?:[/?][!-~]*)?", re.ASCII)

_log = logging.getLogger(__name__)


def is_allowed(url: str, origins: Sequence[str]) -> bool:
    """Return whether a URL leads to one of the origins: with the same scheme, host and port."""
    matched = _URL.fullmatch(url)
    return matched is not None and len(url) <= MAX_LENGTH and "#" not in url and matched[1] in origins


def tell(url: str, message: Mapping[str, Any]) -> bool:
    """Send a message as JSON; return whether it was taken. Redirects are not followed."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            status = _post(url, json.dumps(message).encode())
        except (OSError, http.client.HTTPException) as error:
            _log.warning("a webhook was not reached: %s", error)
            continue
        if 200 <= status < 300:
            return True
        _log.warning("a webhook answered %d", status)
    return False


def _post(url: str, body: bytes) -> int:
    """Send one POST to a URL that `is_allowed` has accepted; return the status of the answer."""
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = (
        http.client.HTTPSConnection(parts.netloc, timeout=TIMEOUT_SECONDS, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)
    )
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        return connection.getresponse().status
    finally:
        connection.close()
