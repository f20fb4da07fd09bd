"""Charts of accuracy and uncertainty on the test sales: numbers in, SVG out.

Charts with thousands of points draw them as a picture inside the SVG, which keeps the page small.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import MaxNLocator

from estimator.assessment.ratio_study import ACCEPTABLE, MIN_SALES_FOR_VERDICT
from estimator.market.arrays import FloatArray
from estimator.report.chart import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PLAIN,
    STYLED,
    Chart,
    Record,
    label_ticks,
    legend,
    money,
    money_axis,
)

ERRORS = LinearSegmentedColormap.from_list("errors", ["#0072B2", "#56B4E9", "#A8A8A8", "#E69F00", "#D55E00"])
"""Blue below the sale price, orange above it, grey between: all of them show on white and on black."""
POINTS = ("#2E8BC9", "#E0701A")
"""Blue and orange that show on white and on black: points inside a picture cannot take the page's colours."""
MAX_AREAS = 80
"""Areas in one chart: as many as fit on a printed page."""


@STYLED
def predicted(predictions: Record, currency: str) -> str:
    """Draw sale prices against valuations, one point per test sale."""
    chart = Chart(5.2)
    axes = chart.axes(
        xlabel=f"valuation, {currency}", ylabel=f"sale price, {currency}", xscale="log", yscale="log"
    )
    price, value, low, high = (
        np.array(predictions[name], np.float64) for name in ("sold_for", "price", "low", "high")
    )
    outside = (price < low) | (high < price)  # none in a market without ranges
    for rows, colour, label in (
        (~outside, POINTS[0], "price inside the 90% range" if outside.any() else "test sale"),
        (outside, POINTS[1], "price outside the 90% range"),
    ):
        axes.scatter(value[rows], price[rows], 9, colour, alpha=0.6, linewidths=0, label=label, rasterized=True)
    ends = np.array([min(price.min(), value.min()), max(price.max(), value.max())])
    axes.plot(ends, ends, color=INK, linewidth=1, label="valuation = sale price")
    money_axis(axes.xaxis)
    money_axis(axes.yaxis)
    legend(axes, scale=2.5)
    return chart.svg("Sale prices against valuations of the test homes, on logarithmic scales")


@STYLED
def error_map(predictions: Record) -> str:
    """Draw a map of the test homes coloured by their error; the largest errors are drawn on top."""
    latitude, longitude = (np.array(predictions[name], np.float64) for name in ("latitude", "longitude"))
    (south, north), (west, east) = (_axis_limits(degrees) for degrees in (latitude, longitude))
    stretch = 1 / np.cos(np.radians((south + north) / 2))
    chart = Chart(5.6)
    # The height of the map is half the width of the figure.
    width = min(0.78, 0.5 * (east - west) / (north - south) / stretch)
    axes = chart.axes(
        right=0.085 + width, xlabel="longitude, °", ylabel="latitude, °", xlim=(west, east), ylim=(south, north)
    )
    error = 100 * (np.array(predictions["price"]) / np.array(predictions["sold_for"]) - 1)
    order = np.argsort(np.abs(error))
    points = axes.scatter(
        *(longitude[order], latitude[order], 10, error[order]),
        linewidths=0, cmap=ERRORS, vmin=-40, vmax=40, rasterized=True,
    )  # fmt: skip
    axes.set_aspect(stretch, anchor="W")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_major_formatter(PLAIN)
    bar = chart.figure.add_axes((0.12 + width, 0.2, 0.02, 0.65))
    chart.figure.colorbar(
        points, cax=bar, extend="both", label="valuation above (+) or below (−) the sale price, %"
    )
    return chart.svg("Map of the test homes, coloured by the error of the valuation")


@STYLED
def groups(entries: Sequence[Record], names: Sequence[str], kind: str) -> str:
    """Draw median error, level and coverage of each group that has enough sales for a verdict."""
    chart = Chart(3.0)
    kept = [(name, entry) for name, entry in zip(names, entries, strict=True) if has_verdict(entry)]
    shown = [name for name, _ in kept]
    mdape, covered = _columns([entry for _, entry in kept], ("mdape", "coverage"))
    ratio, low, high = _levels([entry for _, entry in kept])
    x = np.arange(len(shown))
    error, level, ranges = (
        chart.axes(index, 3, title=title, xlabel=" ")  # the label leaves room for rotated names
        for index, title in enumerate(("median error, %", "median valuation ÷ price", "inside 90% ranges, %"))
    )
    error.bar(x, mdape, color=BLUE, width=0.7)
    level.axhline(1, color=INK, linewidth=1)
    level.errorbar(x, ratio, (ratio - low, high - ratio), fmt="o", color=BLUE, capsize=3, markersize=5)
    ranges.axhline(90, color=INK, linewidth=1)
    ranges.plot(x, covered, "o", color=BLUE, markersize=6)
    ranges.set_ylim(np.fmin.reduce(covered - 5, initial=70), 101)  # NaN in a market without ranges
    for axes in (error, level, ranges):
        label_ticks(axes, shown)
        axes.set_xlim(-0.6, len(shown) - 0.4)
    return chart.svg(f"Median error, level and coverage by {kind}")


