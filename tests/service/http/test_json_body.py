"""Strict JSON is parsed, and anything else refused with the reason."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from service.http.json_body import (
    EXTRA_NESTED,
    MAX_DEPTH,
    _parse_strictly,
    check_nested,
    count_nested,
    json_answer,
    parse_json,
)
from service.http.problems import ProblemError

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=6,
)


def depth(value: object) -> int:
    """Return the number of nested levels."""
    if not isinstance(value, (dict, list)):
        return 0
    return 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)


@given(JSON_VALUES.filter(lambda value: depth(value) <= MAX_DEPTH))
def test_json_is_parsed_like_the_standard_library_does(value: object) -> None:
    body = json.dumps(value)
    assert parse_json(body.encode()) == json.loads(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "line 1, column 2"),
        (b'{"a": 1} rubbish', "Extra data"),
        (b'{"a": 1}{"a": 1}', "Extra data"),
        (b"{'a': 1}", "Expecting property name"),
        (b'{"a": NaN}', "NaN is not a JSON value"),
        (b'{"a": Infinity}', "Infinity is not a JSON value"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON value"),
        (b'{"a": 1e999}', "1e999 is outside the range of double precision"),
        (b'{"a": -1e999}', "-1e999 is outside the range of double precision"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' is used twice"),
        (b'[{"deep": {"a": 1, "a": 1}}]', "the key 'a' is used twice"),
        (b'{"\\ud800": 1, "\\ud800": 2}', r"the key '\ud800' is used twice"),
        (b'{"a": ' + b"1" * 5000 + b"}", "too many digits"),
        (b"[" * 5000 + b"]" * 5000, "nested"),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, "nested"),
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), "nested"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": "\xff"}', "not UTF-8: invalid start byte at byte 7"),
        (b'{"a": "\x01"}', "Invalid control character"),
    ],
)
def test_json_that_is_not_strict_is_refused_with_the_reason(body: bytes, reason: str) -> None:
    with pytest.raises(ProblemError) as error:
        parse_json(body)
    assert error.value.code == 400
    assert reason in str(error.value.description)


def test_nesting_up_to_the_limit_is_accepted() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH) is not None


def test_a_duplicate_key_is_found_in_a_large_object() -> None:
    members = ", ".join(f'"{number}": 0' for number in range(100_000))
    with pytest.raises(ProblemError):
        parse_json(f'{{{members}, "99999": 1}}'.encode())


def test_an_answer_never_contains_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_answer({"price": float("nan")})


TOKENS = [
    *(
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        '"a"',
        '"b"',
        '"a:["',
        '"\\u0061"',
        "1",
        "-0",
        "1e5",
        "1e999",
        "NaN",
        "true",
        "null",
    ),
    *(
        "12345678901234567890",
        "123456789012345678",
        "1.1234567890123456789",
        '"\\ud800"',
        " ",
        "\n",
        "\ufeff",
        "\x00",
    ),
]


@given(
    text=st.lists(st.sampled_from(TOKENS), max_size=12).map("".join)
    | st.recursive(
        st.integers() | st.floats() | st.text(max_size=3) | st.booleans() | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
        max_leaves=8,
    ).map(json.dumps)
)
@hypothesis_settings(max_examples=1500)
def test_the_fast_parser_is_as_strict_as_the_strict_parser(text: str) -> None:
    body = text.encode()

    def answer(parse: Callable[[bytes], Any]) -> tuple[Any, str]:
        try:
            document = parse(body)
        except ProblemError as problem:
            return problem.code, str(problem.description)
        return repr(document), ""

    assert answer(parse_json) == answer(_parse_strictly)


@pytest.mark.parametrize(
    "body",
    [
        b'{"a": 1, "a": 2}',
        b'[{"a": 1, "b": 2}, {"a": 1, "a": 2}]',
        b'{"a": {}, "a": {}}',
        b"[" * 9 + b"]" * 9,
        b"[[[[[[[[[]]]]]]]], {}]",
    ],
)
def test_json_that_orjson_accepts_is_still_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as error:
        parse_json(body)
    assert error.value.code == 400


def test_integers_too_large_for_orjson_stay_exact() -> None:
    assert parse_json(b"[18446744073709551616]") == [18446744073709551616]


@pytest.mark.parametrize(
    ("body", "n"),
    [
        (b"[]", 1),
        (b'[{"a": [1, {}]}, {}]', 5),
        (b'["[[[{{{"]', 1),
        (rb'["a\"[[[{{{"]', 1),
        (rb'["a\\", [[[]]]]', 4),
        (rb'["\\\"[", {}, "{"]', 2),
        (b'"[[[[', 0),
    ],
)
def test_objects_and_lists_are_counted_without_those_in_text(body: bytes, n: int) -> None:
    assert count_nested(body, -1) == n


@given(st.recursive(st.text('[]{}\\"a\n', max_size=5), st.lists, max_leaves=10))
def test_the_count_is_that_of_the_parsed_document(document: Any) -> None:
    def count(value: Any) -> int:
        return 1 + sum(map(count, value)) if isinstance(value, list) else 0

    assert count_nested(json.dumps(document).encode(), -1) == count(document)


def test_more_objects_than_homes_are_refused_before_they_are_parsed() -> None:
    check_nested(b"[" + b"{}," * (50 + EXTRA_NESTED - 1) + b"1]", 50)
    with pytest.raises(
        ProblemError, match="the body has 1051 objects and lists; the maximum number of homes is 50"
    ):
        check_nested(b"[" + b"{}," * (50 + EXTRA_NESTED) + b"1]", 50)
