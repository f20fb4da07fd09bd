"""Tables are checked by column: names, aliases, required facts and sale dates."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from estimator.market.checks import check_table, find_columns, valuation_dates
from estimator.market.market import Market

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "sold",
        "features": [
            {
                "name": "size",
                "kind": "number",
                "column": "m2",
                "aliases": ["area"],
                "required": True,
                "minimum": 10,
            },
            {"name": "rooms", "kind": "integer"},
            {"name": "garden", "kind": "boolean"},
            {"name": "listed", "kind": "date"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)


def test_columns_are_found_by_name_column_and_alias() -> None:
    for name in ("size", "m2", "area"):
        assert find_columns(MARKET.features, ["other", name]) == {"size": name}
    with pytest.raises(ValueError, match="'m2' and 'area' both stand for size"):
        find_columns(MARKET.features, ["m2", "area"])


def test_the_problems_of_a_table_are_sorted_by_row() -> None:
    table = pa.table(
        {
            "m2": ["100", "", "x", "5", "80"],
            "rooms": ["3", "3.5", "2", "2", ""],
            "unrelated": ["", "", "", "", ""],
        }
    )
    facts, problems = check_table(MARKET.features, table)
    assert [(problem.row, str(problem)) for problem in problems] == [
        (1, "size: is required"),
        (1, "rooms: 3.5 is not a whole number"),
        (2, "size: 'x' is not a number"),
        (3, "size: 5 is below the minimum of 10"),
    ]
    assert len(facts) == 5
    np.testing.assert_array_equal(facts["size"], [100, np.nan, np.nan, np.nan, 80])
    assert not facts.known("quarter").any()
    assert not facts.known("garden").any()


def test_a_table_without_rows_has_no_homes_and_no_problems() -> None:
    empty = pa.table({name: pa.array([], pa.string()) for name in ("m2", "rooms", "garden", "listed", "quarter")})
    facts, problems = check_table(MARKET.features, empty)
    assert (len(facts), problems) == (0, [])


def test_valuation_dates_are_read_from_the_column_of_sale_dates() -> None:
    dates, problems = valuation_dates(MARKET, pa.table({"sold": ["2015-01-02", "", "2015-13-01"]}))
    assert dates.tolist() == [dt.date(2015, 1, 2), None, None]
    assert [str(problem) for problem in problems] == ["sold: '2015-13-01' is not a date like 2015-05-27"]
    assert np.isnat(valuation_dates(MARKET, pa.table({"m2": ["1"]}))[0]).all()
