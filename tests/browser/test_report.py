"""What an assessor does with the report in a browser: the verdict, an area, groups, two versions, the dial."""

import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.equity_dial import EquityDial, equity_dial
from estimator.report.equity_page import render_dial
from estimator.report.files import read_report
from estimator.report.group_section import with_groups
from estimator.report.page import render
from estimator.training import train_market
from tests.browser.conftest import OpenPage, serving
from tests.browser.page_actions import call_api
from tests.conftest import thin_king_county

with suppress(ImportError):
    from axe_playwright_python.sync_playwright import Axe

SCREENS = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`models/king_county` with two versions of every 30th sale, whose networks train in a second."""
    folder = tmp_path_factory.mktemp("assessor")
    market = thin_king_county(folder / "market", every=30)
    for width in (16, 24):
        (market / "recipe.toml").write_text(f"networks = 1\nmembers = 2\ndepth = 1\nwidth = {width}\nepochs = 8\n")
        train_market(market, None, folder, split=None, seed=0, publish_anyway=True)
    return folder / "king_county"


@pytest.fixture(scope="module")
def assessor(versions: Path) -> Iterator[str]:
    """The address of a server of the newer one."""
    with serving(versions, versions.parent) as address:
        yield address


@pytest.fixture(scope="module")
def grouped(versions: Path) -> str:
    """The page that `report --groups` writes, with a share, a band and an amount."""
    report = read_report(versions)
    codes = sorted({*report["test_sales"]["area"]})
    table = {"postal_code": codes, "renters": np.linspace(0, 1, len(codes)).round(2)}
    table |= {
        "band": np.where(np.arange(len(codes)) % 2, "low", "high"),
        "income": 40_000 + 900 * np.arange(len(codes)),
    }
    pd.DataFrame(table).to_csv(versions.parent / "groups.csv", index=False)
    return render(with_groups(report, versions.parent / "groups.csv"))


@pytest.fixture(scope="module")
def dial(versions: Path) -> str:
    """The page of an equity dial with two weights."""
    found: EquityDial = equity_dial(versions.parent / "market", None, 0, (0.0, 3.0))
    return render_dial(found.to_dict())


def test_the_assessor_sees_first_which_standards_are_met_with_the_numbers_of_the_model(
    open_page: OpenPage, assessor: str
) -> None:
    for width, height in SCREENS.values():
        page = open_page(address=assessor, width=width, height=height)
        standards = call_api(page, "model")["standards"]["all_facts"]
        page.click("#report")
        page.wait_for_url("**/report")
        assert page.locator("main h2").first.inner_text() == "Verdict"
        rows = page.locator(".verdict tr").all()[1:]
        assert len(rows) == len(standards)
        for row, entry in zip(rows, standards, strict=True):
            shown = row.locator("td").nth(2).locator("data")
            values = [shown.first.get_attribute("value")] if shown.count() else []
            assert [float(value) for value in values] == ([] if entry["value"] is None else [entry["value"]])
            word = {True: "met", False: "not met", None: "no verdict"}[entry["met"]]
            assert row.locator("td").nth(1).inner_text().startswith(word)
        box = rows[0].locator("td").nth(1).bounding_box()
        assert box["x"] + box["width"] <= width, "the verdict is seen without scrolling sideways"


def test_the_assessor_looks_up_an_area_and_finds_the_level_of_the_model(
    open_page: OpenPage, assessor: str
) -> None:
    page = open_page("report", address=assessor, wait=False)
    areas = call_api(page, "model")["ratio_study"]["all_facts"]["areas"]
    area = max(areas, key=lambda entry: entry["n"])
    page.click("summary:text('Table of all areas')")
    row = page.locator("#ratio details tr", has_text=area["postal_code"])
    level = row.locator("td").nth(2).locator("data").first
    assert float(level.get_attribute("value")) == area["median_ratio"]
    assert level.inner_text() == f"{area['median_ratio']:.3f}"


def test_the_assessor_compares_two_versions_from_the_page(
    open_page: OpenPage, assessor: str, versions: Path
) -> None:
    page = open_page(address=assessor)
    older, newer = sorted(path.name for path in versions.iterdir() if path.is_dir() and not path.is_symlink())
    page.click("text=compare with another saved version")
    page.wait_for_url("**/report/versions")
    assert page.locator("tr", has_text=f"{newer} (served)").count() == 1
    page.click(f"a:text('{older}')", timeout=60_000)
    page.wait_for_url(f"**/report/versions/{older}", timeout=60_000)
    comparison = page.locator("#comparison")
    assert comparison.is_visible()
    assert older in comparison.inner_text()
    assert "Both were tested on the same sales" in comparison.inner_text()
    assert "width 24 and 16" in comparison.inner_text()
    page.go_back()
    page.click("text=Value a home")
    page.wait_for_url(f"{assessor}/")


def test_groups_and_dial_are_read_without_a_server(chromium: Any, grouped: str, dial: str) -> None:
    page = chromium.new_page()
    page.set_content(grouped)
    page.click("nav a:text('Groups')")
    assert "comparisons" in page.locator("#groups p").first.inner_text()
    names = [name.strip() for name in page.locator("#groups td:first-child").all_inner_texts()]
    assert names[:3] == ["renters", "band: high", "band: low"]
    page.set_content(dial)
    assert page.locator("figure svg").count() == 1
    assert page.locator("td:first-child").all_inner_texts() == ["0", "3"]
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SCREENS.values(), ids=SCREENS)
def test_the_assessors_pages_are_accessible(
    chromium: Any, assessor: str, grouped: str, dial: str, size: tuple[int, int], scheme: str
) -> None:
    context = chromium.new_context(viewport=dict(zip(("width", "height"), size, strict=True)), color_scheme=scheme)
    page = context.new_page()
    # The server's pages are in a sandbox, in which axe cannot run: their content is the same without it.
    with urllib.request.urlopen(f"{assessor}/report/versions") as answer:
        versions = answer.read().decode()
    for view in (grouped, dial, versions):
        page.set_content(view)
        found = Axe().run(page).response["violations"]
        serious = [entry for entry in found if entry["impact"] in {"serious", "critical"}]
        assert [(entry["id"], entry["nodes"][0]["html"][:120]) for entry in serious] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "the page does not scroll sideways"
        )
    context.close()
