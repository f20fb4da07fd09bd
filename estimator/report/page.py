"""Renders the report's data as one HTML file, or two versions side by side.

Every number in the text is in a `data` element that names its place in the report's JSON.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.report import accuracy_charts, effect_charts, index_charts, training_charts, walk_charts
from estimator.report.chart import money

Report = Mapping[str, Any]
NumberWriter = Callable[..., Markup]

_PAGES = Environment(
    loader=PackageLoader("estimator.report", "pages"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)
_PAGES.filters["measure_name"] = accuracy_charts.measure_name

_FORMATS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "money": lambda value: f"{value:,.0f}",
    "percent": lambda value: f"{value:.1f}%",
    "exact": lambda value: f"{value:.2f}%",
    "points": lambda value: f"{value:+.1f}%",
    "change": lambda value: f"{value:+,.0f}",
    "ratio": lambda value: f"{value:.3f}",
    "log": lambda value: f"{value:+.3f}",
    "loss": lambda value: f"{value:.4f}",
    "plain": lambda value: f"{value:.10g}",
}
"""Kind of number → its format; amounts are in whole units of the currency."""

_MAX_UNBROKEN_LENGTH = 10
"""Length of a date: longer texts may be wrapped in a table."""
N_STILLS = 6
"""Snapshots shown as still pictures next to the animation, also when printed."""


@dataclass(frozen=True)
class ComparedFigure:
    """A figure compared between two versions: its label, its place in the JSON, and its format."""

    name: str
    keys: tuple[str | int, ...]
    kind: str


@dataclass(frozen=True)
class GateCheck:
    """A check of the gate: its label, and the format of its figures."""

    name: str
    kind: str


_COMPARED_FIGURES = (
    ComparedFigure("median error (MdAPE)", ("mdape",), "exact"),
    ComparedFigure("log RMSE", ("log_rmse",), "loss"),
    ComparedFigure("within 5%", ("ppe5",), "percent"),
    ComparedFigure("within 10%", ("ppe10",), "percent"),
    ComparedFigure("probability within 10%, mean", ("claimed_within_10",), "percent"),
    ComparedFigure("within 20%", ("ppe20",), "percent"),
    ComparedFigure("median valuation ÷ price", ("median_ratio",), "ratio"),
    ComparedFigure("prices inside the 90% range", ("coverage",), "percent"),
    ComparedFigure("median width of the range, high ÷ low", ("median_width",), "ratio"),
    ComparedFigure("Winkler score of the range", ("winkler",), "money"),
    ComparedFigure("realised error ÷ FSD", ("fsd_ratio",), "ratio"),
    ComparedFigure("share of homes valued", ("hit_rate",), "exact"),
)


_GATE_CHECKS = {
    "hit_rate": GateCheck("share of homes valued", "percent"),
    "ranges": GateCheck("enough sales for price ranges", "plain"),
    "median_ratio": GateCheck("median valuation ÷ price", "ratio"),
    "error_ratio": GateCheck("log RMSE ÷ that of a ridge regression", "ratio"),
    "coverage": GateCheck("prices inside the range", "percent"),
}


def render(report: Report, other: Report | None = None) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report
        What `collect` returned, with the version's name under `version`.
    other
        The report of another version to compare with.
    """
    page = _PAGES.get_template("report.html")
    return page.render(
        report=report,
        at=_numbers(report, "this"),
        charts=_charts(report),
        surface=_surface(report["surface"]),
        other=other,
        comparison=None if other is None else _comparison(report, other),
        styles=_PAGES.get_template("report.css").render(),
        gate_checks=_GATE_CHECKS,
        fact_sets={ALL_FACTS: "all facts", REQUIRED_FACTS: "required facts only"},
        all_facts=ALL_FACTS,
        required_facts=REQUIRED_FACTS,
        min_sales=MIN_SALES_FOR_VERDICT,
        max_areas=accuracy_charts.MAX_AREAS,
        max_groups=index_charts.MAX_GROUPS,
    )


def _numbers(report: Report, report_id: str) -> NumberWriter:
    """Return a function that writes a number of a report; `report_id` distinguishes two reports on one page."""

    def number(*keys: str | int, kind: str = "plain") -> Markup:
        value: Any = report
        for key in keys:
            value = value[key]
        pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
        if value is None:
            return Markup("–")
        if isinstance(value, list):  # the names of a recipe's losses
            value = ", ".join(value)
        shown = value
        if isinstance(value, bool):
            shown, value = ("yes" if value else "no"), str(value).lower()
        elif not isinstance(value, str):
            shown = _FORMATS[kind](value).replace("-", "−")
        css_class = Markup(' class="text"') if isinstance(value, str) and len(value) > _MAX_UNBROKEN_LENGTH else ""
        element = Markup('<data value="{}" data-of="{}" data-at="{}"{}>{}</data>')
        return element.format(value, report_id, pointer, css_class, shown)

    return number


