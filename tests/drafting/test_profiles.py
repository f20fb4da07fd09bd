from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from estimator.drafting.profiles import Profile, detect_table_decimal_mark, header_unit, profile_table


def profile(cells: Sequence[str | None], name: str = "column") -> Profile:
    return profile_table(pa.table({name: pa.array(cells, pa.string())}), ".")[0]


def test_numbers_are_read_in_the_forms_that_people_write() -> None:
    column = profile(["1,180", "$450,000", ".75", "NA", "-", "2,000 sq ft"], "size_sqft")
    assert column.known == 4
    np.testing.assert_array_equal(column.known_numbers, [1180, 450_000, 0.75, 2000])
    assert column.unit == "ft²"


def test_a_tenth_of_a_column_of_numbers_may_be_unreadable() -> None:
    assert profile(["1"] * 9 + ["1056 - 1200"]).is_number
    assert not profile(["1"] * 8 + ["1056 - 1200", "x"]).is_number


@pytest.mark.parametrize(
    ("cells", "is_date"),
    [
        (["20141013T000000", "20150527T000000"], True),
        (["27.05.2015", "28.05.2015"], True),
        (["3/4/2015", "5/6/2015"], True),
        (["3/14/2015", "2015-03-15"], True),
        (["3/4/2015", "2015-03-15"], True),
        (["2015-03", "2015-04"], True),
        (["4512-03", "4513-04"], False),
        (["7129300520", "6414100192"], False),
        (["20149913", "20141399"], False),
        (["42077", "42078"], False),
    ],
)
def test_dates_are_recognised(cells: list[str], is_date: bool) -> None:
    assert profile(cells).is_date == is_date


def test_a_month_in_doubt_gives_no_days() -> None:
    column = profile(["3/4/2015", "5/6/2015"])
    assert column.date_form is not None
    assert (column.date_form.format, column.days) == (None, None)


@pytest.mark.parametrize(
    ("cells", "is_boolean"), [(["Y", "N", "Y"], True), (["0", "1"], True), (["1", "2"], False)]
)
def test_booleans_are_recognised(cells: list[str], is_boolean: bool) -> None:
    assert profile(cells).is_boolean == is_boolean


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("total_sqft", "ft²"),
        ("Bsmt_Unf_SF", "ft²"),
        ("floor_area_sqm", "m²"),
        ("area (m²)", "m²"),
        ("LotSizeSquareFeet", "ft²"),
        ("LotSizeAcres", "acres"),
        ("dist_km", "km"),
        ("bedrooms", ""),
        ("comfort", ""),
    ],
)
def test_headers_tell_units(name: str, unit: str) -> None:
    assert header_unit(name) == unit


def test_cells_tell_units() -> None:
    assert profile(["34.5 Sq. M", "40 sq. m"]).unit == "m²"


def test_a_decimal_comma_is_recognised_by_the_whole_table() -> None:
    table = pa.table({"lat": ["47,5112", "47,6112"], "price": ["1.180", "2.180"]})
    assert detect_table_decimal_mark(table) == ","
    assert profile_table(table, ",")[1].known_numbers.tolist() == [1180, 2180]
    assert detect_table_decimal_mark(pa.table({"price": ["1,180"]})) is None


def test_typed_columns_keep_their_types() -> None:
    day = np.array(["2015-05-27", "2015-05-28"], "datetime64[D]")
    table = pa.table({"day": day, "size": [1.5, None], "type": pa.array(["a", "b"]).dictionary_encode()})
    dates, size, label = profile_table(table, ".")
    np.testing.assert_array_equal(dates.days, day)
    assert size.is_number
    assert (size.known, label.is_number, label.distinct) == (1, False, 2)
