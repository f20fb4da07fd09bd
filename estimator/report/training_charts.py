"""Charts of the training data and of the training: numbers in, SVG out."""

import io
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator

from estimator.report.chart import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PLAIN,
    STYLED,
    Chart,
    Record,
    label_months,
    legend,
    money_axis,
    plain_log,
)

PRICES = mpl.colormaps["cividis"]
"""Perceptually uniform for colour-blind readers too, and readable in grey."""

_MAX_HORIZONTAL_MONTHS = 14
"""Months whose labels fit side by side without rotation."""
_PARTS = {"train": BLUE, "validation": GREEN, "test": ORANGE}


@STYLED
def sales_by_month(months: Sequence[Record]) -> str:
    """Draw the number of sales in each month, stacked by part."""
    chart = Chart(3.0)
    room: dict[str, Any] = {"xlabel": " "} if len(months) > _MAX_HORIZONTAL_MONTHS else {}  # for rotated labels
    axes = chart.axes(ylabel="sales in the month", **room)
    x, bottom = np.arange(len(months)), np.zeros(len(months))
    for part, colour in _PARTS.items():
        count = np.array([month[part] for month in months])
        axes.bar(x, count, bottom=bottom, color=colour, width=0.8, label=part)
        bottom += count
    label_months(axes, [month["month"] for month in months])
    legend(axes, columns=3)
    return chart.svg("Sales by month, stacked by part")


@STYLED
def prices_by_part(steps: Sequence[Record], currency: str) -> str:
    """Draw the distribution of sale prices in each part."""
    chart = Chart(3.0)
    axes = chart.axes(xlabel=f"sale price, {currency}", ylabel="share of the part, %", xscale="log")
    bin_edges = [step["low"] for step in steps] + [steps[-1]["high"]]
    for part, colour in _PARTS.items():
        count = np.array([step[part] for step in steps])
        axes.stairs(100 * count / max(count.sum(), 1), bin_edges, color=colour, linewidth=1.8, label=part)
    money_axis(axes.xaxis)
    legend(axes, columns=3)
    return chart.svg("Distribution of prices in the training, validation and test parts")


@STYLED
def learning(runs: Mapping[str, Sequence[Record]]) -> str:
    """Draw training and validation loss by epoch and by second, and the learning rate, of one or two versions."""
    chart = Chart(3.4)
    by_epoch = chart.axes(
        0, 3, xlabel="epoch", ylabel="RMSE of the log price", title="error by epoch", yscale="log"
    )
    by_second = chart.axes(1, 3, xlabel="seconds of training", title="error by second", yscale="log")
    rate = chart.axes(2, 3, xlabel="epoch", title="learning rate × 1,000")
    for (name, epochs), colours in zip(runs.items(), ((BLUE, ORANGE), (GREEN, INK)), strict=False):
        for network in sorted({epoch["network"] for epoch in epochs}):
            records = [epoch for epoch in epochs if epoch["network"] == network]
            number, seconds = ([epoch[x] for epoch in records] for x in ("epoch", "seconds"))
            rate.plot(
                number, [1000 * epoch["learning_rate"] for epoch in records], color=colours[0], linewidth=1.6
            )
            for loss, colour, line in zip(("train_loss", "validation_loss"), colours, ("--", "-"), strict=True):
                losses = [np.nan if epoch[loss] is None else epoch[loss] for epoch in records]
                label = f"{name} {loss.split('_')[0]}".strip() if network == 1 else None
                by_epoch.plot(number, losses, line, color=colour, linewidth=1.6, label=label)
                by_second.plot(seconds, losses, line, color=colour, linewidth=1.6)
            kept = next((epoch for epoch in reversed(records) if epoch["best"]), None)
            if kept is not None and kept["validation_loss"] is not None:
                by_epoch.plot(kept["epoch"], kept["validation_loss"], "o", color=colours[1], markersize=6)
                by_second.plot(kept["seconds"], kept["validation_loss"], "o", color=colours[1], markersize=6)
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


def price_surface(surface: Record) -> tuple[str, list[float]]:
    """Draw the price map of every snapshot, one below the other.

    Returns
    -------
    picture
        PNG as a data URI; transparent where nothing was sold.
    prices
        Five prices at even steps of the colour scale, from its start to its end.
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


def aspect_ratio(surface: Record) -> float:
    """Return width ÷ height of the map in kilometres, measured along its middle latitude."""
    middle = np.radians((surface["south"] + surface["north"]) / 2)
    width, height = surface["east"] - surface["west"], surface["north"] - surface["south"]
    return float(width * np.cos(middle) / height)


def gradient() -> str:
    """Return the price colours for a CSS gradient, from low to high."""
    return ", ".join(mpl.colors.to_hex(PRICES(share)) for share in np.linspace(0, 1, 9))
