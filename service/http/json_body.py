"""Strict JSON in, JSON out. Knows HTTP and JSON, nothing of homes.

What the standard library lets pass is refused here: two values for one key, NaN, numbers that overflow, nesting
that overflows the stack.
"""

import codecs
import json
import math
from typing import Any, NoReturn

import orjson
from flask import Request, Response

from service.http.body import read_body
from service.http.problems import MALFORMED_JSON, NOT_JSON, ProblemError

MAX_DEPTH = 8
"""Levels of nesting: the deepest body that any route documents has 2."""


def read_json(request: Request, max_bytes: int) -> Any:
    """Read a request's body as one JSON value.

    Raises
    ------
    ProblemError
        It is not declared to be JSON (415), is not JSON (400), or what `read_body` raises.
    """
    if not is_json(request.mimetype):
        raise ProblemError(
            NOT_JSON, f"the Content-Type is {request.mimetype or 'not given'}; send application/json"
        )
    return parse_json(read_body(request, max_bytes))


def is_json(media_type: str) -> bool:
    """Return whether a media type is that of JSON, or of something that is JSON too."""
    return media_type == "application/json" or (
        media_type.startswith("application/") and media_type.endswith("+json")
    )


def parse_json(body: bytes) -> Any:
    """Parse one JSON value.

    Raises
    ------
    ProblemError
        The bytes are not strict JSON; the detail says why.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _parse_strictly(body)
    return document if _is_plain(body, document) else _parse_strictly(body)


def _is_plain(body: bytes, document: Any) -> bool:
    """Return whether what the quick parser made of a body is surely what the strict one would.

    The quick one differs in three ways, and the bytes are counted for each. It keeps the last of two values for
    one key: there are then more colons than keys. It nests far deeper: there are then brackets left. It makes
    floats of integers over 64 bits: there is then a long run of digits. Signs inside texts only add to the counts.
    """
    if _LONG_INTEGER in body.translate(_DIGITS_AS_0):
        return False
    brackets, keys = body.count(b"[") + body.count(b"{"), 0
    level = [document] if isinstance(document, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        keys += sum(len(outer) for outer in level if isinstance(outer, dict))
        brackets -= len(level)
        if brackets <= 0:
            break
        level = _inner(level)
    return brackets == 0 and keys == body.count(b":")


def _parse_strictly(body: bytes) -> Any:
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


_LONG_INTEGER = b"0" * 19
_DIGITS_AS_0 = bytes.maketrans(b"123456789", b"000000000")
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
        level = _inner(level)
    if level:
        raise _malformed(_TOO_DEEP)


def _inner(level: list[Any]) -> list[Any]:
    """Return the objects and lists directly inside those of a level."""
    return [
        inner
        for outer in level
        for inner in (outer.values() if isinstance(outer, dict) else outer)
        if isinstance(inner, (dict, list))
    ]
