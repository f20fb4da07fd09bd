"""The report of a town with too few sales for ranges."""

import json
from pathlib import Path

import pytest

from estimator.report import NUMBERS, PAGE
from estimator.training import train_market
from tests.conftest import thin_king_county


@pytest.mark.training
def test_a_town_of_20_sales_has_a_report_that_says_why_there_are_no_ranges(tmp_path: Path) -> None:
    town = thin_king_county(tmp_path / "town", every=1080)
    version = train_market(town, None, tmp_path / "models", split=None, seed=0).folder
    report = json.loads((version / NUMBERS).read_text())
    assert report["coverage"] == {"all_facts": [], "required_facts": []}
    assert report["by_claim"] is report["by_probability"] is None
    figures = report["error_figures"]["all_facts"]
    assert figures["coverage"] is figures["fsd_ratio"] is figures["claimed_within_10"] is None
    assert figures["mdape"] > 0
    assert {sale["inside"] for sale in report["worst"]} == {None}
    page = (version / PAGE).read_text()
    assert "they have no ranges and no FSD" in page
    assert "the sale price is inside the range" not in page
    assert "there is no range" in page
