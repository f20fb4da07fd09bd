"""The report as one file of HTML, made of what was gathered and of nothing else; and two versions side by side.

Every number in its text stands in a `data` element that says where in the report's JSON it comes from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.assessment.ratio_study import ENOUGH_SALES
from estimator.report import charts
from estimator.report.chart import money

Report = Mapping[str, Any]
Number = Callable[..., Markup]

_PAGES = Environment(
    loader=PackageLoader("estimator.report", "pages"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)

_KINDS: Mapping[str, Callable[[float], str]] = {
    "count": lambda value: f"{value:,.0f}",
    "money": lambda value: f"{value:,.0f}",
    "percent": lambda value: f"{value:.1f}%",
    "exact": lambda value: f"{value:.2f}%",
    "points": lambda value: f"{value:+.1f}%",
    "change": lambda value: f"{value:+,.0f}",
    "ratio": lambda value: f"{value:.3f}",
    "loss": lambda value: f"{value:.4f}",
    "plain": lambda value: f"{value:.10g}",
}
"""How a number is shown: amounts in whole units of the currency, shares in percent."""

_LONGEST_DATE = 10
"""Characters: longer texts may be broken in a table."""
STILLS = 6
"""Snapshots that stand still beside the animation: what paper can show of it."""


@dataclass(frozen=True)
class Compared:
    """A figure of two versions: where it stands in both, its name for people, and how it is shown."""

    name: str
    keys: tuple[str | int, ...]
    kind: str


_COMPARED = (
    Compared("median error (MdAPE)", ("mdape",), "exact"),
    Compared("log RMSE", ("log_rmse",), "loss"),
    Compared("within 5%", ("ppe5",), "percent"),
    Compared("within 10%", ("ppe10",), "percent"),
    Compared("within 20%", ("ppe20",), "percent"),
    Compared("median value/price", ("median_ratio",), "ratio"),
    Compared("held by 90% ranges", ("coverage",), "percent"),
    Compared("median width of the ranges, high/low", ("median_width",), "ratio"),
    Compared("Winkler score of the ranges", ("winkler",), "money"),
    Compared("FSD, realised/claimed", ("fsd_ratio",), "ratio"),
    Compared("valued", ("hit_rate",), "exact"),
)


def render(report: Report, other: Report | None = None) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    report
        What `collect` returned, with the version's name under `version`.
    other
        The same of another version, to stand beside it.
    """
    page = _PAGES.get_template("report.html")
    return page.render(
        report=report,
        at=_numbers(report, "this"),
        charts=_charts(report),
        film=_film(report["surface"]),
        other=other,
        beside=None if other is None else _beside(report, other),
        styles=_PAGES.get_template("report.css").render(),
        states={ALL_FACTS: "all facts", REQUIRED_FACTS: "required facts alone"},
        known=ALL_FACTS,
        required=REQUIRED_FACTS,
        enough=ENOUGH_SALES,
        areas=charts.AREAS,
    )


def _numbers(report: Report, which: str) -> Number:
    """Return what writes a number of a report; `which` tells two reports of one page apart."""

    def number(*keys: str | int, kind: str = "plain") -> Markup:
        value: Any = report
        for key in keys:
            value = value[key]
        pointer = "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)
        if value is None:
            return Markup("–")  # a constant
        shown = value
        if isinstance(value, bool):
            shown, value = ("yes" if value else "no"), str(value).lower()
        elif not isinstance(value, str):
            shown = _KINDS[kind](value).replace("-", "−")
        kind_of = Markup(' class="text"') if isinstance(value, str) and len(value) > _LONGEST_DATE else ""
        said = value, which, pointer, kind_of, shown
        return Markup('<data value="{}" data-of="{}" data-at="{}"{}>{}</data>').format(*said)

    return number


