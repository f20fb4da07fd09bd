"""The numbers and charts of the report about prices over time."""

import re
from typing import Any

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.report.index_charts import MAX_GROUPS, group_indices, market_index
from estimator.report.page import render
from tests.report.page_parser import Page, Report, check_numbers


def test_the_index_says_how_the_values_of_a_home_move(report: Report, appraiser: Appraiser) -> None:
    index = report["price_index"]
    newest = index["month"].index(index["newest_month"])
    assert index["is_forecast"] == [row > newest for row in range(len(index["month"]))]
    middle = np.array([f"{index['month'][newest]}-16", f"{index['month'][newest + 12]}-16"], "datetime64[D]")
    home = appraiser.reference_home.take(np.zeros(2, np.intp))
    before, after = appraiser.model.index.at(appraiser.market, home, middle)
    # The middle of a month lies at most half a day from its 16th.
    assert index["forecast_year"] == pytest.approx(100 * np.expm1(after - before), abs=0.1)


def test_changes_are_those_of_the_drawn_months(report: Report) -> None:
    index = report["price_index"]
    known = [value for value, ahead in zip(index["index"], index["is_forecast"], strict=True) if not ahead]
    assert known[-1] == 1
    for name, months in (("change_3_months", 3), ("change_12_months", 12), ("change_since_start", len(known) - 1)):
        expected = 100 * (1 / known[-1 - months] - 1) if months < len(known) else None
        assert index[name] == pytest.approx(expected, abs=0.01), name


def test_a_page_with_areas_shows_their_names_and_changes(report: Report) -> None:
    page = Page(render(report | {"price_index": with_areas(report, 3)}))
    check_numbers(page, {"this": report | {"price_index": with_areas(report, 3)}})
    assert "47.1, -122.5" in page.text
    assert "By area and segment" in page.text
    assert "By area and segment" not in Page(render(report)).text


def test_an_undated_market_has_no_section_about_prices_over_time(report: Report) -> None:
    assert "Prices over time" in Page(render(report)).text
    assert "Prices over time" not in Page(render(report | {"price_index": None})).text


def test_only_the_largest_groups_are_drawn(report: Report) -> None:
    drawn = group_indices(with_areas(report, 20))
    names = set(re.findall(r"47\.\d+, -122\.5", drawn))
    assert names == {f"47.{number}, -122.5" for number in range(1, MAX_GROUPS + 1)}


def test_a_single_month_can_be_drawn(report: Report) -> None:
    index = with_areas(report, 1)
    ahead = len(index["month"]) - 13
    index |= {"is_forecast": [False] + [True] * ahead}
    index |= {name: index[name][: ahead + 1] for name in ("month", "index", "low", "high")}
    assert market_index(index).startswith("<svg")
    assert group_indices(index).startswith("<svg")


def with_areas(report: Report, count: int) -> dict[str, Any]:
    """Return the report's price index with areas that were made up."""
    index: dict[str, Any] = report["price_index"]
    groups = [
        {
            "name": f"47.{number}, -122.5",
            "sales": 100 - number,
            "latitude": 47 + number / 10,
            "longitude": -122.5,
            "index": index["index"],
            "change_12_months": None,
            "change_since_start": 1.25,
        }
        for number in range(1, count + 1)
    ]
    return index | {"groupings": [{"name": "area", "groups": groups}]}
