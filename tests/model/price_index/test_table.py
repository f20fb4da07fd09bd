"""The price index as people see it: factors relative to the newest month with sales."""

import numpy as np
import pytest

from estimator.market.arrays import DateArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.model.price_index.index import PriceIndex
from estimator.model.price_index.segments import AREA, Grouping
from estimator.model.price_index.table import factor_to_dates, grouping_tables, index_table

YEAR = np.log(1.2) * np.arange(14) / 12
"""Level of prices that rise by 20% a year, in 13 months with sales and one that is forecast."""
FIRST = 12 * 44 + 10
"""November 2014."""
MARKET = Market.from_dict(
    {
        "name": "made_up",
        "currency": "SEK",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "features": [
            {"name": "quarter", "kind": "category"},
            {"name": "built", "kind": "integer"},
            {"name": "lot", "kind": "number", "unit": "m²"},
            {"name": "north", "kind": "latitude"},
            {"name": "east", "kind": "longitude"},
        ],
    }
)
HOMES = Facts(
    {
        "quarter": np.array(["old", "old", "new", ""]),
        "built": np.array([1900.0, 1950.0, 2000.0, np.nan]),
        "lot": np.array([500.0, 500.0, 1500.0, 1500.0]),
        "north": np.array([59.0, 59.2, 60.0, 60.2]),
        "east": np.array([18.0, 18.0, 18.5, 18.5]),
    }
)


def made_up_index(*groupings: Grouping, paths: tuple[FloatArray, ...] = ()) -> PriceIndex:
    return PriceIndex(FIRST, 13, YEAR, np.linspace(0.01, 0.03, 14), YEAR[:13], np.zeros(13), groupings, paths)


def test_months_are_factors_of_the_newest_one_with_sales() -> None:
    table = index_table(made_up_index()).as_dict()
    assert (table["month"][0], table["newest_month"], table["month"][-1]) == ("2014-11", "2015-11", "2015-12")
    assert table["is_forecast"] == [False] * 13 + [True]
    assert table["index"][12] == 1
    assert table["index"][0] == pytest.approx(1 / 1.2, abs=1e-5)
    assert table["high"][13] / table["index"][13] == pytest.approx(np.exp(1.645 * 0.03), abs=1e-4)
    assert table["index"][0] / table["low"][0] == pytest.approx(np.exp(1.645 * 0.01), abs=1e-4)


def test_the_summary_has_the_changes_of_a_year_and_a_quarter_and_the_forecast() -> None:
    assert index_table(made_up_index()).summary() == {
        "newest_month": "2015-11",
        "change_3_months": pytest.approx(1.2**0.25 - 1, abs=1e-5),
        "change_12_months": pytest.approx(0.2),
        "forecast_next_month": pytest.approx(1.2 ** (1 / 12) - 1, abs=1e-5),
    }
    assert index_table(made_up_index()).change(-13, 0) is None
    assert index_table(made_up_index()).change(0, 2) is None


def test_a_market_without_dates_has_an_empty_table() -> None:
    table = index_table(PriceIndex())
    assert (table.summary(), table.newest_month, table.as_dict()["month"]) == (None, None, [])
    assert grouping_tables(MARKET, PriceIndex(), HOMES) == []
    assert (factor_to_dates(MARKET, PriceIndex(), HOMES, None) == 1).all()


def test_a_group_moves_by_its_own_path_and_follows_the_market_after_the_newest_sale() -> None:
    path = np.zeros((13, 2))
    path[:, 0] = np.log(1.1) * (12 - np.arange(13)) / 12  # the new quarter was 10% dearer a year ago
    grouping = Grouping("quarter", labels=np.array(["new", "old"]))
    (table,) = grouping_tables(MARKET, made_up_index(grouping, paths=(path,)), HOMES)
    assert [(group.name, group.sales) for group in table.groups] == [("old", 2), ("new", 1)]
    old, new = (group.index for group in table.groups)
    assert (old[0], old[12]) == (pytest.approx(1 / 1.2), 1)
    assert (new[0], new[12]) == (pytest.approx(1.1 / 1.2), 1)
    assert new[13] == old[13] == pytest.approx(1.2 ** (1 / 12))


def test_groups_have_names_that_people_can_read() -> None:
    cut = 59.5 * 111.195  # km north of the equator, roughly
    boxes = np.array([[-np.inf, cut, -np.inf, np.inf], [cut, np.inf, -np.inf, np.inf]])
    groupings = (
        Grouping("built", centres=np.array([1925.0, 1975.0])),
        Grouping("lot", centres=np.array([750.0, 1250.0])),
        Grouping(AREA, boxes=boxes, mean_latitude=59.6),
    )
    index = made_up_index(*groupings, paths=(np.zeros((13, 2)),) * 3)
    names = [[group.name for group in table.groups] for table in grouping_tables(MARKET, index, HOMES)]
    assert names == [["1925", "1975"], ["750 m²", "1,250 m²"], ["59.1, 18", "60.1, 18.5"]]
    area = grouping_tables(MARKET, index, HOMES)[2].groups[0].as_dict()
    assert (area["latitude"], area["longitude"], area["sales"]) == (59.1, 18.0, 2)


def test_the_factor_of_a_date_is_how_far_the_index_moves_to_it() -> None:
    path = np.zeros((13, 1))
    path[0] = 0.3
    index = made_up_index(Grouping("quarter", labels=np.array(["old"])), paths=(path,))
    factor = factor_to_dates(MARKET, index, HOMES, np.full(4, "2014-11-01", "datetime64[D]"))
    assert factor[0] / factor[2] == pytest.approx(np.exp(0.3))  # the third home is in no group
    assert factor[2] == pytest.approx(1 / 1.2)
    dates: DateArray = np.array(["2015-11-15", "2015-11-16"] * 2, "datetime64[D]")
    around = factor_to_dates(MARKET, index, HOMES, dates)
    assert around[0] < 1 < around[1]  # November has 30 days: its middle is between these two
