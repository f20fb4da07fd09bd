"""Chart of the model as it is used, refreshed every month, beside the same model without refreshing."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.report.chart import BLUE, INK, ORANGE, STYLED, Chart, Record, label_months, legend

_LINES = (("frozen", "never refreshed", ORANGE, "s--"), ("refreshed", "refreshed every month", BLUE, "o-"))
"""Model, its name, its colour and its line."""
_MIN_BIAS_LIMIT = 5.0
"""The axis of the bias reaches at least this far, in percent: smaller ones should look small."""
_MIN_COVERAGE_LIMIT = 70.0


@STYLED
def walk_forward(walk: Record) -> str:
    """Draw bias and coverage of each month that `has_months` counts."""
    shown = _shown(walk)
    chart = Chart(3.4)
    bias = chart.axes(0, 2, title="median of price ÷ value − 1, %", xlabel=" ")
    coverage = chart.axes(1, 2, title=f"inside {walk['confidence']:g}% ranges, %", xlabel=" ")
    x = np.arange(len(shown))
    for model, name, colour, line in _LINES:
        percent = 100 * np.expm1([entry[model]["bias"] for entry in shown])
        covered = [entry[model]["coverage"] for entry in shown]
        for axes, values in ((bias, percent), (coverage, covered)):
            axes.plot(x, values, line, color=colour, markersize=5, label=name)
    bias.axhline(0, color=INK, linewidth=1)
    low, high = bias.get_ylim()
    bias.set_ylim(min(low, -_MIN_BIAS_LIMIT), max(high, _MIN_BIAS_LIMIT))
    coverage.axhline(walk["confidence"], color=INK, linewidth=1)
    coverage.set_ylim(min(coverage.get_ylim()[0], _MIN_COVERAGE_LIMIT), 101)
    for axes in (bias, coverage):
        label_months(axes, [entry["month"] for entry in shown])
        axes.set_xlim(-0.4, max(len(shown) - 0.6, 0.4))
    legend(coverage)
    return chart.svg(
        "Bias and coverage by month, of the model refreshed every month and of the one never refreshed"
    )


def has_months(walk: Record | None) -> bool:
    """Whether any month has enough sales to be drawn."""
    return walk is not None and bool(_shown(walk))


def _shown(walk: Record) -> Sequence[Any]:
    """Return the months with at least `MIN_SALES_FOR_VERDICT` sales that both models valued."""
    return [
        entry
        for entry in walk["months"]
        if min(entry["refreshed"]["n"], entry["frozen"]["n"]) >= MIN_SALES_FOR_VERDICT
    ]
