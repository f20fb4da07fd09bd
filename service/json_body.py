"""Strict JSON in, JSON out. Knows HTTP and JSON, nothing of homes.

What the standard library lets pass is refused here: a body that may have been cut off, two values for one key,
NaN, numbers that overflow, nesting that overflows the stack.
"""

import codecs
import json
import math
from typing import Any, NoReturn

from flask import Request, Response

from service.problems import BODY_TOO_LARGE, MALFORMED_JSON, NO_LENGTH, NOT_JSON, ProblemError

MAX_DEPTH = 8
"""Levels of nesting: the deepest body that any route documents has 2."""

DISCARDED_BYTES = 64 * 2**20
"""Of a body that is refused unread, this much is received all the same: eight times the default `max_body`."""


def read_json(request: Request, max_bytes: int) -> Any:
    """Read a request's body as one JSON value.

    Raises
    ------
    ProblemError
        It is not declared to be JSON (415), has no length (411), is too large (413), or is not JSON (400).
    """
    media_type = request.mimetype
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        raise ProblemError(NOT_JSON, f"the Content-Type is {media_type or 'not given'}; send application/json")
    length = request.content_length
    if length is None:
        # A chunked body: the server may cut it at a limit without a word.
        raise ProblemError(NO_LENGTH, "the request has no Content-Length")
    if length > max_bytes:
        raise ProblemError(BODY_TOO_LARGE, f"the body has {length} bytes; at most {max_bytes} are taken")
    body = request.get_data(cache=False)
    if len(body) != length:
        raise _malformed(f"the body ended after {len(body)} of {length} bytes")
    return parse_json(body)


def parse_json(body: bytes) -> Any:
    """Parse one JSON value.

    Raises
    ------
    ProblemError
        The bytes are not strict JSON; the detail says why.
    """
    if body.startswith(codecs.BOM_UTF8):
        raise _malformed("the body begins with a byte order mark")
    try:
        document = _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _malformed(f"the body is not UTF-8: {error.reason} at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg}: line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise _malformed(_TOO_DEEP) from error
    except ValueError as error:
        # Python reads integers of a few thousand digits at most, since the time it takes grows with their square.
        raise _malformed("an integer has too many digits") from error
    _check_depth(document)
    return document


def discard_body(request: Request) -> None:
    """Read what is left of a refused request's body, up to `DISCARDED_BYTES`.

    A client that is still sending when the connection closes sees a broken connection, not the answer.
    """
    left = DISCARDED_BYTES
    while left > 0 and (chunk := request.stream.read(min(left, 2**16))):
        left -= len(chunk)


def json_answer(content: Any, status: int = 200) -> Response:
    """Return an answer of compact JSON.

    Raises
    ------
    ValueError
        The content holds NaN or an infinity, which JSON has no word for.
    """
    return Response(
        json.dumps(content, separators=(",", ":"), allow_nan=False), status, content_type="application/json"
    )


_TOO_DEEP = f"values are nested more than {MAX_DEPTH} deep"


def _malformed(detail: str) -> ProblemError:
    return ProblemError(MALFORMED_JSON, detail)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise _malformed(f"the key {name[:60]!a} stands twice in one object")
            seen.add(name)
    return members


def _float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise _malformed(f"the number {text[:60]} is outside of double precision")
    return number


def _constant(name: str) -> NoReturn:
    raise _malformed(f"{name} is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_float=_float, parse_constant=_constant)


def _check_depth(document: Any) -> None:
    """Refuse deep nesting, level by level: a recursive look would itself overflow the stack."""
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, (dict, list))
        ]
    if level:
        raise _malformed(_TOO_DEEP)
