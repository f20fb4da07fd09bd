"""Forms of numbers."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.text.numbers import detect_decimal_mark, number_fault, plain_numbers, read_clean_numbers


def text(*cells: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


@pytest.mark.parametrize(
    ("cell", "number"),
    [
        ("1180", 1180),
        ("1,180", 1180),
        ("12,34,567.5", 1234567.5),
        ("1 180", 1180),
        ("1'180", 1180),
        ("$450,000", 450000),
        ("-$5", -5),
        ("€ 450,000", 450000),
        ("USD 450,000", 450000),
        ("450000 USD", 450000),
        ("R$ 450,000", 450000),
        ("NT$450,000", 450000),
        ("₩ 450,000", 450000),
        ("KRW 450,000", 450000),
        (".75", 0.75),
        ("-.75", -0.75),
        ("1180.", 1180),
        ("+47.5", 47.5),
        ("\u2212122.25", -122.25),
        ("1.18e3", 1180),
        ("2,000 sq ft", 2000),
        ("2000sqft", 2000),
        ("2000 Sq. Ft.", 2000),
    ],
)
def test_a_number_is_read_in_the_forms_that_people_write(cell: str, number: float) -> None:
    [plain] = plain_numbers(text(cell), unit="ft²").to_pylist()
    assert float(plain) == number


@pytest.mark.parametrize("cell", ["84 m²", "84㎡", "84 qm", "84 mq", "84 mts2", "84 m2"])
def test_a_size_is_read_in_the_spellings_of_many_countries(cell: str) -> None:
    assert plain_numbers(text(cell), unit="m²").to_pylist() == ["84"]


@pytest.mark.parametrize(
    "cell", ["abc", "1,18", "1,1800", "1..2", "1.180,5", "12 m²", "1,180 sq m", "--5", "2-3", "1056 - 1200", "."]
)
def test_other_text_is_no_number(cell: str) -> None:
    assert plain_numbers(text(cell), unit="ft²").to_pylist() == [None]


@pytest.mark.parametrize(
    ("cell", "fault"),
    [
        ("1056 - 1200", "a range, not a number; write one number, such as its middle"),
        ("1,056 to 1,200", "a range, not a number; write one number, such as its middle"),
        ("34.46Sq. Meter", "a number with words behind it that are not the unit of the fact"),
        ("450K", "an abbreviated number; write all its digits, such as 450000 for 450K"),
        ("$1.25M", "an abbreviated number; write all its digits, such as 450000 for 450K"),
        ("12 m", "a number with words behind it that are not the unit of the fact"),
        ("3 beds", "a number with words behind it that are not the unit of the fact"),
        ("2015-03-14", "not a number"),
        ("big", "not a number"),
    ],
)
def test_what_is_no_number_is_named(cell: str, fault: str) -> None:
    assert number_fault(cell) == fault


@pytest.mark.parametrize(
    ("cell", "number"), [("1.180,5", 1180.5), ("1180", 1180), ("47,5112", 47.5112), ("1.180", 1180), (",5", 0.5)]
)
def test_a_decimal_comma_changes_what_the_marks_mean(cell: str, number: float) -> None:
    [plain] = plain_numbers(text(cell), ",").to_pylist()
    assert float(plain) == number


def test_a_decimal_point_is_no_number_where_commas_are_declared() -> None:
    assert plain_numbers(text("47.5"), ",").to_pylist() == [None]


@given(st.floats(-1e12, 1e12))
def test_what_python_writes_with_thousands_is_read_back(number: float) -> None:
    [plain] = plain_numbers(text(f"{number:,.3f}")).to_pylist()
    assert float(plain) == float(f"{number:.3f}")


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (("R$ 1.450.000,00",), ","),
        (("450.000,50 €",), ","),
        (("69,5 m²", "70 m²"), ","),
        (("1.450.000",), ","),
        (("1,450,000",), "."),
        (("€ 450.000,-",), ","),
        (("$1,450,000.00",), "."),
        (("69.5 m²",), "."),
        (("$450,000", "€ 450.000"), None),
        (("47,5112",), ","),
        (("1.180,5",), ","),
        (("0,5", "1180"), ","),
        (("47.51", "1,180"), "."),
        (("1,180",), None),
        (("1.180",), None),
        (("47,51", "47.51"), None),
    ],
)
def test_a_decimal_mark_is_detected_only_where_numbers_prove_it(cells: tuple[str, ...], mark: str | None) -> None:
    assert detect_decimal_mark(text(*cells)) == mark


@given(st.lists(st.text("+-.0123456789eE", max_size=7), min_size=1, max_size=4))
def test_columns_that_are_read_at_once_have_the_numbers_of_their_cells(cells: list[str]) -> None:
    numbers = read_clean_numbers(text(*cells))
    if numbers is not None:
        alone = [plain_numbers(text(cell))[0].as_py() for cell in cells]
        assert numbers.to_pylist() == [None if cell is None else float(cell) for cell in alone]


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "nan", "1e999", "0x1A", "1,180", " 1", "n/a"])
def test_no_column_with_another_form_is_read_at_once(cell: str) -> None:
    assert read_clean_numbers(text("1", cell, "")) is None
    numbers = read_clean_numbers(text("1", "", "-2.5"))
    assert numbers is not None
    assert numbers.to_pylist() == [1.0, None, -2.5]
