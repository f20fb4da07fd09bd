"""Two versions side by side: which figures are compared, and what the page needs for it."""

from dataclasses import dataclass
from typing import Any

from estimator.assessment.evaluation import ALL_FACTS, REQUIRED_FACTS
from estimator.report import accuracy_charts, training_charts
from estimator.report.numbers import Report, trusted, write_numbers

MUST_MATCH = ("market", "sales_sha256", "split", "seed")
"""Entries of two reports that decide whether their test sales are the same."""


@dataclass(frozen=True)
class ComparedFigure:
    """A figure compared between two versions: its label, its place in the JSON, and its format."""

    name: str
    keys: tuple[str | int, ...]
    kind: str


_ERRORS = (
    ComparedFigure("median error (MdAPE)", ("mdape",), "exact"),
    ComparedFigure("log RMSE", ("log_rmse",), "loss"),
    ComparedFigure("within 5%", ("ppe5",), "percent"),
    ComparedFigure("within 10%", ("ppe10",), "percent"),
    ComparedFigure("probability within 10%, mean", ("claimed_within_10",), "percent"),
    ComparedFigure("within 20%", ("ppe20",), "percent"),
    ComparedFigure("median valuation ÷ price, outliers included", ("median_ratio",), "ratio"),
    ComparedFigure("prices inside the 90% range", ("coverage",), "percent"),
    ComparedFigure("median width of the range, high ÷ low", ("median_width",), "ratio"),
    ComparedFigure("Winkler score of the range", ("winkler",), "money"),
    ComparedFigure("realised error ÷ FSD", ("fsd_ratio",), "ratio"),
    ComparedFigure("share of homes valued", ("hit_rate",), "exact"),
)


def comparison(report: Report, other: Report) -> dict[str, Any]:
    """Return what the page needs to compare two versions."""
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
    both_learned = report["learning"] and other["learning"]
    return {
        "at": write_numbers(other, "other"),
        "rows": {
            state: [ComparedFigure(row.name, ("error_figures", state, *row.keys), row.kind) for row in _ERRORS]
            for state in (ALL_FACTS, REQUIRED_FACTS)
        },
        "differ": [name for name in MUST_MATCH if report[name] != other[name]],
        "areas": _areas(report, other),
        "settings": settings,
        "learning": trusted(training_charts.learning({"this": report["learning"], "other": other["learning"]}))
        if both_learned
        else None,
        "coverage": trusted(accuracy_charts.coverage(coverage)),
    }


def _areas(report: Report, other: Report) -> list[tuple[int, int]]:
    """Return the rows of each area that both reports have a verdict on, the largest change of its level first."""
    rows = {
        entry["area"]: row
        for row, entry in enumerate(other["by_area"] or ())
        if accuracy_charts.has_verdict(entry)
    }
    pairs = [
        (row, rows[entry["area"]])
        for row, entry in enumerate(report["by_area"] or ())
        if accuracy_charts.has_verdict(entry) and entry["area"] in rows
    ]

    def change(pair: tuple[int, int]) -> float:
        this, that = (
            float(version["by_area"][row]["study"]["median_ratio"])
            for version, row in zip((report, other), pair, strict=True)
        )
        return abs(this - that)

    return sorted(pairs, key=change, reverse=True)
