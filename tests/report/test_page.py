"""Every number on the page is in report.json, and the page is self-contained."""

import json
import re
from pathlib import Path

import pytest

from estimator.report import PAGE
from estimator.report.files import read_report
from estimator.report.page import render
from tests.report.page_parser import Page, Report, check_numbers


def test_every_number_on_the_page_is_the_one_in_the_json(report: Report) -> None:
    check_numbers(Page(render(report)), {"this": report})


def test_every_number_in_a_table_comes_from_the_json(report: Report) -> None:
    units = {fact["unit"] for fact in report["data"]["facts"]}
    bare = {text for text in Page(render(report)).bare_cells if re.search("[0-9]", text)}
    assert bare - units == set()


@pytest.mark.training
def test_the_saved_page_is_rendered_from_the_saved_json_only(town: Path) -> None:
    report = read_report(town)
    assert report["version"] == town.name
    page = (town / PAGE).read_text(encoding="utf-8")
    assert render(report) == page
    check_numbers(Page(page), {"this": report})


@pytest.mark.training
@pytest.mark.parametrize("word", ["None", "nan", "inf", "{{", "undefined"])
def test_missing_parts_of_a_market_leave_no_placeholders_on_the_page(town: Path, word: str) -> None:
    page = Page((town / PAGE).read_text(encoding="utf-8"))
    assert not re.search(rf"\b{re.escape(word)}\b" if word.isalpha() else re.escape(word), page.text)
    assert "By month" not in page.text
    assert ("How the price surface developed" in page.text) == (read_report(town)["surface"] is not None)


def test_the_page_says_what_the_student_loses(report: Report) -> None:
    said = "its log RMSE is 0.1652 and theirs 0.1648, and the median difference of their values is 0.71%"
    assert said in Page(render(report)).text
    assert "They then taught one network" not in Page(render(report | {"student": None})).text


def test_without_an_area_of_enough_sales_the_page_says_so(report: Report) -> None:
    levels = {"judged": 2, "outside": 1, "lowest": 0.88, "highest": 1.02}
    some = Page(render(report | {"area_levels": levels})).text
    none = Page(render(report | {"area_levels": dict.fromkeys(levels, 0)})).text
    for of_all, of_none in (
        ("Of the 2 areas with", "No area has 30 sales or more, so none gets a verdict of its own."),
        ("Level by area: of the 2 areas", "Level by area: no area has 30 test sales or more."),
    ):
        assert of_all in some
        assert of_all not in none
        assert of_none in none
        assert of_none not in some


def test_the_page_says_what_is_to_check_about_the_sales_of_a_refresh(report: Report) -> None:
    record = {
        "from": "first",
        "added": 300,
        "replaced": 0,
        "known": 0,
        "training": {"version": "first", "newest_sale": "2016-07-01"},
        "training_age_days": 3,
        "newest_sale": "2016-10-01",
        "level_change": 0.6,
        "set_aside": report["set_aside"],
        "lacking_facts": {"grade": 300, "view": 120},
        "known_under_another_id": {"sales": 290, "id": "0123", "known_id": "123"},
    }
    text = " ".join(Page(render(report | {"refreshed": record})).text.split())
    assert "nor the network: grade in 300 of them, view in 120 of them." in text
    assert "290 of the added sales have the price, the day and the facts of a known sale" in text
    usual = record | {"lacking_facts": {}, "known_under_another_id": None}
    text = Page(render(report | {"refreshed": usual})).text
    assert "lack facts" not in text
    assert "another identifier" not in text


def test_the_page_says_how_the_files_of_sales_differ(report: Report) -> None:
    assert "lack" not in Page(render(report)).text
    differences = {"lacking_columns": ["lot_size (old.csv)", "<b> (new.csv)"], "label_variants": ["Oak, OAK"]}
    page = Page(render(report | {"set_aside": report["set_aside"] | differences}))
    assert (
        "some of the files of sales lack, unknown in their sales: lot_size (old.csv), <b> (new.csv)." in page.text
    )
    assert "Labels that differ only in case, or in zeros in front: Oak, OAK." in page.text


def test_the_page_opens_without_a_network_and_needs_no_script(report: Report, town: Path) -> None:
    for html in (render(report), (town / PAGE).read_text(encoding="utf-8")):
        page = Page(html)
        assert "script" not in page.tags
        assert all(address.startswith(("#", "data:")) for address in page.addresses)
        assert all(address.startswith(("data:", "#")) for address in re.findall(r"url\(([^)]*)\)", html))
        assert "@import" not in html


def test_ids_on_the_page_are_unique(report: Report) -> None:
    names = re.findall(r' id="([^"]*)"', render(report, report | {"version": "other"}))
    assert len(names) > 20
    assert len(set(names)) == len(names)


def test_links_within_the_page_lead_somewhere(report: Report) -> None:
    html = render(report, report | {"version": "other"})
    targets = set(re.findall(r' id="([^"]*)"', html))
    links = re.findall(r'<a href="#([^"]*)"', html)
    assert "comparison" in links
    assert [link for link in links if link not in targets] == []


def test_two_versions_are_compared_side_by_side(report: Report) -> None:
    other = json.loads(json.dumps(report)) | {"version": "the-other", "seed": 1}
    other["error_figures"]["all_facts"]["mdape"] = 12.3456
    page = Page(render(report, other))
    check_numbers(page, {"this": report, "other": other})
    assert ("other", "/error_figures/all_facts/mdape", "12.3456", "12.35%") in page.numbers
    assert "They differ in seed" in page.text
    assert "Both were tested on the same sales" in Page(render(report, report)).text
