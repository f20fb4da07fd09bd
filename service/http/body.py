"""The bytes of a request's body, whole or not at all: length, limit, gzip. Knows HTTP, not what the bytes mean."""

import zlib

from flask import Request

from service.http.problems import BODY_TOO_LARGE, MALFORMED_BODY, NO_LENGTH, UNKNOWN_ENCODING, ProblemError

DISCARDED_BYTES = 64 * 2**20
"""Of a body that is refused unread, this much is received all the same: eight times the default `max_body`."""

_GZIP = 16 + zlib.MAX_WBITS


def read_body(request: Request, max_bytes: int) -> bytes:
    """Read a request's body; one with `Content-Encoding: gzip` is unpacked.

    Parameters
    ----------
    max_bytes
        Largest body, as it comes and unpacked.

    Raises
    ------
    ProblemError
        It has no length (411), is too large (413), is packed in another way (415), or ended early (400).
    """
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in {"identity", "gzip", "x-gzip"}:
        raise ProblemError(
            UNKNOWN_ENCODING,
            f"the Content-Encoding is {encoding[:60]!a}; gzip is taken",
            headers={"Accept-Encoding": "gzip"},
        )
    length = request.content_length
    if length is None:
        # A chunked body: the server may cut it at a limit without a word.
        raise ProblemError(NO_LENGTH, "the request has no Content-Length")
    if length > max_bytes:
        raise ProblemError(BODY_TOO_LARGE, f"the body has {length} bytes; at most {max_bytes} are taken")
    body = request.get_data(cache=False)
    if len(body) != length:
        raise ProblemError(MALFORMED_BODY, f"the body ended after {len(body)} of {length} bytes")
    return body if encoding == "identity" else unpacked(body, max_bytes)


def unpacked(body: bytes, max_bytes: int) -> bytes:
    """Unpack gzip, of one member or several, and no further than the limit.

    Raises
    ------
    ProblemError
        It is not gzip or was cut off (400), or is too large (413).
    """
    parts, room = [], max_bytes
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            part = member.decompress(body, room + 1)
        except zlib.error as error:
            raise ProblemError(MALFORMED_BODY, f"the body is not gzip: {error}") from error
        room -= len(part)
        if room < 0:
            raise ProblemError(BODY_TOO_LARGE, f"the body has more than {max_bytes} bytes unpacked")
        if not member.eof:
            raise ProblemError(MALFORMED_BODY, "the gzip ended early")
        parts.append(part)
        body = member.unused_data
    return b"".join(parts)


def discard_body(request: Request) -> None:
    """Read what is left of a refused request's body, up to `DISCARDED_BYTES`.

    A client that is still sending when the connection closes sees a broken connection, not the answer.
    """
    left = DISCARDED_BYTES
    while left > 0 and (chunk := request.stream.read(min(left, 2**16))):
        left -= len(chunk)
