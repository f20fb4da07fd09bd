"""Forms of dates."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.text.dates import check_date_format, date_fault, detect_date_form, parse_dates


def text(*cells: str) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(cells, pa.string())])


def days(*cells: str, declared: str | None = None) -> list[str]:
    found = parse_dates(text(*cells), detect_date_form(text(*cells), declared))
    return [str(day) for day in found]


@pytest.mark.parametrize(
    "cell",
    [
        "2015-03-14",
        "2015-03-14 00:00:00",
        "2015-03-14T00:00:00Z",
        "2015-03-14T23:30:00.123+02:00",
        "20150314",
        "20150314T000000",
        "2015/3/14",
        "2015.03.14",
        "14.03.2015",
        "14.3.2015 17:05",
        "14.03.15",
        "3/14/2015",
        "03-14-2015",
        "14/3/2015 0:00",
        "3/14/2015 5:05:00 PM",
        "3/14/15",
        "14-Mar-2015",
        "14-MAR-15",
        "14 March 2015",
        "March 14, 2015",
        "Mar 14 2015",
        "March-14-2015",
        "Saturday, March 14, 2015",
        "Sat, 14 Mar 2015 09:30:00 GMT",
        "sat 14.03.2015",
    ],
)
def test_a_date_without_doubt_is_read(cell: str) -> None:
    assert days(cell) == ["2015-03-14"]


def test_one_day_above_twelve_proves_the_order_of_its_column() -> None:
    assert days("3/4/2015", "13/4/2015") == ["2015-04-03", "2015-04-13"]
    assert days("3/4/2015", "4/13/2015") == ["2015-03-04", "2015-04-13"]


@pytest.mark.parametrize("cells", [("3/4/2015",), ("3/4/2015", "13/4/2015", "4/13/2015")])
def test_a_month_in_doubt_is_no_date_and_the_message_names_the_setting(cells: tuple[str, ...]) -> None:
    assert days(*cells) == ["NaT"] * len(cells)
    assert "date_format" in date_fault(cells[0])[1]


@pytest.mark.parametrize("cell", ["2015-03", "03/2015", "3/2015", "03-2015", "March 2015", "Mar-2015", "Mar-15"])
def test_a_month_without_a_day_is_its_first_day(cell: str) -> None:
    assert days(cell) == ["2015-03-01"]


def test_iso_dates_are_read_beside_one_other_form_however_many_there_are() -> None:
    assert days("2015-03-14", "2015-03-15", "3/4/2015", "3/14/2015") == [
        "2015-03-14",
        "2015-03-15",
        "2015-03-04",
        "2015-03-14",
    ]


def test_of_two_other_forms_the_rarer_one_is_named() -> None:
    assert days("14.03.2015", "15.03.2015", "16-Mar-2015") == ["2015-03-14", "2015-03-15", "NaT"]
    assert date_fault("16-Mar-2015")[1].startswith("a date like 27 May 2015, but most dates of the column")


def test_both_orders_of_day_and_month_in_one_column_are_named() -> None:
    assert days("3/4/2015", "13/4/2015", "4/13/2015") == ["NaT"] * 3
    assert date_fault("13/4/2015")[1].startswith("a date with the day first, but other dates of the column")
    assert date_fault("4/13/2015")[1].startswith("a date with the month first, but")
    assert date_fault("31/02/2015")[1] == "not a date like 2015-05-27"


def test_a_declared_form_leaves_no_doubt_and_iso_dates_stay_dates() -> None:
    assert days("3/4/2015", "2015-03-14", "x", declared="%d/%m/%Y") == ["2015-04-03", "2015-03-14", "NaT"]


def test_a_day_as_excel_counts_is_named() -> None:
    assert date_fault("42077")[0] == "'42077' (2015-03-14)"


def test_seconds_and_milliseconds_since_1970_are_named() -> None:
    assert days("1426291200", "1426291200000") == ["NaT"] * 2
    assert date_fault("1426291200") == (
        "'1426291200' (2015-03-14)",
        "the seconds since 1970; save the column as dates like 2015-05-27",
    )
    assert date_fault("1426291200000")[1].startswith("the milliseconds since 1970")
    assert date_fault("2015052712")[1] == "not a date like 2015-05-27", "a day and an hour"


@pytest.mark.parametrize(
    "cell", ["2015-02-30", "0000-01-01", "31.04.2015", "2015", "yesterday", "2015-13", "1015-03", "7/3015"]
)
def test_a_day_that_does_not_exist_is_no_date(cell: str) -> None:
    assert days(cell) == ["NaT"]


@given(st.dates(), st.sampled_from(["%d.%m.%Y", "%d %B %Y", "%Y%m%d"]))
def test_dates_that_python_writes_are_read_back(day: dt.date, form: str) -> None:
    if day.year >= 1500 and day.year < 2200:
        assert days(day.strftime(form)) == [str(np.datetime64(day))]


@pytest.mark.parametrize("declared", ["%d/%m/%Y", "%m-%d-%y", "%Y%m%d", "%d %b %Y"])
def test_a_form_with_day_month_and_year_can_be_declared(declared: str) -> None:
    check_date_format(declared)


@pytest.mark.parametrize("declared", ["%d/%m", "dd.mm.yyyy", "%Y-%j-%q", ""])
def test_other_forms_cannot_be_declared(declared: str) -> None:
    with pytest.raises(ValueError, match="day, month and year"):
        check_date_format(declared)