@STYLED
def areas(entries: Sequence[Record], name: str) -> str:
    """Draw the median ratio and its 90% interval of each area, sorted; areas with too few sales are left out.

    Of more than `MAX_AREAS` areas, the lowest and the highest are drawn.
    """
    ordered = sorted(
        (entry for entry in entries if has_verdict(entry)), key=lambda entry: entry["study"]["median_ratio"]
    )
    if len(ordered) > MAX_AREAS:
        ordered = ordered[: MAX_AREAS // 2] + ordered[-MAX_AREAS // 2 :]
    chart = Chart(1.1 + 0.165 * len(ordered))
    axes = chart.axes(xlabel="median valuation ÷ price, with its 90% interval", left=0.16)
    ratio, low, high = _levels(ordered)
    y = np.arange(len(ordered))
    axes.axvspan(*ACCEPTABLE["median_ratio"], color=FAINT, linewidth=0, zorder=0)
    axes.axvline(1, color=INK, linewidth=1)
    axes.errorbar(ratio, y, xerr=(ratio - low, high - ratio), fmt="o", color=BLUE, markersize=4, linewidth=1.2)
    axes.set_yticks(y, [entry["area"] for entry in ordered], fontsize=8.5)
    axes.set_ylim(-1, len(ordered))
    axes.grid(axis="y", visible=False)
    return chart.svg(f"Median valuation divided by price, by {name}; the band is the acceptable range")


@STYLED
def coverage(series: Mapping[str, Sequence[Record]]) -> str:
    """Draw the share of prices inside the ranges against the confidence level, and the width of the ranges."""
    chart = Chart(3.8)
    axes = chart.axes(0, 2, xlabel="confidence level, %", ylabel="prices inside the range, %")
    width = chart.axes(1, 2, xlabel="confidence level, %", ylabel="median width of the range, high ÷ low")
    for (name, entries), colour, marker in zip(series.items(), (BLUE, ORANGE, GREEN, INK), "osD^", strict=False):
        level, covered, margin = (
            np.array([entry[key] for entry in entries]) for key in ("confidence", "held", "by_chance")
        )
        axes.errorbar(level, covered, margin, fmt=marker + "-", color=colour, capsize=3, markersize=5, label=name)
        width.plot(level, [entry["median_width"] for entry in entries], marker + "-", color=colour, markersize=5)
    axes.plot([50, 100], [50, 100], color=INK, linewidth=1, label="exact coverage")
    legend(axes)
    return chart.svg(f"Coverage and width of the ranges by confidence level: {', '.join(series)}")


@STYLED
def reliability(entries: Sequence[Record]) -> str:
    """Draw the claimed share of values within 10% of the price against the realised one, by fifths of the claim.

    The whiskers are the 90% interval of the realised share by chance.
    """
    chart = Chart(4.0)
    axes = chart.axes(
        right=0.6,
        xlabel="probability within 10%, mean of the group, %",
        ylabel="values within 10% of the price, %",
    )
    claimed, realised, margin = _columns(entries, ("claimed_within_10", "ppe10", "by_chance"))
    axes.errorbar(
        claimed, realised, margin, fmt="o", color=BLUE, capsize=3, markersize=6, label="fifths of the sales"
    )
    ends = [min(claimed.min(), realised.min()) - 5, max(claimed.max(), realised.max()) + 5]
    axes.plot(ends, ends, color=INK, linewidth=1, label="claimed = realised")
    legend(axes)
    return chart.svg("Claimed and realised share of valuations within 10% of the sale price")


@STYLED
def deviations(by_fsd: Sequence[Record], by_price: Sequence[Record], currency: str) -> str:
    """Draw forecast and realised standard deviations, in fifths by FSD and in fifths by valuation."""
    chart = Chart(3.6)
    for index, (entries, title) in enumerate(
        ((by_fsd, "fifths by FSD"), (by_price, f"fifths by valuation, {currency}"))
    ):
        axes = chart.axes(index, 2, title=title, ylabel="standard deviation of the error, %" if index == 0 else "")
        forecast, realised, high = _columns(entries, ("claimed", "realised", "high"))
        x = np.arange(len(forecast))
        axes.bar(x - 0.2, forecast, 0.38, color=GREY, label="forecast (FSD)")
        axes.bar(x + 0.2, realised, 0.38, color=BLUE, label="realised")
        format_limit = (lambda limit: f"{limit:.0f}%") if index == 0 else money
        label_ticks(axes, [f"to {format_limit(limit)}" for limit in high])
        axes.grid(axis="x", visible=False)
        if index == 0:
            legend(axes)
    return chart.svg("Forecast and realised standard deviations of the error")


def has_verdict(entry: Record) -> bool:
    """Whether a group has enough sales for the verdicts of a ratio study."""
    enough: bool = entry["study"]["n"] >= MIN_SALES_FOR_VERDICT
    return enough


def _levels(entries: Sequence[Record]) -> list[FloatArray]:
    """Return the median ratios of groups and the bounds of their intervals."""
    names = ("median_ratio", "median_ratio_low", "median_ratio_high")
    return [np.array([entry["study"][name] for entry in entries], np.float64) for name in names]


def _columns(entries: Sequence[Record], names: Sequence[str]) -> list[FloatArray]:
    """Return one array per name, of the groups with at least `MIN_SALES_FOR_VERDICT` sales."""
    shown = [entry for entry in entries if entry["n"] >= MIN_SALES_FOR_VERDICT]
    return [np.array([entry[name] for entry in shown], np.float64) for name in names]


def _axis_limits(column: FloatArray) -> tuple[float, float]:
    """Return the range of 99.6% of the coordinates plus a margin: a few remote homes would shrink the rest."""
    low, high = np.nanquantile(column, [0.002, 0.998])
    margin = 0.02 * (high - low) or 0.01
    return float(low - margin), float(high + margin)
