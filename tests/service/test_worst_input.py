"""Every parser of input takes time in proportion to its input, whatever that is: none can freeze a worker."""

import gzip
import time
from collections.abc import Callable
from contextlib import suppress

import pytest
from werkzeug.datastructures import MultiDict

from estimator.errors import EstimatorError
from estimator.market.feature import Feature
from estimator.market.kinds import KINDS
from estimator.market.market import Market
from estimator.market.tables import parse_csv
from estimator.market.values import parse_date
from service.http.body import decompress
from service.http.json_body import parse_json
from service.http.problems import INVALID_CONFIDENCE, ProblemError
from service.http.tracing import _REQUEST_ID, _TRACEPARENT
from service.valuation.includes import read_include
from service.valuation.parameters import MAX_NUMBER_LENGTH, read_number
from tests.conftest import KING_COUNTY

MARKET = Market.read(KING_COUNTY)
LENGTH = 1_000_000
"""Characters of the longest input."""
SHORTER = 8
"""How many times shorter the other input is."""
MAX_GROWTH = 3 * SHORTER
"""Ratio of the times: the lengths' ratio with room for noise. In quadratic time it would be 64."""
NOISE_SECONDS = 0.02
"""Below this a time is mostly noise."""


PARSERS: dict[str, Callable[[str], object]] = {
    "number in the query": lambda text: read_number(
        MultiDict({"confidence": text}), "confidence", INVALID_CONFIDENCE
    ),
    "include": lambda text: read_include(text, MARKET),
    "request id": _REQUEST_ID.fullmatch,
    "traceparent": _TRACEPARENT.fullmatch,
    "date": parse_date,
    "JSON": lambda text: parse_json(text.encode()),
    "JSON string": lambda text: parse_json(b'{"a": "' + text.replace('"', "").encode() + b'"}'),
    "CSV": lambda text: parse_csv(text.encode(), 1000),
    "gzip": lambda text: decompress(text.encode(), 10 * LENGTH),
    **{f"fact of kind {name}": kind.parse_value for name, kind in KINDS.items()},
}
WORST: dict[str, Callable[[int], str]] = {
    "digits, then a letter": lambda n: "1" * n + "x",
    "digits": lambda n: "1" * n,
    "points": lambda n: "1." * (n // 2),
    "zeros with an exponent": lambda n: "0" * n + "e9",
    "brackets": lambda n: "[" * n,
    "quotes": lambda n: '"' * n,
    "backslashes": lambda n: "\\" * n,
    "commas": lambda n: "," * n,
    "newlines": lambda n: "\n" * n,
    "blanks": lambda n: " " * n + "x",
    "dashes": lambda n: "0-" * (n // 2),
    "colons": lambda n: "what_if:" * (n // 8),
    "not ASCII": lambda n: "\N{COMBINING ACUTE ACCENT}" * (n // 2),
}


def seconds(parse: Callable[[str], object], text: str) -> float:
    """Return the shortest of three times."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        with suppress(ProblemError, EstimatorError, ValueError):
            parse(text)
        times.append(time.perf_counter() - start)
    return min(times)


@pytest.mark.slow
@pytest.mark.parametrize("worst", list(WORST))
@pytest.mark.parametrize("parser", list(PARSERS))
def test_time_grows_no_faster_than_the_input(parser: str, worst: str) -> None:
    parse, text = PARSERS[parser], WORST[worst]
    short, long = seconds(parse, text(LENGTH // SHORTER)), seconds(parse, text(LENGTH))
    assert long < MAX_GROWTH * max(short, NOISE_SECONDS)


@pytest.mark.parametrize("text", ["0.9", ".9", "0." + "5" * (MAX_NUMBER_LENGTH - 2), "7", "00.5"])
def test_numbers_in_the_query_are_read(text: str) -> None:
    assert read_number(MultiDict({"confidence": text}), "confidence", INVALID_CONFIDENCE) == float(text)


@pytest.mark.parametrize("text", ["", ".", "9.", "1" * (MAX_NUMBER_LENGTH + 1), "1_0", "٣", "1e3", "-1", "inf"])
def test_other_text_is_not_a_number(text: str) -> None:
    with pytest.raises(ProblemError, match="is not a number such as"):
        read_number(MultiDict({"confidence": text}), "confidence", INVALID_CONFIDENCE)


def test_a_body_of_very_many_empty_gzip_members_is_refused_at_once() -> None:
    body = gzip.compress(b"", mtime=0) * 400_000
    start = time.perf_counter()
    with pytest.raises(ProblemError, match="more than 16 members"):
        decompress(body, 8 * 2**20)
    one_copy = time.perf_counter()
    bytes(bytearray(body))
    assert one_copy - start < 1000 * max(time.perf_counter() - one_copy, 1e-3)


def test_a_few_gzip_members_are_accepted() -> None:
    assert decompress(gzip.compress(b"ab") * 16, 100) == b"ab" * 16


def test_labels_are_bounded_before_anything_else() -> None:
    feature = Feature("colour", "category", "colour")
    with pytest.raises(ValueError, match="longer than"):
        feature.fact_kind.parse_value("x" * LENGTH)
