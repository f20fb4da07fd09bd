import datetime as dt
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.columns import date_column, day_column, number_column, text_column
from estimator.market.values import parse_date, parse_day

EPOCH = dt.date(1970, 1, 1)


def test_a_timestamp_is_the_date_in_its_time_zone() -> None:
    late_in_seattle = dt.datetime(2015, 5, 28, 6, 30, tzinfo=dt.UTC)  # 23:30 the day before
    seattle = pa.chunked_array([pa.array([late_in_seattle], pa.timestamp("ns", tz="America/Los_Angeles"))])
    assert date_column("date", seattle)[0].tolist() == [dt.date(2015, 5, 27)]


def test_a_column_in_several_chunks_is_read_as_one() -> None:
    chunks = pa.chunked_array([["1", "x"], [], ["3", ""]], pa.string())
    values, problems = number_column("fact", chunks)
    np.testing.assert_array_equal(values, [1, np.nan, 3, np.nan])
    assert [(problem.row, problem.message) for problem in problems] == [(1, "'x' is not a number")]


@pytest.mark.parametrize(
    ("cells", "shown"),
    [([[1, 2], None], "a list"), ([{"a": 1}, None], "an object"), ([b"\xff", None], "b'\\xff'")],
)
def test_lists_objects_and_bytes_are_not_text(cells: list[Any], shown: str) -> None:
    text, problems = text_column("id", pa.chunked_array([pa.array(cells)]))
    assert text.to_pylist() == [None, None]
    assert [(problem.row, problem.message) for problem in problems] == [(0, f"{shown} is not text")]


@given(st.dates())
def test_every_date_can_be_parsed(day: dt.date) -> None:
    assert parse_date(day.isoformat()) == day
    column = pa.chunked_array([[day.isoformat()]])
    dates, problems = date_column("date", column)
    assert (dates.tolist(), problems) == ([day], [])
    days = (day - EPOCH).days
    assert parse_day(day.isoformat()) == day_column("date", column)[0][0] == days
