"""Charts for the assessor: standards and their acceptable ranges, price bands beside a baseline, the ratio map."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from estimator.assessment.ratio_study import ACCEPTABLE, MIN_SALES_FOR_VERDICT
from estimator.market.arrays import FloatArray
from estimator.report.accuracy_charts import ERRORS
from estimator.report.chart import (
    BLUE,
    FAINT,
    GREY,
    INK,
    ORANGE,
    PLAIN,
    STYLED,
    Chart,
    Record,
    label_ticks,
    legend,
)
from estimator.report.numbers import measure_name

_LARGEST_SHARE = 100.0
"""Upper end of the acceptable range of a share that has a least value only, in percent."""
_EDGE = 0.45
"""Values further outside than this share of the acceptable range are drawn at the border; the number is exact."""
MAP_RATIOS = 0.12
"""The map's colours end this far from 1, a little beyond the acceptable level."""


@STYLED
def standards(entries: Sequence[Record]) -> str:
    """Draw each standard that has both bounds, with its interval, relative to the acceptable range."""
    rows = [
        (entry, entry["least"], _LARGEST_SHARE if entry["name"] == "hit_rate" else entry["most"])
        for entry in entries
        if entry["value"] is not None and entry["least"] is not None
    ]
    chart = Chart(0.5 + 0.34 * len(rows))
    axes = chart.axes(left=0.26, right=0.9)
    for y, (entry, low, high) in enumerate(rows):
        colour = ORANGE if entry["met"] is False else BLUE
        x = np.array([entry["value"], entry["low"], entry["high"]], np.float64)  # NaN where there is no interval
        x = np.clip((x - low) / (high - low), -_EDGE, 1 + _EDGE)
        axes.barh(y, 1, 0.55, color=FAINT)
        axes.plot(x[1:], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot(x[0], y, "X" if entry["met"] is False else "o", color=colour, markersize=8)
        axes.text(1.52, y, f"{entry['value']:.4g}", va="center")
    names = [f"{measure_name(entry['name'])}, {low:g} to {high:g}" for entry, low, high in rows]
    axes.set_yticks(range(len(rows)), names)
    axes.set(xlim=(-0.5, 1.5), xticks=[], ylim=(len(rows) - 0.4, -0.6))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return chart.svg("Standards with their 90% intervals and acceptable ranges")


@STYLED
def price_bands(bands: Sequence[Record], baseline: Sequence[Record], names: Sequence[str]) -> str:
    """Draw level and COD of each price band, of the model and of the baseline."""
    chart = Chart(3.3)
    level = chart.axes(0, 2, title="median valuation ÷ price", xlabel=" ")
    spread = chart.axes(1, 2, title="COD, %", xlabel=" ")
    x = np.arange(len(names))
    level.axhspan(*ACCEPTABLE["median_ratio"], color=FAINT, linewidth=0, zorder=0)
    level.axhline(1, color=INK, linewidth=1)
    models = ((bands, "this model", BLUE, "o-", -0.08), (baseline, "ridge regression", ORANGE, "s--", 0.08))
    for figures, name, colour, line, shift in models:
        if len(figures) != len(names):
            continue
        for axes, key in ((level, "median_ratio"), (spread, "cod")):
            middle, low, high = (
                np.array([entry[f"{key}{end}"] for entry in figures], np.float64) for end in ("", "_low", "_high")
            )
            axes.errorbar(
                x + shift, middle, (middle - low, high - middle),
                fmt=line, color=colour, capsize=2, markersize=5, linewidth=1.4, label=name,
            )  # fmt: skip
    for axes in (level, spread):
        label_ticks(axes, names)
        axes.grid(axis="x", visible=False)
    spread.set_ylim(bottom=0)
    legend(level)
    return chart.svg("Level and COD by price band, of the model and of a ridge regression")


@STYLED
def ratio_map(areas: Sequence[Record], name: str) -> str:
    """Draw the median ratio of each area that `on_map` returns; crosses mark those that are not acceptable."""
    shown = on_map(areas)
    latitude, longitude, ratio = (
        np.array([entry[key] for entry in shown], np.float64) for key in ("latitude", "longitude", "ratio")
    )
    count = np.array([entry["n"] for entry in shown])
    (south, north), (west, east) = _frame(latitude), _frame(longitude)
    stretch = 1 / np.cos(np.radians((south + north) / 2))
    chart = Chart(5.6)
    width = min(0.78, 0.5 * (east - west) / (north - south) / stretch)
    axes = chart.axes(
        right=0.085 + width, xlabel="longitude, °", ylabel="latitude, °", xlim=(west, east), ylim=(south, north)
    )
    points = axes.scatter(
        longitude, latitude, 30 + 320 * count / count.max(), 100 * (ratio - 1), cmap=ERRORS,
        vmin=-100 * MAP_RATIOS, vmax=100 * MAP_RATIOS, edgecolors=GREY, linewidths=0.6,
    )  # fmt: skip
    outside = np.array([entry["met"] is False for entry in shown])
    axes.plot(longitude[outside], latitude[outside], "x", color=INK, markersize=9, markeredgewidth=2)
    for entry in (entry for entry in shown if entry["met"] is False):
        axes.annotate(entry["area"], (entry["longitude"], entry["latitude"]), xytext=(9, 5), fontsize=8.5,
                      textcoords="offset points")  # fmt: skip
    axes.set_aspect(stretch, anchor="W")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(PLAIN)
    bar = chart.figure.add_axes((0.12 + width, 0.2, 0.02, 0.65))
    chart.figure.colorbar(points, cax=bar, extend="both", label="median valuation ÷ price − 1, %")
    return chart.svg(f"Map of the median valuation divided by price, by {name}")


def _frame(degrees: FloatArray) -> tuple[float, float]:
    """Return the range of coordinates with a margin that leaves room for circles."""
    margin = 0.08 * np.ptp(degrees) or 0.01
    return float(degrees.min() - margin), float(degrees.max() + margin)


def on_map(areas: Sequence[Record] | None) -> list[dict[str, Any]]:
    """Return what the ratio map draws of each area that has a verdict and a place."""
    return [
        {
            "area": area["area"],
            "latitude": area["latitude"],
            "longitude": area["longitude"],
            "n": area["study"]["n"],
            "ratio": area["study"]["median_ratio"],
            "met": area["study"]["met"]["median_ratio"],
        }
        for area in areas or ()
        if area["study"]["n"] >= MIN_SALES_FOR_VERDICT and area.get("latitude") is not None
    ]
