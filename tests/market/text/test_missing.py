"""Words for missing values."""

import pyarrow as pa
import pytest

from estimator.market.text.missing import drop_missing, strip


@pytest.mark.parametrize(
    "word",
    [
        "NA",
        "NaN",
        "NULL",
        "None",
        "n/a",
        "#N/A",
        "-",
        "?",
        "",
        "  ",
        "null ",
        "\\N",
        "—",
        "#NUM!",
        "No Data",
        "[NULL]",
    ],
)
def test_a_word_for_missing_is_no_value(word: str) -> None:
    assert drop_missing(strip(pa.chunked_array([[word, "7"]]))).to_pylist() == [None, "7"]


def test_the_marks_of_spreadsheets_around_a_code_are_not_part_of_it() -> None:
    column = pa.chunked_array([['="02138"', "'02138", "'t Hof", '=""', "it's"]])
    assert strip(column).to_pylist() == ["02138", "02138", "'t Hof", None, "it's"]


def test_the_markets_own_words_are_missing_too() -> None:
    column = pa.chunked_array([["-1", "Unspecified", "1"]])
    assert drop_missing(column, ["-1", "UNSPECIFIED"]).to_pylist() == [None, None, "1"]


def test_a_number_below_zero_and_a_name_with_a_dash_are_values() -> None:
    column = pa.chunked_array([["-1", "A-B", "Nancy"]])
    assert drop_missing(column).to_pylist() == ["-1", "A-B", "Nancy"]
