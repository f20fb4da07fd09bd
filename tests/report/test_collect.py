"""The numbers of the report are correct."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.market.sales import Parts
from estimator.report.files import read_report
from estimator.report.sales_summary import summarise_sales
from tests.report.page_parser import Report


def test_the_error_figures_are_those_of_the_test_sales(report: Report, appraiser: Appraiser, parts: Parts) -> None:
    test = parts.test.take(np.arange(0, len(parts.test), 4))
    values = appraiser.value(test.facts, test.date)
    table = pd.DataFrame(
        {
            "price": test.price,
            "value": values.price,
            "inside": (values.low <= test.price) & (test.price <= values.high),
            "fsd": values.fsd,
            "month": pd.Series(test.date).dt.strftime("%Y-%m"),
            "area": test.facts["postal_code"],
        }
    ).dropna()
    table["error"] = 100 * (table["value"] / table["price"] - 1).abs()
    valued = [
        price for price, value in zip(*map(report["test_sales"].get, ("sold_for", "price")), strict=True) if value
    ]
    assert valued == table["price"].tolist()
    for key, column in (("by_month", "month"), ("by_area", "area")):
        for entry in report[key]:
            rows = table[table[column] == entry[column]]
            assert entry["n"] == len(rows)
            assert (entry["mdape"] is None) == (len(rows) < 5)
            if len(rows) >= 5:
                assert entry["mdape"] == pytest.approx(rows["error"].median(), abs=1e-4)
                assert entry["coverage"] == pytest.approx(100 * rows["inside"].mean(), abs=1e-4)
                realised = 100 * (rows["value"] / rows["price"]).std(ddof=0)
                assert entry["realised"] == pytest.approx(realised, abs=1e-4)
    fifths = table.groupby(pd.qcut(table["value"], 5))
    assert [entry["n"] for entry in report["by_value"]] == fifths.size().tolist()
    medians = fifths["error"].median().tolist()
    assert [entry["mdape"] for entry in report["by_value"]] == pytest.approx(medians, abs=1e-4)
    by_probability = report["by_probability"]
    assert sum(group["n"] for group in by_probability) == report["error_figures"]["all_facts"]["n"]
    claims = [group["claimed_within_10"] for group in by_probability]
    assert claims == sorted(claims)
    for group in by_probability:
        assert group["low"] <= group["claimed_within_10"] <= group["high"]
        expected = 1.645 * (group["claimed_within_10"] * (100 - group["claimed_within_10"]) / group["n"]) ** 0.5
        assert group["by_chance"] == pytest.approx(expected, abs=0.01)
    at_90 = next(level for level in report["coverage"]["all_facts"] if level["confidence"] == 90)
    assert at_90["held"] == pytest.approx(100 * table["inside"].mean(), abs=0.01)
    error = (table["value"] / table["price"]).map(np.log).abs().sort_values(ascending=False)
    worst = table.loc[error.index[:10], "price"].round(2).tolist()
    assert [entry["sold_for"] for entry in report["worst"]] == worst


@pytest.mark.parametrize("min_price", [50_000.0, 50_259.0, 51_221.5, 75_001.0, 99_999.99])
def test_price_bins_contain_every_sale(appraiser: Appraiser, parts: Parts, min_price: float) -> None:
    by_name = {name: replace(part, price=np.maximum(part.price, min_price)) for name, part in vars(parts).items()}
    summary = summarise_sales(appraiser.market, Parts(**by_name), appraiser.areas)
    counts = {name: sum(bin_[name] for bin_ in summary["price_steps"]) for name in by_name}
    assert counts == {name: len(part) for name, part in by_name.items()}


@pytest.mark.training
def test_the_price_surface_starts_at_step_0_and_ends_at_the_epoch_that_was_kept(town: Path) -> None:
    report = read_report(town)
    surface, epochs = report["surface"], report["learning"]
    if "latitude" not in report["test_sales"]:
        assert surface is None
        return
    kept = [epoch for epoch in epochs if epoch["network"] == 1 and epoch["best"]][-1]
    frames = surface["frames"]
    assert [frame["step"] for frame in frames] == sorted({frame["step"] for frame in frames})
    assert frames[0]["step"] == 0
    assert frames[-1]["epoch"] == kept["epoch"]
    assert all(len(frame["price"]) == len(surface["cells"]) for frame in frames)
