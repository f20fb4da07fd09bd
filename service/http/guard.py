"""Who may ask, and how much at once: hosts, API keys, rates, requests in hand. Knows HTTP, nothing of homes.

Everything is guarded that is not named in `OPEN`.
"""

import hashlib
import hmac
import logging
import math
import threading
import time

from flask import Flask, Response, g, request
from limits import parse_many
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.middleware.proxy_fix import ProxyFix

from service.http.problems import BUSY, NO_KEY, TOO_MANY_REQUESTS, ProblemError
from service.http.tables import MODEL_VERSION
from service.settings import Settings

OPEN = frozenset(
    {
        *("status.livez", "status.readyz", "status.openapi", "v2.alive", "v2.ready"),
        *("docs.home", "docs.docs", "docs.file", "problems._page", "page.home", "page.file"),
    }
)
"""What needs no key and counts against no limit: health, and pages that are the same for all."""
_UNCOUNTED = OPEN | {"status.counted"}
"""What is answered even if the worker is busy: figures are wanted most then."""

_log = logging.getLogger(__name__)


def install(app: Flask, settings: Settings) -> None:
    """Guard an application, in the order of the hooks here."""
    if settings.trusted_hosts:
        app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts)
    if settings.proxies:
        n = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=0, x_port=0)  # type: ignore[method-assign]
    if settings.api_keys:
        _ask_for_keys(app, settings.api_keys)
    if settings.rate_limit:
        _limit_rates(app, settings)
    _limit_concurrency(app, settings.max_concurrent)


def _is_open() -> bool:
    # A path that is none is told so without a key: that tells nothing.
    return request.endpoint is None or request.endpoint in OPEN or request.method == "OPTIONS"


def _ask_for_keys(app: Flask, hashes: tuple[str, ...]) -> None:
    @app.before_request
    def check_key() -> None:
        if _is_open():
            return
        key = _sent_key()
        if key is None:
            raise _no_key("send a key, as Authorization: Bearer … or as X-API-Key")
        digest = hashlib.sha256(key.encode()).hexdigest()
        # All are compared, each in constant time: how long it takes says nothing of which was close.
        same = [hmac.compare_digest(digest, known) for known in hashes]
        if not any(same):
            raise _no_key("the key is none of this server's")
        g.client = digest


def _sent_key() -> str | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token else request.headers.get("X-API-Key")


def _no_key(detail: str) -> ProblemError:
    return ProblemError(NO_KEY, detail, headers={"WWW-Authenticate": "Bearer"})


def _limit_rates(app: Flask, settings: Settings) -> None:
    rates = parse_many(settings.rate_limit)
    limiter = SlidingWindowCounterRateLimiter(
        storage_from_string(settings.rate_limit_storage, wrap_exceptions=True)
    )

    @app.before_request
    def check_rate() -> None:
        if _is_open():
            return
        client = g.get("client") or request.remote_addr or ""
        try:
            over = next((rate for rate in rates if not limiter.hit(rate, client)), None)
            if over is None:
                return
            seconds = max(1, math.ceil(limiter.get_window_stats(over, client).reset_time - time.time()))
        except StorageError:
            # Without its count the server is still worth more to its users than no server.
            _log.exception("rates cannot be counted: every request passes")
            return
        raise ProblemError(
            TOO_MANY_REQUESTS, f"more than {over} were asked for", headers={"Retry-After": str(seconds)}
        )


def _limit_concurrency(app: Flask, most: int) -> None:
    room = threading.BoundedSemaphore(most)

    @app.before_request
    def enter() -> None:
        if request.endpoint in _UNCOUNTED:
            return
        if not room.acquire(blocking=False):
            raise ProblemError(BUSY, f"{most} requests are in hand already")
        g.entered = True

    @app.teardown_request
    def leave(_: BaseException | None) -> None:
        if g.pop("entered", False):
            room.release()


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Let pages of other sites ask (CORS): none, unless the settings name them."""

    @app.before_request
    def preflight() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method == "OPTIONS" and asked and request.headers.get("Origin") in origins:
            return Response(
                status=204,
                headers={
                    "Access-Control-Allow-Methods": "GET, POST",
                    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-API-Key,"
                    " X-Request-ID, traceparent",
                    "Access-Control-Max-Age": "600",
                },
            )
        return None

    @app.after_request
    def allow(answer: Response) -> Response:
        if origins:
            answer.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Expose-Headers"] = f"{MODEL_VERSION}, Retry-After, X-Request-ID"
        return answer
