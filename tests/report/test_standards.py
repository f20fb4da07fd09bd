"""Report and `GET /model` agree in every number that both show, and the page shows them."""

import json
import re
from typing import Any

import pytest

from estimator.report.page import _STANDARDS, render
from estimator.report.standard_charts import on_map, price_bands, standards
from tests.report.page_parser import Page, Report, at, check_numbers


def test_the_verdict_table_shows_every_standard_and_comes_first(report: Report) -> None:
    html = render(report)
    page = Page(html)
    assert set(_STANDARDS) == {entry["name"] for entry in report["standards"]["all_facts"]}
    shown = {pointer for _, pointer, _, _ in page.numbers}
    for fact_set, entries in report["standards"].items():
        for row, entry in enumerate(entries):
            if entry["value"] is not None:
                assert f"/standards/{fact_set}/{row}/value" in shown
    assert re.findall('<section id="([a-z]*)"', html)[:2] == ["verdict", "gate"]


def test_areas_and_price_bands_have_the_figures_of_the_ratio_study(report: Report) -> None:
    """98118 was .897, not met, in /model, and .901 in the report, because only one of them left out outliers."""
    study = report["ratio_study"]["all_facts"]
    areas = {entry["postal_code"]: entry for entry in study["areas"]}
    assert {entry["area"] for entry in report["by_area"]} == set(areas)
    for entry in report["by_area"]:
        assert {"postal_code": entry["area"]} | entry["study"] == areas[entry["area"]]
        assert entry["n"] == entry["study"]["n"] + entry["study"]["trimmed"]
    bands = [{name: band[name] for name in ("low", "high")} | band["study"] for band in report["by_price"]]
    assert bands == study["price_bands"]
    not_met = [entry["met"]["median_ratio"] for entry in study["areas"]].count(False)
    assert report["area_levels"]["outside"] == not_met


def test_shared_figures_are_the_same_wherever_they_are_shown(report: Report) -> None:
    """Names that the standards, the error figures and the ratio study share."""
    overall, errors = report["ratio_study"]["all_facts"]["overall"], report["error_figures"]["all_facts"]
    by_name = {entry["name"]: entry["value"] for entry in report["standards"]["all_facts"]}
    assert {name: overall[name] for name in by_name if name in overall} | {
        name: errors[name] for name in by_name if name not in overall
    } == by_name
    at_90 = next(level for level in report["coverage"]["all_facts"] if level["confidence"] == 90)
    assert at_90["held"] == pytest.approx(by_name["coverage"], abs=0.005)
    assert (
        sum(group["n"] for group in report["by_month"]) == errors["n"] == sum(g["n"] for g in report["by_value"])
    )
    assert len([price for price in report["test_sales"]["price"] if price is not None]) == errors["n"]


def test_a_standard_that_is_not_met_or_not_certain_is_said_so(report: Report) -> None:
    changed = json.loads(json.dumps(report))
    entries = changed["standards"]["all_facts"]
    entries[0] |= {"met": False, "certain": True}
    entries[1] |= {"met": True, "certain": False}
    entries[2] |= {"met": None, "certain": None, "reason": "fewer than 30 sales"}
    page = Page(render(changed))
    check_numbers(page, {"this": changed})
    shown = " ".join(page.text.split())
    assert "Not met: median ratio" in shown
    assert "Without a verdict: PRD" in shown
    assert "no verdict: fewer than 30 sales" in shown
    assert "met, perhaps by chance" in shown


def entry(**changes: Any) -> dict[str, Any]:
    plain = {"name": "cod", "value": 9.0, "low": 8.0, "high": 10.0, "least": 5.0, "most": 15.0, "met": True}
    return plain | changes


def test_the_chart_of_standards_leaves_out_what_has_no_value_or_no_lower_bound() -> None:
    drawn = standards([
        entry(),
        entry(name="hit_rate", most=None, least=90.0, value=97.0),
        entry(name="vei_significance", least=None, low=None, high=None),
        entry(name="prb", value=None),
        entry(name="fsd_ratio", value=44.0, low=None, high=None, met=False),
    ])  # fmt: skip
    for text in ("COD, 5 to 15", "hit rate, 90 to 100", "FSD honesty"):
        assert text in drawn
    assert "significance" not in drawn
    assert "PRB" not in drawn


def test_a_baseline_with_other_bands_is_left_out_of_the_chart() -> None:
    figures = {f"{key}{end}": 1.0 for key in ("median_ratio", "cod") for end in ("", "_low", "_high")}
    assert "ridge regression</" in price_bands([figures] * 2, [figures] * 2, ["a", "b"])
    assert "ridge regression</" not in price_bands([figures] * 2, [figures] * 4, ["a", "b"])


def test_the_map_has_the_areas_with_a_place_and_enough_sales(report: Report) -> None:
    area = {"area": "x", "latitude": 47.0, "longitude": -122.0}
    study = {"n": 30, "median_ratio": 0.8, "met": {"median_ratio": False}}
    few = {"n": 29, "median_ratio": 0.8, "met": {"median_ratio": None}}
    shown = on_map([area | {"study": study}, area | {"study": few}, area | {"study": study, "latitude": None}])
    assert [(entry["area"], entry["ratio"], entry["met"]) for entry in shown] == [("x", 0.8, False)]
    assert on_map(None) == []
    latitudes = [entry["latitude"] for entry in report["by_area"]]
    assert all(47 < latitude < 48 for latitude in latitudes)
    assert at(report, "/by_area/0/longitude") < -121
