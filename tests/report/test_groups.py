"""`house-price report --groups`: how the file is read, and what the page says of it."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.errors import DataError
from estimator.market.market import Market
from estimator.report.files import read_report
from estimator.report.group_file import read_groups
from estimator.report.group_section import with_groups
from estimator.report.page import render
from tests.conftest import run_command
from tests.report.page_parser import Page, Report, check_numbers


def shares(folder: Path, market: Market, text: str) -> dict[str, list[float]]:
    """Write a file, read it, and return each group's share by area."""
    file = folder / "groups.csv"
    file.write_text(text, encoding="utf-8")
    return {group.name: group.share.tolist() for group in read_groups(file, market, "postal_code").groups}


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("postal_code,a\n98001,.25\n98002,1\n", {"a": [0.25, 1]}),
        ("zipcode,a\n98001,25\n98002,100\n", {"a": [0.25, 1]}),
        ("Area;a\n98001;25,5%\n98002;NA\n", {"a": [0.255, np.nan]}),
        (
            "area,band\n98001,low\n98002,high\n98003,\n",
            {"band: high": [0, 1, np.nan], "band: low": [1, 0, np.nan]},
        ),
        (
            'area,income\n98001,"$40,000"\n98002,50000\n98003,60000\n98004,"90,000"\n',
            {
                "income: 40k to 47.5k": [1, 0, 0, 0],
                "income: 47.5k to 55k": [0, 1, 0, 0],
                "income: 55k to 67.5k": [0, 0, 1, 0],
                "income: 67.5k to 90k": [0, 0, 0, 1],
            },
        ),
    ],
)
def test_shares_bands_and_amounts_are_read_as_people_write_them(
    tmp_path: Path, market: Market, text: str, groups: dict[str, list[float]]
) -> None:
    found = shares(tmp_path, market, text)
    assert list(found) == list(groups)
    for name, expected in groups.items():
        assert found[name] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("town,a\nx,1\n", "needs one column with the areas, named 'postal_code' or 'area'; it has town, a"),
        ("area,zipcode,a\n98001,98001,1\n", "needs one column with the areas"),
        ("area\n98001\n", "has no column of groups beside 'area'"),
        ("area,a\n98001,1\n98001,0\n", "postal_code 98001 appears more than once"),
        ("area,a\n98001,1\n,0\n", "row 3 has no postal_code"),
        ("area,a\n98001,1\n98002,-.5\n", "row 3, column 'a' is -.5; a share is from 0 to 1"),
        (
            "area,Population,a\n98001,500,1\n",
            "column 'Population' is the fact 'population' of the model; groups must",
        ),
        ("area,a\n" + "".join(f"{98001 + n},name {n}\n" for n in range(13)), "13 different labels, more than 12"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, market: Market, text: str, complaint: str
) -> None:
    with pytest.raises(DataError, match=re.escape(complaint)) as error:
        shares(tmp_path, market, text)
    assert str(tmp_path / "groups.csv") in str(error.value)


@pytest.fixture(scope="module")
def group_file(report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of the report's areas: a made-up share of a group, and a band."""
    codes = sorted({*report["test_sales"]["area"]})
    file = tmp_path_factory.mktemp("groups") / "groups.csv"
    share = np.linspace(0, 1, len(codes)).round(2)
    bands = np.where(np.arange(len(codes)) % 2, "low", "high")
    pd.DataFrame({"postal_code": codes, "renters": share, "income": bands}).to_csv(file, index=False)
    return file


def test_the_page_shows_each_group_beside_the_rest(report: Report, group_file: Path) -> None:
    grouped = with_groups(report, group_file)
    html = render(grouped)
    page = Page(html)
    check_numbers(page, {"this": grouped})
    groups: list[dict[str, Any]] = grouped["groups"]["groups"]
    assert [group["name"] for group in groups] == ["renters", "income: high", "income: low"]
    assert groups[1]["weight"] + groups[2]["weight"] == len(report["test_sales"]["area"])
    level = groups[1]["figures"]["median_ratio"]
    assert (level["value"], level["rest"]) == (
        groups[2]["figures"]["median_ratio"]["rest"],
        groups[2]["figures"]["median_ratio"]["value"],
    )
    for text in ("What an examiner needs to know", "The model never saw this file", "comparisons"):
        assert text in page.text
    assert 'href="#groups"' in html
    assert "house-price report --groups" not in page.text
    assert "house-price report --groups" in Page(render(report)).text
    assert with_groups(report, group_file) == grouped


def test_areas_without_test_sales_are_refused(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("area,a\n10001,1\n")
    with pytest.raises(
        DataError, match=r"no test sale is in any of its areas: one of the sales is '98\d+', one of"
    ):
        with_groups(report, file)


@pytest.mark.training
def test_the_command_adds_the_section_of_a_market_with_neighbourhoods_or_says_why_not(
    town: Path, tmp_path: Path
) -> None:
    numbers, file, target = read_report(town), tmp_path / "groups.csv", tmp_path / "out.html"
    areas = sorted({*numbers["test_sales"]["area"]} - {""})
    pd.DataFrame({"area": areas, "a": np.arange(len(areas)) % 2}).to_csv(file, index=False)
    assert run_command("report", "--model", town, "--groups", file, target).exit_code == 0
    assert "Groups of the population" in target.read_text(encoding="utf-8")
    file.write_text("area,a\nelsewhere,1\n")
    run = run_command("report", "--model", town, "--groups", file, target)
    assert run.exit_code == 2
    assert "no test sale is in any of its areas" in run.output
