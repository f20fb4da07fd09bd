"""One value and a column of values are parsed and checked alike."""

import datetime as dt
import decimal
import json
import math
import re
import unicodedata
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from estimator.market.checks import check_column, check_value
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.kinds import KINDS
from estimator.market.values import MAX_LABEL_LENGTH, format_value

BOUNDS = {name: kind.default_bounds for name, kind in KINDS.items()} | {
    "number": (-1000.0, 20000.0),
    "integer": (0.0, 20.0),
}


def feature(kind: str, **declared: Any) -> Feature:
    minimum, maximum = BOUNDS[kind]
    return Feature(
        **{"name": "fact", "kind": kind, "column": "fact", "minimum": minimum, "maximum": maximum} | declared
    )


def column(values: list[Any], kind: pa.DataType | None = None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(values, kind)])


def check_cells(of: Feature, values: list[Any], kind: pa.DataType | None = None) -> list[Any]:
    """Return the result for each cell of a column: the value, None if unknown, or an error."""
    found, problems = check_column(of, column(values, kind))
    known = Facts({of.name: found}).known(of.name)
    answers: list[Any] = [
        value if is_known else None for value, is_known in zip(found.tolist(), known, strict=True)
    ]
    for problem in problems:
        assert problem.field == of.name
        assert answers[problem.row] is None, "a value with a problem must be unknown"
        answers[problem.row] = ValueError(problem.message)
    return answers


def value_or_error(of: Feature, value: object) -> Any:
    try:
        return check_value(of, value)
    except ValueError as error:
        return error


def agree(one: Any, other: Any) -> bool:
    if isinstance(one, ValueError) or isinstance(other, ValueError):
        return isinstance(one, ValueError) and isinstance(other, ValueError)
    return bool(one == other)


texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=30),
    st.from_regex(r"-?[0-9]{1,4}(\.[0-9]{1,3})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
    st.from_regex(r"[ \t\u00a0]?[+-]?[0-9_.,eE０-９]{1,8}[ \n\x1c]?", fullmatch=True),
    st.sampled_from(
        [
            "true",
            "FALSE",
            "Yes",
            "nO",
            "Y",
            "n",
            "1",
            "0",
            "1.0",
            "0.0",
            "t",
            "on",
            "NaN",
            "inf",
            "-Infinity",
            "0x10",
            "1e999",
        ]
    ),
    st.dates().map(str),
    st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]", fullmatch=True),
    st.integers(195, 205).map(lambda length: "x" * length),
)


def number_as_json(text: str) -> Any:
    """Return the number as JSON would read it, which does not allow leading zeros."""
    return json.loads(re.sub(r"^(-?)0+(?=[0-9])", r"\1", text))


@pytest.mark.parametrize("kind", ["number", "integer", "latitude", "longitude"])
@given(text=texts)
@example(text="1e999")
@example(text="9" * 400)
@example(text="-0")
@example(text="3.0")
@example(text="3.9")
@example(text="20000.000000000004")
def test_a_number_is_the_same_in_a_file_and_in_json(kind: str, text: str) -> None:
    (answer,) = check_cells(feature(kind), [text], pa.string())
    trimmed = text.strip()
    if not trimmed:
        assert answer is None
    elif re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?", trimmed, re.ASCII):
        assert agree(answer, value_or_error(feature(kind), number_as_json(trimmed)))
    else:
        assert isinstance(answer, ValueError)


@given(text=texts)
@example(text="a\x1c")
@example(text="a\u00a0b")
@example(text="\U000e0001")
@example(text="\ufffe")
def test_a_label_is_the_same_in_a_file_and_in_json(text: str) -> None:
    if any(unicodedata.category(character) == "Cn" for character in text):
        return  # Python and Arrow have different versions of Unicode
    (answer,) = check_cells(feature("category"), [text], pa.string())
    if not text.strip():
        assert answer is None  # an empty cell is unknown; JSON leaves unknown facts out
    else:
        assert agree(answer, value_or_error(feature("category"), text))


