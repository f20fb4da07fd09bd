"""The report's charts: numbers in, SVG out, to stand in a page that is light, dark or printed.

What has thousands of points is a picture inside the SVG. Knows nothing of models.
"""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator

from estimator.assessment.ratio_study import ACCEPTABLE, ENOUGH_SALES
from estimator.market.facts import FloatArray
from estimator.report.chart import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PLAIN,
    SEPARATED,
    STYLED,
    Chart,
    legend,
    money,
    money_axis,
    name_months,
    name_places,
    plain_log,
)

Told = Mapping[str, Any]

MISSES = LinearSegmentedColormap.from_list("misses", ["#0072B2", "#56B4E9", "#A8A8A8", "#E69F00", "#D55E00"])
"""Below the price, blue; above, orange; grey between, which shows on white and on black."""
POINTS = ("#2E8BC9", "#E0701A")
"""Blue and orange that show on white and on black: pictures cannot take the page's colours."""
PRICES = mpl.colormaps["cividis"]
"""Even to colour-blind eyes, and readable in grey."""

LONGEST_ABBREVIATION = 3
"""Characters: COD, PRD, PRB, MKI, VEI."""
AREAS = 80
"""Drawn, at most: what a printed page holds."""
_UPRIGHT_MONTHS = 14
"""Whose names have room side by side."""
_NO_YEAR = 3000
"""From here on a number is written with separators."""
_PARTS = {"train": BLUE, "validation": GREEN, "test": ORANGE}


@STYLED
def sales_by_month(months: Sequence[Told]) -> str:
    """Draw how many sales each month has, by part."""
    chart = Chart(3.0)
    aslant: dict[str, Any] = {"xlabel": " "} if len(months) > _UPRIGHT_MONTHS else {}  # room for their names
    axes = chart.axes(ylabel="sales in the month", **aslant)
    place, below = np.arange(len(months)), np.zeros(len(months))
    for part, colour in _PARTS.items():
        count = np.array([month[part] for month in months])
        axes.bar(place, count, bottom=below, color=colour, width=0.8, label=part)
        below += count
    name_months(axes, [month["month"] for month in months])
    legend(axes, columns=3)
    return chart.svg("Sales by month, stacked by part")


@STYLED
def prices_by_part(steps: Sequence[Told], currency: str) -> str:
    """Draw the distribution of prices in each part."""
    chart = Chart(3.0)
    axes = chart.axes(xlabel=f"sold for, {currency}", ylabel="share of the part, %", xscale="log")
    edges = [step["low"] for step in steps] + [steps[-1]["high"]]
    for part, colour in _PARTS.items():
        count = np.array([step[part] for step in steps])
        axes.stairs(100 * count / max(count.sum(), 1), edges, color=colour, linewidth=1.8, label=part)
    money_axis(axes.xaxis)
    legend(axes, columns=3)
    return chart.svg("Distribution of prices in the training, validation and test parts")


@STYLED
def learning(runs: Mapping[str, Sequence[Told]]) -> str:
    """Draw the losses of a training by epoch and by second and its learning rate; of several versions, each."""
    chart = Chart(3.4)
    by_epoch = chart.axes(
        0, 3, xlabel="epoch of a network", ylabel="RMSE of the log price", title="by epoch", yscale="log"
    )
    by_second = chart.axes(1, 3, xlabel="seconds of training", title="by second", yscale="log")
    rate = chart.axes(2, 3, xlabel="epoch of a network", title="learning rate, thousandths")
    for (name, epochs), both in zip(runs.items(), ((BLUE, ORANGE), (GREEN, INK)), strict=False):
        for network in sorted({epoch["network"] for epoch in epochs}):
            own = [epoch for epoch in epochs if epoch["network"] == network]
            number, seconds = ([epoch[x] for epoch in own] for x in ("epoch", "seconds"))
            rate.plot(number, [1000 * epoch["learning_rate"] for epoch in own], color=both[0], linewidth=1.6)
            for loss, colour, line in zip(("train_loss", "validation_loss"), both, ("--", "-"), strict=True):
                said = [np.nan if epoch[loss] is None else epoch[loss] for epoch in own]
                label = f"{name} {loss.split('_')[0]}".strip() if network == 1 else None
                by_epoch.plot(number, said, line, color=colour, linewidth=1.6, label=label)
                by_second.plot(seconds, said, line, color=colour, linewidth=1.6)
            kept = next((epoch for epoch in reversed(own) if epoch["best"]), None)
            if kept is not None and kept["validation_loss"] is not None:
                by_epoch.plot(kept["epoch"], kept["validation_loss"], "o", color=both[1], markersize=6)
                by_second.plot(kept["seconds"], kept["validation_loss"], "o", color=both[1], markersize=6)
    for axes in (by_epoch, by_second):
        plain_log(axes.yaxis)
    rate.yaxis.set_major_formatter(PLAIN)
    for axes in (rate, by_epoch):
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    handles, labels = by_epoch.get_legend_handles_labels()
    rate.legend(handles, labels, fontsize=9.5, loc="upper right")
    return chart.svg(
        f"Losses by epoch and by second, and the learning rate{' of both versions' if len(runs) > 1 else ''}"
    )