def _charts(report: Report) -> dict[str, Markup | None]:
    """Draw what the report's sales allow; None stands for what they do not."""
    currency, data, directions = report["market_table"]["currency"], report["data"], report["directions"]["curves"]
    study = report["ratio_study"]

    def enough(groups: Any) -> bool:
        return any(group["n"] >= ENOUGH_SALES for group in groups or ())

    def fifths(groups: Any) -> list[str]:
        return [f"to {money(group['high'])}" for group in groups]

    drawn = {
        "months": charts.sales_by_month(data["months"]) if data["months"] else None,
        "prices": charts.prices_by_part(data["price_steps"], currency),
        "learning": charts.learning({"": report["learning"]}) if report["learning"] else None,
        "predicted": charts.predicted(report["predictions"], currency),
        "map": charts.map_of_misses(report["predictions"]) if _places(report) else None,
        "by_price": None,
        "by_month": None,
        "by_area": None,
        "deviations": None,
        "ratio_study": None,
        "coverage": charts.coverage({state.replace("_", " "): told for state, told in report["coverage"].items()}),
        "importance": charts.importance(report["importance"]["facts"]),
        "curves": charts.curves(directions, currency) if directions else None,
    }
    if study[ALL_FACTS]["overall"]["median_ratio"] is not None:
        drawn["ratio_study"] = charts.ratio_study(study[ALL_FACTS]["overall"], study["acceptable"])
    if enough(report["by_price"]) and enough(report["by_claim"]):
        drawn["by_price"] = charts.groups(report["by_price"], fifths(report["by_price"]), "value")
        drawn["deviations"] = charts.deviations(report["by_claim"], report["by_price"], currency)
    if enough(report["by_month"]):
        months = [group["month"] for group in report["by_month"]]
        drawn["by_month"] = charts.groups(report["by_month"], months, "month of sale")
    if enough(report["by_area"]):
        drawn["by_area"] = charts.areas(report["by_area"], report["area"])
    return {name: None if svg is None else _trusted(svg) for name, svg in drawn.items()}


def _places(report: Report) -> bool:
    """Whether some of the test homes that are drawn have a place."""
    return any(each is not None for each in report["predictions"].get("latitude", ()))


def _film(surface: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what the page needs to show the price surface; None where there is none."""
    if surface is None:
        return None
    picture, scale = charts.film(surface)
    count = len(surface["frames"])
    wanted = sorted({round(place * (count - 1) / (STILLS - 1)) for place in range(STILLS)})
    return {
        "picture": _trusted(picture),
        "scale": [money(price) for price in scale],
        "colours": _trusted(charts.gradient()),
        "aspect": round(charts.width_by_height(surface), 4),
        "count": count,
        "stills": [{"frame": place, "percent": round(100 * place / max(count - 1, 1), 3)} for place in wanted],
    }


def _beside(report: Report, other: Report) -> dict[str, Any]:
    """Return what the page needs to show two versions side by side."""
    names = {"this": report["version"], "other": other["version"]}
    measures = [
        Compared(name.replace("_", " "), ("ratio_study", ALL_FACTS, "overall", name), "ratio")
        for name in report["ratio_study"]["acceptable"]
    ]
    rows = {
        state: [Compared(row.name, ("error_figures", state, *row.keys), row.kind) for row in _COMPARED]
        for state in (ALL_FACTS, REQUIRED_FACTS)
    }
    same = ("market", "sales_sha256", "split", "seed")
    held = {
        f"{name}, {state.replace('_', ' ')}": entries
        for name, each in (("this", report), ("other", other))
        for state, entries in each["coverage"].items()
    }
    settings = sorted(
        name
        for name in {**report["recipe"], **other["recipe"]}
        if report["recipe"].get(name) != other["recipe"].get(name)
    )
    return {
        "names": names,
        "at": _numbers(other, "other"),
        "rows": rows,
        "measures": measures,
        "differ": [name for name in same if report[name] != other[name]],
        "settings": settings,
        "learning": _trusted(charts.learning({"this": report["learning"], "other": other["learning"]}))
        if report["learning"] and other["learning"]
        else None,
        "coverage": _trusted(charts.coverage(held)),
    }


def _trusted(text: str) -> Markup:
    """Mark what the charts wrote as HTML; texts that come from sales are escaped where they are drawn."""
    return Markup(text)  # noqa: S704
