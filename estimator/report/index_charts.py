"""Charts of the price index: numbers in, SVG out."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from estimator.report.chart import BLUE, GREY, INK, STYLED, Chart, Record, label_months, legend

FORECAST_MONTHS = 12
"""Months of the forecast in the chart; its band would make the months with sales small if it were longer."""
MAX_GROUPS = 8
"""Panels for each grouping: the largest groups, in two rows."""

_COLUMNS = 4
_MAX_TITLE_LENGTH = 22
"""Characters that fit above a panel."""


@STYLED
def market_index(index: Record) -> str:
    """Draw the index of the market with its band: a line where there are sales, dashes where it is a forecast."""
    n_known = index["is_forecast"].count(False)
    n = min(n_known + FORECAST_MONTHS, len(index["month"]))
    middle, low, high = (np.array(index[name][:n]) for name in ("index", "low", "high"))
    chart = Chart(3.6)
    axes = chart.axes(xlabel=" ", ylabel=f"prices, {index['newest_month']} = 1")
    x = np.arange(n)
    band = f"{index['confidence']:g}% band"
    axes.fill_between(x, low, high, color=BLUE, alpha=0.2, linewidth=0, label=band)
    axes.plot(x[:n_known], middle[:n_known], color=BLUE, linewidth=2, label="months with sales")
    axes.plot(x[n_known - 1 :], middle[n_known - 1 :], "--", color=BLUE, linewidth=2, label="forecast")
    axes.axhline(1, color=INK, linewidth=0.8)
    label_months(axes, index["month"][:n])
    legend(axes, columns=3)
    return chart.svg("Price index of the market by month, with its band and its forecast")


@STYLED
def group_indices(index: Record) -> str:
    """Draw the index of the largest areas and segments beside the market's, a panel each, in the same scale."""
    n_known = index["is_forecast"].count(False)
    months, market = index["month"][:n_known], index["index"][:n_known]
    rows = [
        (grouping["name"] if start == 0 else "", shown[start : start + _COLUMNS])
        for grouping in index["groupings"]
        for shown in [grouping["groups"][:MAX_GROUPS]]
        for start in range(0, len(shown), _COLUMNS)
    ]
    drawn = [market, *(group["index"][:n_known] for _, groups in rows for group in groups)]
    limits = (min(map(min, drawn)) - 0.01, max(map(max, drawn)) + 0.01)
    chart = Chart(0.9 + 1.9 * len(rows))
    for row, (name, groups) in enumerate(rows):
        for column, group in enumerate(groups):
            axes = chart.axes(
                row * _COLUMNS + column,
                _COLUMNS,
                len(rows),
                title=_shortened(group["name"]),
                ylabel=name.replace("_", " ") if column == 0 else "",
                ylim=limits,
            )
            axes.plot(market, color=GREY, linewidth=1.4)
            axes.plot(group["index"][:n_known], color=BLUE, linewidth=1.8)
            _label_ends(axes, months)
    return chart.svg("Price index of the largest areas and segments beside the market's")


def _label_ends(axes: Axes, months: Sequence[str]) -> None:
    """Label the first and the last month: a panel has room for two."""
    axes.set_xticks([0, len(months) - 1], [months[0], months[-1]], fontsize=9)
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set(ha=side)
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.tick_params(axis="y", labelsize=9)


def _shortened(name: str) -> str:
    return name if len(name) <= _MAX_TITLE_LENGTH else name[: _MAX_TITLE_LENGTH - 1] + "…"
