"""The chart of groups of the population: level, error and coverage of each group beside the rest."""

from collections.abc import Sequence

import numpy as np

from estimator.assessment.ratio_study import ACCEPTABLE
from estimator.report.chart import BLUE, FAINT, INK, ORANGE, STYLED, Chart, Record

_PANELS = (
    ("median_ratio", "median valuation ÷ price"),
    ("mdape", "median error, %"),
    ("coverage", "inside 90% ranges, %"),
)
_MAX_LETTERS = 32
"""Longer names of groups are cut: the table has them in full."""


@STYLED
def groups(entries: Sequence[Record]) -> str:
    """Draw three figures of each group with its interval, and of the rest."""
    chart = Chart(1.0 + 0.38 * len(entries))
    y = np.arange(len(entries))
    for index, (name, title) in enumerate(_PANELS):
        axes = chart.axes(index, 3, title=title, left=0.3)
        figures = [entry["figures"][name] for entry in entries]
        value, low, high, rest = (
            np.array([figure[key] for figure in figures], np.float64) for key in ("value", "low", "high", "rest")
        )
        if name == "median_ratio":
            axes.axvspan(*ACCEPTABLE[name], color=FAINT, linewidth=0, zorder=0)
        if name == "coverage":
            axes.axvline(90, color=INK, linewidth=1)
        axes.errorbar(value, y, xerr=(value - low, high - value), fmt="o", color=BLUE, capsize=3, markersize=5)
        axes.plot(rest, y, "|", color=ORANGE, markersize=12, markeredgewidth=2.5)
        axes.set_yticks(y, [_short(entry["name"]) if index == 0 else "" for entry in entries])
        axes.set_ylim(len(entries) - 0.4, -0.6)
        axes.grid(axis="y", visible=False)
    return chart.svg("Level, error and coverage by group of the population")


def _short(name: str) -> str:
    name = name.replace("_", " ")
    return name if len(name) <= _MAX_LETTERS else name[: _MAX_LETTERS - 1] + "…"
