"""Numbers that a file writes where a value is not known."""

import pyarrow as pa
import pytest

from estimator.drafting.missing_codes import missing_codes
from estimator.drafting.profiles import profile_table


def codes(**columns: list[str]) -> dict[str, str]:
    return dict(missing_codes(profile_table(pa.table(columns), ".")))


YEARS = [str(1950 + n) for n in range(20)]


@pytest.mark.parametrize("code", ["-1", "-9", "-99", "-999", "-9999", "-1.0"])
def test_the_only_number_below_0_is_a_code_if_it_is_a_usual_one(code: str) -> None:
    assert codes(built=[*YEARS, code, code]) == {code: "built"}


def test_other_numbers_below_0_are_values() -> None:
    assert codes(depth=[*YEARS, "-12"]) == {}
    assert codes(depth=[*YEARS, "-1", "-2"]) == {}


def test_a_code_that_is_rare_is_a_mistake() -> None:
    assert codes(built=[*YEARS * 5, "-1"]) == {}


def test_a_scale_around_0_has_no_code() -> None:
    assert codes(rating=["-1", "0", "1"] * 7) == {}


def test_a_code_that_is_a_value_of_another_column_is_none() -> None:
    assert codes(built=[*YEARS, "-1"], longitude=[f"{-n / 2:g}" for n in range(21)]) == {}
