"""Bodies are complete and within the limit, also after decompression."""

import gzip

import pytest
from flask import Flask, request

from service.http.body import decompress, read_body
from service.http.problems import ProblemError


def problem_of(content: bytes, limit: int) -> str:
    with pytest.raises(ProblemError) as error:
        decompress(content, limit)
    return error.value.problem_type.name


@pytest.mark.parametrize("size", [0, 1, 99, 100])
def test_a_body_within_the_limit_is_decompressed(size: int) -> None:
    assert decompress(gzip.compress(b"a" * size), 100) == b"a" * size
    assert (
        decompress(gzip.compress(b"a" * (size // 2)) + gzip.compress(b"a" * (size - size // 2)), 100)
        == b"a" * size
    )


def test_decompression_stops_at_the_limit() -> None:
    assert problem_of(gzip.compress(b"a" * 101), 100) == "body-too-large"
    assert problem_of(gzip.compress(b"a" * 51) * 2, 100) == "body-too-large"
    assert problem_of(gzip.compress(bytes(50_000_000)), 100) == "body-too-large"


@pytest.mark.parametrize("kept", [1, 10, 20, -1])
def test_truncated_gzip_is_refused(kept: int) -> None:
    assert problem_of(gzip.compress(b"a home, and another one")[:kept], 100) == "malformed-body"


def test_damaged_gzip_is_refused() -> None:
    content = bytearray(gzip.compress(b"a home, and another one"))
    content[-5] ^= 1  # a byte of the checksum
    assert problem_of(bytes(content), 100) == "malformed-body"


def test_the_limit_applies_before_decompression_too() -> None:
    with Flask("test").test_request_context(data=b"a" * 101), pytest.raises(ProblemError) as error:
        read_body(request, 100)
    assert error.value.problem_type.name == "body-too-large"