@given(text=texts)
@example(text="0000-01-01")
@example(text="0001-01-01")
@example(text="9999-12-31")
@example(text="2015-02-29")
@example(text="2015-02-30")
@example(text="２015-01-01")
def test_a_date_is_the_same_in_a_file_and_in_json(text: str) -> None:
    (answer,) = check_cells(feature("date"), [text], pa.string())
    if not text.strip():
        assert answer is None
    else:
        assert agree(answer, value_or_error(feature("date"), text.strip()))


@given(text=texts)
def test_a_boolean_in_a_file_is_one_of_ten_words(text: str) -> None:
    (answer,) = check_cells(feature("boolean"), [text], pa.string())
    word = text.strip()
    meaning = {"true": 1.0, "yes": 1.0, "y": 1.0, "1": 1.0, "1.0": 1.0}
    meaning |= {"false": 0.0, "no": 0.0, "n": 0.0, "0": 0.0, "0.0": 0.0}
    if not word:
        assert answer is None
    elif word.isascii() and word.lower() in meaning:
        assert answer == meaning[word.lower()]
    else:
        assert isinstance(answer, ValueError)


plain_json = st.one_of(
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P")), min_size=1, max_size=20),
)


@pytest.mark.parametrize("kind", KINDS)
@given(value=plain_json)
def test_a_typed_column_is_checked_like_typed_json(kind: str, value: bool | int | float | str) -> None:
    if isinstance(value, str):
        return  # text in Parquet is read like text in CSV
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        value = float(value)
    of = feature(kind)
    answer = value_or_error(of, value)
    if of.is_label and isinstance(value, float):
        # A column of whole numbers with one missing is one of floats; in JSON a float is never a label.
        whole = value.is_integer() and abs(value) <= 2**53
        answer = str(int(value)) if whole else ValueError()
    assert agree(check_cells(of, [value])[0], answer)


@given(st.lists(st.one_of(st.none(), texts), max_size=8), st.sampled_from(list(KINDS)))
def test_a_cell_is_checked_independently_of_the_others(cells: list[str | None], kind: str) -> None:
    of = feature(kind)
    together = [str(answer) for answer in check_cells(of, cells, pa.string())]
    alone = [str(answer) for cell in cells for answer in check_cells(of, [cell], pa.string())]
    assert together == alone


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        [1],
        {"a": 1},
        math.nan,
        math.inf,
        10**400,
        -(10**5000),
        "",
        "\ud800",
        "\x00",
        "x" * 10_000,
        b"1",
        1j,
        "1" * 5_000,
    ],
    ids=lambda value: f"{type(value).__name__} {format_value(value)!a}"[:30],
)
def test_any_wrong_value_gets_a_short_message(kind: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".") as error:
        check_value(feature(kind), value)
    message = str(error.value)
    assert len(message) < 1_000
    assert "set_int_max_str_digits" not in message


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("number", 20001, "20001 is above the maximum of 20000 ft²"),
        ("number", -1000.5, "-1000.5 is below the minimum of -1000 ft²"),
        ("number", True, "true is not a number"),
        ("number", [None, True], "a list is not a number"),
        ("number", {"a": 1}, "an object is not a number"),
        ("category", False, "false is not text"),
        ("number", "12", "'12' is not a number"),
        ("integer", 3.9, "3.9 is not a whole number"),
        ("boolean", 2, "2 is neither true nor false"),
        ("boolean", "true", "'true' is neither true nor false"),
        ("date", "2015-02-30", "'2015-02-30' is not a date like 2015-05-27"),
        ("date", 20150227, "20150227 is not a date like 2015-05-27"),
        ("latitude", 90.5, "90.5 is above the maximum of 90 ft²"),
        ("category", " ", "the text is empty; leave out what is unknown"),
        ("category", 1.5, "1.5 is not text"),
        ("category", "a\x07b", r"'a\x07b' contains characters that cannot be printed"),
    ],
)
def test_a_message_names_the_value_and_the_bound(kind: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match="^" + re.escape(message) + "$"):
        check_value(feature(kind, unit="ft²"), value)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("integer", 3.0, 3.0),
        ("number", 20000, 20000.0),
        ("boolean", True, 1.0),
        ("boolean", 0, 0.0),
        ("date", "1970-01-02", 1.0),
        ("date", "1969-12-31", -1.0),
        ("postal_code", 98178, "98178"),
        ("postal_code", " 98178 ", "98178"),
        ("category", "x" * MAX_LABEL_LENGTH, "x" * MAX_LABEL_LENGTH),
    ],
)
def test_a_good_value_is_returned_as_stored(kind: str, value: object, expected: float | str) -> None:
    assert check_value(feature(kind), value) == expected