@STYLED
def predicted(predictions: Told, currency: str) -> str:
    """Draw values against prices."""
    chart = Chart(5.2)
    axes = chart.axes(xlabel=f"valued at, {currency}", ylabel=f"sold for, {currency}", xscale="log", yscale="log")
    price, value, low, high = (np.array(predictions[name]) for name in ("sold_for", "price", "low", "high"))
    inside = (low <= price) & (price <= high)
    for where, colour, label in ((inside, POINTS[0], "inside its 90% range"), (~inside, POINTS[1], "outside")):
        axes.scatter(value[where], price[where], 9, colour, alpha=0.6, linewidths=0, label=label, rasterized=True)
    ends = np.array([min(price.min(), value.min()), max(price.max(), value.max())])
    axes.plot(ends, ends, color=INK, linewidth=1, label="value = price")
    money_axis(axes.xaxis)
    money_axis(axes.yaxis)
    legend(axes, scale=2.5)
    return chart.svg("Values against sold prices of test homes, on logarithmic scales")


@STYLED
def map_of_misses(predictions: Told) -> str:
    """Draw where values lie above and below prices; the largest misses on top."""
    latitude, longitude = (np.array(predictions[name], np.float64) for name in ("latitude", "longitude"))
    (south, north), (west, east) = (_nearly_all(each) for each in (latitude, longitude))
    stretch = 1 / np.cos(np.radians((south + north) / 2))
    chart = Chart(5.6)
    width = min(
        0.78, 0.5 * (east - west) / (north - south) / stretch
    )  # half the figure's width is the map's height
    axes = chart.axes(
        right=0.085 + width, xlabel="longitude, °", ylabel="latitude, °", xlim=(west, east), ylim=(south, north)
    )
    miss = 100 * (np.array(predictions["price"]) / np.array(predictions["sold_for"]) - 1)
    order = np.argsort(np.abs(miss))
    points = axes.scatter(
        *(longitude[order], latitude[order], 10, miss[order]),
        linewidths=0, cmap=MISSES, vmin=-40, vmax=40, rasterized=True,
    )  # fmt: skip
    axes.set_aspect(stretch, anchor="W")
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(PLAIN)
    axes.yaxis.set_major_formatter(PLAIN)
    bar = chart.figure.add_axes((0.12 + width, 0.2, 0.02, 0.65))
    chart.figure.colorbar(points, cax=bar, extend="both", label="value above (+) or below (−) the price, %")
    return chart.svg("Map of test homes, coloured by how far the value is from the price")


@STYLED
def groups(entries: Sequence[Told], names: Sequence[str], kind: str) -> str:
    """Draw the errors of groups of homes that have enough of them: median error, level, and what ranges held."""
    chart = Chart(3.0)
    told = [name for name, entry in zip(names, entries, strict=True) if entry["n"] >= ENOUGH_SALES]
    mdape, ratio, low, high, held = _columns(
        entries, ("mdape", "median_ratio", "median_ratio_low", "median_ratio_high", "coverage")
    )
    place = np.arange(len(told))
    error, level, ranges = (
        chart.axes(number, 3, title=title, xlabel=" ")  # room for names aslant
        for number, title in enumerate(("median error, %", "median value/price", "held by 90% ranges, %"))
    )
    error.bar(place, mdape, color=BLUE, width=0.7)
    level.axhline(1, color=INK, linewidth=1)
    level.errorbar(place, ratio, (ratio - low, high - ratio), fmt="o", color=BLUE, capsize=3, markersize=5)
    ranges.axhline(90, color=INK, linewidth=1)
    ranges.plot(place, held, "o", color=BLUE, markersize=6)
    ranges.set_ylim(min(70, held.min() - 5), 101)
    for axes in (error, level, ranges):
        name_places(axes, told)
        axes.set_xlim(-0.6, len(told) - 0.4)
    return chart.svg(f"Median error, level and coverage by {kind}")


