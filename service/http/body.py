"""Reads the bytes of a request's body, completely or not at all: length, limit, gzip."""

import zlib

from flask import Request

from service.http.problems import (
    BODY_TOO_LARGE,
    LENGTH_REQUIRED,
    MALFORMED_BODY,
    UNKNOWN_ENCODING,
    ProblemError,
)

MAX_GZIP_MEMBERS = 16
"""Parts of a gzip body. Clients send one; each further one costs a copy of all bytes after it."""

_GZIP = 16 + zlib.MAX_WBITS


def read_body(request: Request, max_bytes: int) -> bytes:
    """Read a request's body; one with `Content-Encoding: gzip` is decompressed.

    Parameters
    ----------
    max_bytes
        Maximum size before and after decompression.

    Raises
    ------
    ProblemError
        The body has no length (411), is too large (413), has another encoding (415), or is truncated (400).
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise ProblemError(
            UNKNOWN_ENCODING,
            f"the Content-Encoding {encoding[:60]!a} is not supported; send gzip or no encoding",
            headers={"Accept-Encoding": "gzip"},
        )
    length = request.content_length
    if length is None:
        # A chunked body: the server may cut it off at a limit without an error.
        raise ProblemError(LENGTH_REQUIRED, "the request has no Content-Length")
    if length > max_bytes:
        raise ProblemError(BODY_TOO_LARGE, f"the body has {length} bytes; the maximum is {max_bytes}")
    body = request.get_data(cache=False)
    if len(body) != length:
        raise ProblemError(MALFORMED_BODY, f"the body ended after {len(body)} of {length} bytes")
    return body if encoding == "identity" else decompress(body, max_bytes)


def decompress(body: bytes, max_bytes: int) -> bytes:
    """Decompress gzip of one or several members, and stop at the limit.

    Raises
    ------
    ProblemError
        The body is not gzip or is truncated (400), or is too large (413).
    """
    parts: list[bytes] = []
    remaining = max_bytes
    while body:
        if len(parts) == MAX_GZIP_MEMBERS:
            raise ProblemError(
                MALFORMED_BODY, f"the gzip data has more than {MAX_GZIP_MEMBERS} members, which is the maximum"
            )
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, remaining + 1)
        except zlib.error as error:
            raise ProblemError(MALFORMED_BODY, f"the body is not valid gzip: {error}") from error
        remaining -= len(part)
        if remaining < 0:
            raise ProblemError(
                BODY_TOO_LARGE, f"the decompressed body has more than {max_bytes} bytes, which is the maximum"
            )
        if not member.eof:
            raise ProblemError(MALFORMED_BODY, "the gzip data is truncated")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)