BIG = 2**53 + 1


@pytest.mark.parametrize(
    ("kind", "values", "arrow", "expected"),
    [
        ("number", [12.5, None, math.nan], pa.float64(), [12.5, None, None]),
        ("number", [1.5], pa.float32(), [1.5]),
        ("number", [decimal.Decimal("12.50")], pa.decimal128(6, 2), [12.5]),
        ("number", ["7", None], pa.dictionary(pa.int8(), pa.string()), [7.0, None]),
        ("number", ["7"], pa.large_string(), [7.0]),
        ("number", ["7"], pa.string_view(), [7.0]),
        ("number", [None, None], pa.null(), [None, None]),
        ("boolean", [True, False, None], pa.bool_(), [1.0, 0.0, None]),
        ("boolean", [1, 0, None], pa.int8(), [1.0, 0.0, None]),
        ("boolean", ["yes"], pa.dictionary(pa.int8(), pa.string()), [1.0]),
        ("date", [dt.date(1970, 1, 2), None], pa.date32(), [1.0, None]),
        ("date", [dt.date(1970, 1, 2)], pa.date64(), [1.0]),
        ("date", ["1970-01-02", None], pa.dictionary(pa.int8(), pa.string()), [1.0, None]),
        ("date", [-60], pa.timestamp("s"), [-1.0]),
        ("postal_code", [98178.0, None], pa.float64(), ["98178", None]),
        ("postal_code", [BIG], pa.int64(), [str(BIG)]),
        ("postal_code", ["a", None], pa.dictionary(pa.int8(), pa.string()), ["a", None]),
    ],
)
def test_typed_columns_are_read(kind: str, values: list[Any], arrow: pa.DataType, expected: list[Any]) -> None:
    assert check_cells(feature(kind), values, arrow) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "values",
    [
        column([1], pa.time32("s")),
        column([1], pa.duration("s")),
        column([10**13], pa.timestamp("s")),
        column([10**8], pa.date32()),
        column([b"12"], pa.binary()),
        column([[1]], pa.list_(pa.int64())),
        column([{"a": 1}], pa.struct([("a", pa.int64())])),
    ],
    ids=lambda values: str(values.type),
)
def test_all_cells_of_a_column_of_an_unusable_type_are_problems(kind: str, values: pa.ChunkedArray) -> None:
    found, problems = check_column(feature(kind), values)
    assert [problem.row for problem in problems] == [0]
    assert not Facts({"fact": found}).known("fact").any()


def test_a_number_that_cannot_be_a_label_does_not_affect_other_cells() -> None:
    answers = check_cells(feature("postal_code"), [98001.0, 98001.5, math.inf, 2.0**60, -1.0], pa.float64())
    assert [str(answer) for answer in answers] == [
        "98001",
        "98001.5 is not text",
        "inf is not text",
        "1.15292150460685e+18 is not text",
        "-1",
    ]


def test_a_zero_decimal_is_removed_from_postal_codes() -> None:
    assert check_cells(feature("postal_code"), ["98001.0", "98001", "98001.5", "A.0"], pa.string()) == [
        *("98001", "98001", "98001.5", "A.0"),
    ]


def test_an_integer_too_long_for_a_float_is_rounded() -> None:
    assert check_cells(feature("number", maximum=None), [7, BIG], pa.int64()) == [7.0, float(BIG)]


def test_true_is_not_a_number_in_a_file() -> None:
    (answer,) = check_cells(feature("number"), [True], pa.bool_())
    assert str(answer) == "true is not a number"
