import operator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.errors import MarketError
from estimator.market.row_filter import check_condition, matching_rows

COMPARE = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TABLE = pa.table(
    {
        "type": ["house", " house ", "flat", "NA", "plot"],
        "price": ["100000", "50", "200000", "", "300000"],
        "Sale Date": ["2014-05-27", "2014-06-01", "2015-01-01", "2016-01-01", "n/a"],
        "beds": ["3", "2", "2", "1", "x"],
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        ("type == 'house'", [0, 1]),
        ('type = "house"', [0, 1]),
        ("type != 'house'", [2, 4]),
        ("TYPE == 'house'", [0, 1]),
        ("type in ('flat', 'plot')", [2, 4]),
        ("type not in ('flat', 'plot')", [0, 1]),
        ("not type == 'flat'", [0, 1, 4]),
        ("type is missing", [3]),
        ("type is not missing and price >= 100000", [0, 2, 4]),
        ("price < 1e5", [1]),
        ("beds == 2", [1, 2]),
        ("`Sale Date` >= '2014-06-01'", [1, 2, 3]),
        ("saledate < '2015-01-01'", [0, 1]),
        ("type == 'house' or type == 'flat' and beds == 3", [0, 1]),
        ("(type == 'house' or type == 'flat') and beds == 3", [0]),
        ("type == 'house' OR TYPE = 'flat'", [0, 1, 2]),
    ],
)
def test_a_condition_selects_rows(condition: str, rows: list[int]) -> None:
    check_condition(condition)
    assert np.flatnonzero(matching_rows(condition, TABLE)).tolist() == rows


def test_typed_columns_are_compared_as_they_are() -> None:
    table = pa.table({"size": [1.0, None, 3.0], "day": np.array(["2014-01-01"] * 3, "datetime64[D]")})
    assert matching_rows("size > 1 and day >= '2014-01-01'", table).tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("type == house", "expected a number, or text in quotes"),
        ("type", "expected a comparison such as == or in"),
        ("type == 'a' type", "at 'type': expected the end"),
        ("(type == 'a'", "at its end: expected ')'"),
        ("", "expected the name of a column"),
        ("type is 'a'", "expected 'missing'"),
        ("__import__('os').system('x')", "cannot be understood"),
        ("price + 1 > 2", "cannot be understood"),
        ("type < 'b'", "compares text by size"),
        ("type > '2015-02-30'", "no day of the calendar"),
        ("3 == beds", "expected the name of a column"),
        ("type not == 'a'", "expected a comparison"),
    ],
)
def test_what_cannot_be_understood_is_refused_with_its_place(condition: str, message: str) -> None:
    with pytest.raises(MarketError) as error:
        check_condition(condition)
    assert message in str(error.value)


def test_an_unknown_column_is_named_with_the_one_that_it_resembles() -> None:
    with pytest.raises(MarketError, match=r"names the column 'prise'.*did you mean price\?"):
        matching_rows("prise > 1", TABLE)


@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=1, max_size=20),
    st.sampled_from(list(COMPARE)),
    st.integers(-5, 5),
)
def test_comparisons_agree_with_those_of_python(values: list[int | None], sign: str, bound: int) -> None:
    expected = [value is not None and COMPARE[sign](value, bound) for value in values]
    table = pa.table({"x": ["" if value is None else str(value) for value in values]})
    assert matching_rows(f"x {sign} {bound}", table).tolist() == expected
