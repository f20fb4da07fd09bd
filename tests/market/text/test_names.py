"""Names of columns."""

import pytest

from estimator.market.text.names import plain_name, resembling
from estimator.market.text.separators import detect_separator


@pytest.mark.parametrize(
    "name",
    ["square_footage", "Square Footage", "SQUARE_FOOTAGE", "squareFootage", " square-footage", "Square.Footage"],
)
def test_names_are_compared_without_case_blanks_and_underscores(name: str) -> None:
    assert plain_name(name) == "squarefootage"


@pytest.mark.parametrize(
    ("name", "fact"),
    [
        ("Grad", "grade"),
        ("bedroms", "bedrooms"),
        ("garage", None),
        ("price per ft", None),
        ("latitud", "latitude"),
    ],
)
def test_a_mistyped_name_resembles_the_fact_that_it_means(name: str, fact: str | None) -> None:
    assert resembling(name, ["grade", "bedrooms", "latitude"]) == fact


@pytest.mark.parametrize(
    ("header", "separator"),
    [
        ("a;b;c", ";"),
        ("a,b", ","),
        ('"a;b",c', ","),
        ("a\tb", "\t"),
        ("a|b|c", "|"),
        ("a", ","),
        ('"a, b";c', ";"),
    ],
)
def test_the_separator_is_what_stands_between_the_names(header: str, separator: str) -> None:
    assert detect_separator(header) == separator
