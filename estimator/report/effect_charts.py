"""Charts of what the model's prices depend on: numbers in, SVG out."""

from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import MaxNLocator

from estimator.report.chart import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    PLAIN,
    SEPARATED,
    STYLED,
    Chart,
    Record,
    money_axis,
)

_MIN_WITH_SEPARATORS = 3000
"""Axes that reach this far have thousands separators; years are below it and have none."""


@STYLED
def importance(facts: Sequence[Record]) -> str:
    """Draw the rise of the median error when the values of one fact are shuffled."""
    chart = Chart(0.9 + 0.25 * len(facts))
    axes = chart.axes(xlabel="rise of the median error when shuffled, percentage points", left=0.26)
    y = np.arange(len(facts))[::-1]
    rise, spread = (np.array([fact[key] for fact in facts]) for key in ("mdape", "mdape_sd"))
    axes.barh(y, rise, 0.65, xerr=spread, color=BLUE, error_kw={"ecolor": INK, "capsize": 3, "elinewidth": 1.2})
    axes.set_yticks(y, [fact["fact"].replace("_", " ") for fact in facts])
    axes.grid(axis="y", visible=False)
    return chart.svg("Permutation importance of each fact")


@STYLED
def price_curves(entries: Sequence[Record], currency: str) -> str:
    """Draw how the price and range of a typical home change with one fact, one small chart per fact."""
    n_columns = 3
    n_rows = -(-len(entries) // n_columns)
    chart = Chart(2.5 * n_rows + 0.3)
    for index, curve in enumerate(entries):
        label = curve["fact"].replace("_", " ") + (f", {curve['unit']}" if 0 < len(curve["unit"]) < 8 else "")
        axes = chart.axes(
            index, n_columns, n_rows, xlabel=label, ylabel=currency if index % n_columns == 0 else ""
        )
        x, price, low, high = (
            np.array([point[key] for point in curve["points"]], np.float64)
            for key in ("value", "price", "price_low", "price_high")
        )
        axes.fill_between(x, low, high, color=FAINT, linewidth=0)
        axes.plot(x, price, "-" if len(x) > 6 else "o-", color=BLUE, linewidth=1.8, markersize=4)
        if curve["own"] is not None:
            axes.axvline(float(curve["own"]), color=ORANGE, linewidth=1, linestyle="--")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=bool(np.all(x == np.rint(x)))))
        axes.xaxis.set_major_formatter(SEPARATED if x.max() >= _MIN_WITH_SEPARATORS else PLAIN)
        if isinstance(curve["points"][0]["value"], bool):
            axes.set_xticks([0, 1], ["no", "yes"])
        money_axis(axes.yaxis)
    return chart.svg("How the price of a typical home changes with each monotone fact")
