"""Renders the report's data as one HTML file, or two versions side by side.

Every number in the text is in a `data` element that names its place in the report's JSON.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.report import (
    accuracy_charts,
    effect_charts,
    group_charts,
    index_charts,
    standard_charts,
    training_charts,
    walk_charts,
)
from estimator.report.chart import money
from estimator.report.comparison import comparison
from estimator.report.numbers import Report, measure_name, trusted, write_numbers

PAGES = Environment(
    loader=PackageLoader("estimator.report", "pages"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
PAGES.filters["measure_name"] = measure_name

N_STILLS = 6
"""Snapshots shown as still pictures next to the animation, also when printed."""


MAX_POINTS = 5000
"""Test sales in scatter plots and maps: more would hide each other and make the file large."""


_WITH_BOUNDS = ("percent", "points")
"""Formats of figures whose limits are round numbers."""


@dataclass(frozen=True)
class Label:
    """How a figure is named, and the format of its numbers."""

    name: str
    kind: str
    meaning: str = ""

    @property
    def bound_kind(self) -> str:
        """The format of its limits, which are round numbers."""
        return "bound" if self.kind in _WITH_BOUNDS else "plain"


_GATE_CHECKS = {
    "hit_rate": Label("share of homes valued", "percent"),
    "ranges": Label("enough sales for price ranges", "plain"),
    "median_ratio": Label("median valuation ÷ price", "ratio"),
    "error_ratio": Label("log RMSE ÷ that of a ridge regression", "ratio"),
    "coverage": Label("prices inside the range", "percent"),
}

_STANDARDS = {
    "median_ratio": Label("Median ratio", "ratio", "level: median valuation ÷ price, without outliers"),
    "cod": Label("COD", "percent", "uniformity: how far ratios are from their median"),
    "prd": Label("PRD", "ratio", "price-related differential: above 1, expensive homes are undervalued"),
    "prb": Label("PRB", "log", "price-related bias: below 0, expensive homes are undervalued"),
    "mki": Label("MKI", "ratio", "modified Kakwani index: below 1, expensive homes are undervalued"),
    "vei": Label("VEI", "points", "vertical equity: below 0, expensive homes are undervalued"),
    "vei_significance": Label("VEI significance", "points", "whether the price bands differ by more than chance"),
    "coverage": Label("Coverage", "percent", "prices inside the ranges"),
    "fsd_ratio": Label("FSD honesty", "ratio", "realised error ÷ FSD: above 1, errors are understated"),
    "hit_rate": Label("Hit rate", "percent", "homes valued; the others were refused"),
}
"""Name of a standard → what the page says of it."""


_GROUP_FIGURES = {
    "median_ratio": Label("median ratio", "ratio"),
    "mdape": Label("median error", "percent"),
    "coverage": Label("inside 90% range", "percent"),
    "fsd_ratio": Label("realised error ÷ FSD", "ratio"),
    "refused": Label("refused", "percent"),
}
"""Name of a figure of a group of the population → what the page says of it."""


def render(report: Report, other: Report | None = None) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report
        What `collect` returned, with the version's name under `version`; also with `groups`, from `with_groups`.
    other
        The report of another version to compare with.
    """
    page = PAGES.get_template("report.html")
    return page.render(
        report=report,
        at=write_numbers(report, "this"),
        charts=_charts(report),
        surface=_surface(report["surface"]),
        other=other,
        comparison=None if other is None else comparison(report, other),
        styles=PAGES.get_template("report.css").render(),
        gate_checks=_GATE_CHECKS,
        standards=_STANDARDS,
        group_labels=_GROUP_FIGURES,
        fact_sets={ALL_FACTS: "all facts", REQUIRED_FACTS: "required facts only"},
        all_facts=ALL_FACTS,
        required_facts=REQUIRED_FACTS,
        min_sales=MIN_SALES_FOR_VERDICT,
        max_areas=accuracy_charts.MAX_AREAS,
        max_groups=index_charts.MAX_GROUPS,
    )


def _charts(report: Report) -> dict[str, Markup | None]:
    """Draw the charts; those that the report has no or too few numbers for are None."""
    drawn = {**_training_charts(report), **_accuracy_charts(report), **_assessment_charts(report)}
    return {name: None if svg is None else trusted(svg) for name, svg in drawn.items()}