@STYLED
def areas(entries: Sequence[Told], name: str) -> str:
    """Draw the level of areas that have enough sales, with its interval, from the lowest to the highest."""
    ordered = sorted(
        (each for each in entries if each["n"] >= ENOUGH_SALES), key=lambda each: each["median_ratio"]
    )
    if len(ordered) > AREAS:
        ordered = ordered[: AREAS // 2] + ordered[-AREAS // 2 :]
    chart = Chart(1.1 + 0.165 * len(ordered))
    axes = chart.axes(xlabel="median value/price, 90% interval", left=0.16)
    ratio, low, high = _columns(ordered, ("median_ratio", "median_ratio_low", "median_ratio_high"))
    place = np.arange(len(ordered))
    axes.axvspan(*ACCEPTABLE["median_ratio"], color=FAINT, linewidth=0, zorder=0)
    axes.axvline(1, color=INK, linewidth=1)
    axes.errorbar(ratio, place, xerr=(ratio - low, high - ratio), fmt="o", color=BLUE, markersize=4, linewidth=1.2)
    axes.set_yticks(place, [each["area"] for each in ordered], fontsize=8.5)
    axes.set_ylim(-1, len(ordered))
    axes.grid(axis="y", visible=False)
    return chart.svg(f"Median value/price by {name}; the band is the acceptable range")


@STYLED
def ratio_study(overall: Told, acceptable: Mapping[str, Sequence[float | None]]) -> str:
    """Draw where each measure lies beside the range that the standard accepts."""
    rows = [
        (name, (low, high))
        for name, (low, high) in acceptable.items()
        if overall[name] is not None and low is not None and high is not None
    ]
    chart = Chart(0.5 + 0.34 * len(rows))
    axes = chart.axes(left=0.26, right=0.9)
    for place, (name, (low, high)) in enumerate(rows):
        outside = overall["met"][name] is False
        # Far outside is drawn at the edge: the figure beside it says how far.
        at = np.clip((overall[name] - low) / (high - low), -0.45, 1.45)
        axes.barh(place, 1, 0.55, color=FAINT)
        axes.plot(at, place, "X" if outside else "o", color=ORANGE if outside else BLUE, markersize=9)
        axes.text(1.52, place, f"{overall[name]:.4g}", va="center")
    names = [name.replace("_", " ") if len(name) > LONGEST_ABBREVIATION else name.upper() for name, _ in rows]
    ends = [f"{low:g} to {high:g}" for _, (low, high) in rows]
    axes.set_yticks(range(len(rows)), [f"{name}, {each}" for name, each in zip(names, ends, strict=True)])
    axes.set(xlim=(-0.5, 1.5), xticks=[], ylim=(len(rows) - 0.4, -0.6))
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    return chart.svg("Measures of the ratio study beside their acceptable ranges")


@STYLED
def coverage(held: Mapping[str, Sequence[Told]]) -> str:
    """Draw what ranges held against what they promised."""
    chart = Chart(3.8)
    axes = chart.axes(0, 2, xlabel="promised, %", ylabel="held, %")
    width = chart.axes(1, 2, xlabel="promised, %", ylabel="median high/low of the ranges")
    for (name, entries), colour, marker in zip(held.items(), (BLUE, ORANGE, GREEN, INK), "osD^", strict=False):
        promised, share, chance = (
            np.array([each[key] for each in entries]) for key in ("confidence", "held", "by_chance")
        )
        axes.errorbar(promised, share, chance, fmt=marker + "-", color=colour, capsize=3, markersize=5, label=name)
        width.plot(promised, [each["median_width"] for each in entries], marker + "-", color=colour, markersize=5)
    axes.plot([50, 100], [50, 100], color=INK, linewidth=1, label="as promised")
    legend(axes)
    return chart.svg(f"What ranges held of what they promised, and how wide they are: {', '.join(held)}")


@STYLED
def deviations(by_claim: Sequence[Told], by_price: Sequence[Told], currency: str) -> str:
    """Draw realised against claimed forecast standard deviations."""
    chart = Chart(3.6)
    for place, (entries, title) in enumerate(
        ((by_claim, "fifths by claim"), (by_price, f"fifths by value, {currency}"))
    ):
        axes = chart.axes(place, 2, title=title, ylabel="standard deviation of the error, %" if not place else "")
        claimed, realised, high = _columns(entries, ("claimed", "realised", "high"))
        at = np.arange(len(claimed))
        axes.bar(at - 0.2, claimed, 0.38, color=GREY, label="claimed")
        axes.bar(at + 0.2, realised, 0.38, color=BLUE, label="realised")
        shown = (lambda each: f"{each:.0f}%") if place == 0 else money
        name_places(axes, [f"to {shown(each)}" for each in high])
        axes.grid(axis="x", visible=False)
        if not place:
            legend(axes)
    return chart.svg("Claimed and realised standard deviations of the error")


@STYLED
def importance(facts: Sequence[Told]) -> str:
    """Draw by how much the median error rises when a fact is shuffled."""
    chart = Chart(0.9 + 0.25 * len(facts))
    axes = chart.axes(xlabel="rise of the median error when shuffled, points of %", left=0.26)
    place = np.arange(len(facts))[::-1]
    rise, spread = (np.array([fact[key] for fact in facts]) for key in ("mdape", "mdape_sd"))
    axes.barh(
        place, rise, 0.65, xerr=spread, color=BLUE, error_kw={"ecolor": INK, "capsize": 3, "elinewidth": 1.2}
    )
    axes.set_yticks(place, [fact["fact"].replace("_", " ") for fact in facts])
    axes.grid(axis="y", visible=False)
    return chart.svg("Permutation importance of each fact")


@STYLED
def curves(entries: Sequence[Told], currency: str) -> str:
    """Draw how the usual home's price and range move along facts, a small chart each."""
    across = 3
    down = -(-len(entries) // across)
    chart = Chart(2.5 * down + 0.3)
    for place, curve in enumerate(entries):
        label = curve["fact"].replace("_", " ") + (f", {curve['unit']}" if 0 < len(curve["unit"]) < 8 else "")
        axes = chart.axes(place, across, down, xlabel=label, ylabel=currency if place % across == 0 else "")
        x, price, low, high = (
            np.array([each[key] for each in curve["points"]], np.float64)
            for key in ("value", "price", "price_low", "price_high")
        )
        axes.fill_between(x, low, high, color=FAINT, linewidth=0)
        axes.plot(x, price, "-" if len(x) > 6 else "o-", color=BLUE, linewidth=1.8, markersize=4)
        if curve["own"] is not None:
            axes.axvline(float(curve["own"]), color=ORANGE, linewidth=1, linestyle="--")
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=bool(np.all(x == np.rint(x)))))
        axes.xaxis.set_major_formatter(SEPARATED if x.max() >= _NO_YEAR else PLAIN)
        if isinstance(curve["points"][0]["value"], bool):
            axes.set_xticks([0, 1], ["no", "yes"])
        money_axis(axes.yaxis)
    return chart.svg("How the usual home's price moves along each declared fact")


