"""Access control: trusted hosts, API keys, rate limits, CORS. Knows HTTP, nothing of homes.

All endpoints are protected, except those in `PUBLIC_ENDPOINTS`.
"""

import hashlib
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Callable

from flask import Flask, Response, g, request
from limits import parse_many
from limits.errors import StorageError
from limits.storage import storage_from_string
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.middleware.proxy_fix import ProxyFix

from service.http.deadline import request_deadline
from service.http.problems import TOO_MANY_REQUESTS, UNAUTHORIZED, ProblemError
from service.http.tables import MODEL_VERSION
from service.settings import Settings

PUBLIC_ENDPOINTS = frozenset(
    {
        *("health.livez", "health.readyz", "openapi.openapi", "v2.live", "v2.ready"),
        *("docs.docs", "docs.file", "problems.explanation", "home.page", "home.file"),
    }
)
"""Endpoints without API key and limits: health checks, and pages that are the same for everyone."""
REFUSAL = "estimator.refusal"
"""Key in the WSGI environ of the problem with which a request is to be refused, before anything else is done."""

_log = logging.getLogger(__name__)


def install(app: Flask, settings: Settings) -> None:
    """Protect an application; the checks run in the order in which they are installed here."""
    _refuse(app)
    if settings.trusted_hosts:
        app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts)
    if settings.proxies:
        n = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=n, x_proto=n, x_host=0, x_port=0)  # type: ignore[method-assign]
    if settings.api_keys:
        _require_api_key(app, settings.api_keys)
    if settings.rate_limit:
        _limit_rates(app, settings)


def is_public(endpoint: str | None, method: str) -> bool:
    """Return whether an endpoint (None: there is none) answers without an API key."""
    # Unknown paths get their 404 without a key: that reveals nothing.
    return endpoint is None or endpoint in PUBLIC_ENDPOINTS or method == "OPTIONS"


def check_key(header: Callable[[str], str | None], hashes: tuple[str, ...]) -> str:
    """Return the hash of the API key of a request.

    Parameters
    ----------
    header
        Returns the value of a header, by its name.

    Raises
    ------
    ProblemError
        The key is missing or not known (401).
    """
    scheme, _, token = (header("Authorization") or "").partition(" ")
    key = token.strip() if scheme.lower() == "bearer" and token else header("X-API-Key")
    if key is None:
        raise _unauthorized("send an API key, as Authorization: Bearer <key> or as X-API-Key: <key>")
    digest = hashlib.sha256(key.encode()).hexdigest()
    # Every hash is compared, each in constant time, so that the time taken reveals nothing about the keys.
    matches = [hmac.compare_digest(digest, known) for known in hashes]
    if not any(matches):
        raise _unauthorized("the API key is not known to this server")
    return digest


def _require_api_key(app: Flask, hashes: tuple[str, ...]) -> None:
    @app.before_request
    def remember_client() -> None:
        if not is_public(request.endpoint, request.method):
            g.client = check_key(request.headers.get, hashes)


def _refuse(app: Flask) -> None:
    @app.before_request
    def raise_refusal() -> None:
        refusal: ProblemError | None = request.environ.get(REFUSAL)
        if refusal is not None:
            raise refusal
        request_deadline(request).check()


def _unauthorized(detail: str) -> ProblemError:
    return ProblemError(UNAUTHORIZED, detail, headers={"WWW-Authenticate": "Bearer"})


def _limit_rates(app: Flask, settings: Settings) -> None:
    rates = parse_many(settings.rate_limit)
    limiter = SlidingWindowCounterRateLimiter(
        storage_from_string(settings.rate_limit_storage, wrap_exceptions=True)
    )

    @app.before_request
    def check_rate() -> None:
        if is_public(request.endpoint, request.method):
            return
        client = g.get("client") or network_of(request.remote_addr or "")
        try:
            exceeded = next((rate for rate in rates if not limiter.hit(rate, client)), None)
            if exceeded is None:
                return
            seconds = max(1, math.ceil(limiter.get_window_stats(exceeded, client).reset_time - time.time()))
        except StorageError:
            # A server without rate limits is more useful than one that refuses all requests.
            _log.exception("rate limits are not enforced: the storage that counts requests failed")
            return
        raise ProblemError(TOO_MANY_REQUESTS, f"the limit is {exceeded}", headers={"Retry-After": str(seconds)})


def network_of(address: str) -> str:
    """Return what one client of an address can be: the address, or its /64 network if it is an IPv6 address.

    A subscriber gets at least such a network (RFC 6177), and can use another of its addresses for each request.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address  # an address that a proxy made up
    if parsed.version == 4:
        return str(parsed)
    # A server that listens on :: sees IPv4 clients as ::ffff:192.0.2.1, which are all in one /64 network.
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(parsed), 64), strict=False))


def allow_origins(app: Flask, origins: tuple[str, ...]) -> None:
    """Allow the pages of some other sites to call this server (CORS)."""

    @app.before_request
    def answer_preflight() -> Response | None:
        method = request.headers.get("Access-Control-Request-Method")
        if request.method == "OPTIONS" and method and request.headers.get("Origin") in origins:
            return Response(
                status=204,
                headers={
                    "Access-Control-Allow-Methods": "DELETE, GET, POST",
                    "Access-Control-Allow-Headers": "Authorization, Content-Type, Content-Encoding, X-API-Key,"
                    " X-Request-ID, traceparent",
                    "Access-Control-Max-Age": "600",
                },
            )
        return None

    @app.after_request
    def add_headers(answer: Response) -> Response:
        if origins:
            answer.vary.add("Origin")
        origin = request.headers.get("Origin")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers["Access-Control-Expose-Headers"] = f"{MODEL_VERSION}, Retry-After, X-Request-ID"
        return answer
