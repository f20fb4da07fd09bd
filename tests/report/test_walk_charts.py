"""The chart of the refreshed and the frozen model, and its section on the page."""

from typing import Any

from estimator.report.page import render
from estimator.report.walk_charts import has_months, walk_forward
from tests.report.page_parser import Page, Report


def figures(n: int, bias: float | None = 0.01, coverage: float | None = 90.0) -> dict[str, Any]:
    return {"n": n, "bias": bias, "coverage": coverage}


def walk(*counts: tuple[int, int]) -> dict[str, Any]:
    """Months with these numbers of sales that the refreshed and the frozen model valued."""
    months = [
        {"month": f"2020-{number:02d}", "refreshed": figures(refreshed), "frozen": figures(frozen, -0.3, 50.0)}
        for number, (refreshed, frozen) in enumerate(counts, 1)
    ]
    return {"confidence": 90.0, "months": months}


def test_only_months_with_enough_sales_of_both_models_are_drawn() -> None:
    drawn = walk_forward(walk((100, 100), (100, 29), (30, 30), (29, 100)))
    assert [month for month in range(1, 5) if f"2020-0{month}" in drawn] == [1, 3]


def test_both_models_and_the_confidence_level_are_named() -> None:
    drawn = walk_forward(walk((100, 100)))
    for text in ("refreshed every month", "never refreshed", "inside 90% ranges, %"):
        assert text in drawn


def test_without_a_month_to_draw_there_is_no_chart() -> None:
    assert has_months(walk((5, 5), (30, 30)))
    assert not has_months(walk((5, 5)))
    assert not has_months(None)


def test_the_page_shows_every_month_and_all_sales(report: Report) -> None:
    page = Page(render(report))
    pointers = {pointer for _, pointer, _, _ in page.numbers}
    for row, _ in enumerate(report["walk_forward"]["months"]):
        for model in ("refreshed", "frozen"):
            assert {f"/walk_forward/months/{row}/{model}/{name}" for name in ("n", "bias", "coverage")} < pointers
    assert {"/walk_forward/refreshed/mdape", "/walk_forward/frozen/mdape"} < pointers


def test_sales_that_were_split_at_random_have_no_such_section(report: Report) -> None:
    assert "Refreshed every month" in Page(render(report)).text
    assert "Refreshed every month" not in Page(render(report | {"walk_forward": None})).text