def film(surface: Told) -> tuple[str, list[float]]:
    """Draw the map of prices at every epoch, one below the other.

    Returns
    -------
    picture
        PNG as a data URI: transparent where nothing was sold.
    prices
        Five that stand evenly on the colour scale, from its start to its end.
    """
    prices = np.log(np.array([frame["price"] for frame in surface["frames"]]))
    low, high = np.quantile(prices[-1], [0.02, 0.98])
    row, column = np.array(surface["cells"]).T
    picture = np.zeros((len(prices), surface["rows"], surface["columns"], 4), np.uint8)
    picture[:, row, column] = PRICES((prices - low) / max(high - low, 1e-6), bytes=True)
    buffer = io.BytesIO()
    imsave(buffer, picture.reshape(-1, surface["columns"], 4), format="png")
    scale = np.exp(np.linspace(low, high, 5)).tolist()
    return "data:image/png;base64," + b64encode(buffer.getvalue()).decode(), scale


def width_by_height(surface: Told) -> float:
    """Return the shape of a map that is as wide as it is in kilometres, in its middle."""
    middle = np.radians((surface["south"] + surface["north"]) / 2)
    wide, high = surface["east"] - surface["west"], surface["north"] - surface["south"]
    return float(wide * np.cos(middle) / high)


def gradient() -> str:
    """Return the colours of prices as CSS names them, from low to high."""
    return ", ".join(mpl.colors.to_hex(PRICES(each)) for each in np.linspace(0, 1, 9))


def _columns(entries: Sequence[Told], names: Sequence[str]) -> list[FloatArray]:
    """Return columns of the groups that have enough sales."""
    told = [entry for entry in entries if entry["n"] >= ENOUGH_SALES]
    return [np.array([entry[name] for entry in told], np.float64) for name in names]


def _nearly_all(column: FloatArray) -> tuple[float, float]:
    """Return the ends of nearly all places, and a little more: a few cabins far out would leave the rest small."""
    low, high = np.nanquantile(column, [0.002, 0.998])
    room = 0.02 * (high - low) or 0.01
    return float(low - room), float(high + room)