def _training_charts(report: Report) -> dict[str, str | None]:
    """Draw the sales, the price index, the training, and what the facts do."""
    currency, data, index = report["market_table"]["currency"], report["data"], report["price_index"]
    directions = report["directions"]["curves"]
    return {
        "months": training_charts.sales_by_month(data["months"]) if data["months"] else None,
        "prices": training_charts.prices_by_part(data["price_steps"], currency),
        "index": index_charts.market_index(index) if index else None,
        "index_groups": index_charts.group_indices(index) if index and index["groupings"] else None,
        "learning": training_charts.learning({"": report["learning"]}) if report["learning"] else None,
        "importance": effect_charts.importance(report["importance"]["facts"]),
        "curves": effect_charts.price_curves(directions, currency) if directions else None,
    }


def _accuracy_charts(report: Report) -> dict[str, str | None]:
    """Draw errors and ranges."""
    currency, walk = report["market_table"]["currency"], report["walk_forward"]
    by_value, by_claim, by_probability = (report[key] for key in ("by_value", "by_claim", "by_probability"))
    sales = _points(report["test_sales"])
    by_state = {state.replace("_", " "): entries for state, entries in report["coverage"].items()}
    located = any(degrees is not None for degrees in sales.get("latitude", ()))

    def enough(groups: Any) -> bool:
        return any(group["n"] >= MIN_SALES_FOR_VERDICT for group in groups or ())

    return {
        "predicted": accuracy_charts.predicted(sales, currency),
        "map": accuracy_charts.error_map(sales) if located else None,
        "walk": walk_charts.walk_forward(walk) if walk_charts.has_months(walk) else None,
        "deviations": accuracy_charts.deviations(by_claim, by_value, currency)
        if enough(by_value) and enough(by_claim)
        else None,
        "coverage": accuracy_charts.coverage(by_state) if report["coverage"][ALL_FACTS] else None,
        "reliability": accuracy_charts.reliability(by_probability) if enough(by_probability) else None,
    }


def _assessment_charts(report: Report) -> dict[str, str | None]:
    """Draw the standards, and level and uniformity by price, month and area."""
    bands, months, areas = (report[key] for key in ("by_price", "by_month", "by_area"))
    judged = {key: any(map(accuracy_charts.has_verdict, report[key] or ())) for key in ("by_month", "by_area")}
    charts: dict[str, str | None] = dict.fromkeys(("standards", "by_price", "by_month", "by_area", "ratio_map"))
    if any(entry["value"] is not None for entry in report["standards"][ALL_FACTS]):
        charts["standards"] = standard_charts.standards(report["standards"][ALL_FACTS])
    if bands:
        names = [f"to {money(band['high'])}" for band in bands]
        baseline = report["baseline"]["price_bands"] or ()
        charts["by_price"] = standard_charts.price_bands([band["study"] for band in bands], baseline, names)
    if judged["by_month"]:
        names = [group["month"] for group in months]
        charts["by_month"] = accuracy_charts.groups(months, names, "month of sale")
    if judged["by_area"]:
        charts["by_area"] = accuracy_charts.areas(areas, report["area"])
    if "groups" in report:
        charts["groups"] = group_charts.groups(report["groups"]["groups"])
    if len(standard_charts.on_map(areas)) > 1:
        charts["ratio_map"] = standard_charts.ratio_map(areas, report["area"])
    return charts


def _points(sales: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Return the test sales that were valued; every k-th of them if they are more than `MAX_POINTS`."""
    valued = [row for row, price in enumerate(sales["price"]) if price is not None]
    rows = valued[:: -(-len(valued) // MAX_POINTS)]
    return {name: [column[row] for row in rows] for name, column in sales.items()}


def _surface(surface: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the page needs to show the price surface; None where the report has none."""
    if surface is None:
        return None
    picture, scale = training_charts.price_surface(surface)
    count = len(surface["frames"])
    stills = sorted({round(index * (count - 1) / (N_STILLS - 1)) for index in range(N_STILLS)})
    return {
        "picture": trusted(picture),
        "scale": [money(price) for price in scale],
        "colours": trusted(training_charts.gradient()),
        "aspect": round(training_charts.aspect_ratio(surface), 4),
        "count": count,
        "stills": [{"frame": index, "percent": round(100 * index / max(count - 1, 1), 3)} for index in stills],
    }