def _charts(report: Report) -> dict[str, Markup | None]:
    """Draw the charts; those that the report has no or too few numbers for are None."""
    currency, data, directions = report["market_table"]["currency"], report["data"], report["directions"]["curves"]
    study, index, walk = report["ratio_study"], report["price_index"], report["walk_forward"]

    def has_enough_sales(groups: Any) -> bool:
        return any(group["n"] >= MIN_SALES_FOR_VERDICT for group in groups or ())

    def upper_limits(groups: Any) -> list[str]:
        return [f"to {money(group['high'])}" for group in groups]

    drawn = {
        "months": training_charts.sales_by_month(data["months"]) if data["months"] else None,
        "prices": training_charts.prices_by_part(data["price_steps"], currency),
        "index": index_charts.market_index(index) if index else None,
        "index_groups": index_charts.group_indices(index) if index and index["groupings"] else None,
        "learning": training_charts.learning({"": report["learning"]}) if report["learning"] else None,
        "predicted": accuracy_charts.predicted(report["predictions"], currency),
        "map": accuracy_charts.error_map(report["predictions"]) if _has_locations(report) else None,
        "by_price": None,
        "by_month": None,
        "walk": walk_charts.walk_forward(walk) if walk_charts.has_months(walk) else None,
        "by_area": None,
        "deviations": None,
        "ratio_study": None,
        "coverage": None,
        "reliability": None,
        "importance": effect_charts.importance(report["importance"]["facts"]),
        "curves": effect_charts.price_curves(directions, currency) if directions else None,
    }
    if study[ALL_FACTS]["overall"]["median_ratio"] is not None:
        drawn["ratio_study"] = accuracy_charts.ratio_study(study[ALL_FACTS]["overall"], study["acceptable"])
    if report["coverage"][ALL_FACTS]:
        by_state = {state.replace("_", " "): entries for state, entries in report["coverage"].items()}
        drawn["coverage"] = accuracy_charts.coverage(by_state)
    if has_enough_sales(report["by_probability"]):
        drawn["reliability"] = accuracy_charts.reliability(report["by_probability"])
    if has_enough_sales(report["by_price"]):
        drawn["by_price"] = accuracy_charts.groups(report["by_price"], upper_limits(report["by_price"]), "value")
    if has_enough_sales(report["by_price"]) and has_enough_sales(report["by_claim"]):
        drawn["deviations"] = accuracy_charts.deviations(report["by_claim"], report["by_price"], currency)
    if has_enough_sales(report["by_month"]):
        months = [group["month"] for group in report["by_month"]]
        drawn["by_month"] = accuracy_charts.groups(report["by_month"], months, "month of sale")
    if has_enough_sales(report["by_area"]):
        drawn["by_area"] = accuracy_charts.areas(report["by_area"], report["area"])
    return {name: None if svg is None else _trusted(svg) for name, svg in drawn.items()}


def _has_locations(report: Report) -> bool:
    """Whether any of the drawn test homes has coordinates."""
    return any(degrees is not None for degrees in report["predictions"].get("latitude", ()))


def _surface(surface: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the page needs to show the price surface; None where the report has none."""
    if surface is None:
        return None
    picture, scale = training_charts.price_surface(surface)
    count = len(surface["frames"])
    stills = sorted({round(index * (count - 1) / (N_STILLS - 1)) for index in range(N_STILLS)})
    return {
        "picture": _trusted(picture),
        "scale": [money(price) for price in scale],
        "colours": _trusted(training_charts.gradient()),
        "aspect": round(training_charts.aspect_ratio(surface), 4),
        "count": count,
        "stills": [{"frame": index, "percent": round(100 * index / max(count - 1, 1), 3)} for index in stills],
    }


def _comparison(report: Report, other: Report) -> dict[str, Any]:
    """Return what the page needs to compare two versions."""
    measures = [
        ComparedFigure(accuracy_charts.measure_name(name), ("ratio_study", ALL_FACTS, "overall", name), "ratio")
        for name in report["ratio_study"]["acceptable"]
    ]
    rows = {
        state: [
            ComparedFigure(row.name, ("error_figures", state, *row.keys), row.kind) for row in _COMPARED_FIGURES
        ]
        for state in (ALL_FACTS, REQUIRED_FACTS)
    }
    must_match = ("market", "sales_sha256", "split", "seed")
    coverage = {
        f"{name}, {state.replace('_', ' ')}": entries
        for name, version in (("this", report), ("other", other))
        for state, entries in version["coverage"].items()
    }
    settings = sorted(
        name
        for name in {**report["recipe"], **other["recipe"]}
        if report["recipe"].get(name) != other["recipe"].get(name)
    )
    return {
        "at": _numbers(other, "other"),
        "rows": rows,
        "measures": measures,
        "differ": [name for name in must_match if report[name] != other[name]],
        "settings": settings,
        "learning": _trusted(training_charts.learning({"this": report["learning"], "other": other["learning"]}))
        if report["learning"] and other["learning"]
        else None,
        "coverage": _trusted(accuracy_charts.coverage(coverage)),
    }


def _trusted(text: str) -> Markup:
    """Mark SVG of the charts as safe HTML; the charts escape the texts that come from sales."""
    return Markup(text)  # noqa: S704
