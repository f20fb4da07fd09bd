"""Renders the equity dial as one HTML file: the price of vertical equity, in accuracy."""

from collections.abc import Sequence

import numpy as np

from estimator.assessment.ratio_study import ACCEPTABLE
from estimator.report.chart import BLUE, FAINT, INK, STYLED, Chart, Record
from estimator.report.numbers import Report, trusted, write_numbers
from estimator.report.page import PAGES

_PANELS = (("prb", "PRB"), ("vei", "VEI, %"))


def render_dial(dial: Report) -> str:
    """Return the page of a dial, from its plain values."""
    drawn = all(point["prb"] is not None and point["vei"] is not None for point in dial["points"])
    return PAGES.get_template("equity.html").render(
        dial=dial,
        at=write_numbers(dial, "this"),
        acceptable=ACCEPTABLE,
        chart=trusted(dial_chart(dial["points"])) if drawn else None,
        styles=PAGES.get_template("report.css").render(),
    )


@STYLED
def dial_chart(points: Sequence[Record]) -> str:
    """Draw the median error against PRB and VEI with their intervals, one point for each weight."""
    chart = Chart(4.0)
    mdape = np.array([point["mdape"] for point in points])
    for index, (name, label) in enumerate(_PANELS):
        axes = chart.axes(index, 2, xlabel=label, ylabel="median error (MdAPE), %" if index == 0 else "")
        value, low, high = (
            np.array([point[f"{name}{end}"] for point in points], np.float64) for end in ("", "_low", "_high")
        )
        axes.axvspan(*ACCEPTABLE[name], color=FAINT, linewidth=0, zorder=0)
        axes.axvline(0, color=INK, linewidth=1)
        axes.errorbar(
            value, mdape, xerr=(value - low, high - value), fmt="none", ecolor=BLUE, elinewidth=1, alpha=0.5
        )
        axes.plot(value, mdape, "o-", color=BLUE, markersize=6, linewidth=1.6)
        for x, y, point in zip(value, mdape, points, strict=True):
            axes.annotate(
                f"ρ = {point['weight']:g}", (x, y), xytext=(6, 6), textcoords="offset points", fontsize=9
            )
        axes.margins(x=0.12, y=0.15)
    return chart.svg("Median error against PRB and VEI for each weight of the equity penalty")
