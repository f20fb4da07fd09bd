"""Draws the README's picture: valuations of King County's test sales against sale prices, and a map of the errors.

make picture
"""

import sys
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from estimator.appraiser import Appraiser
from estimator.market.market_data import read_market_data
from estimator.market.sales import Sales
from estimator.model.recipe import read_recipe
from estimator.valuations import Valuations

PICTURE = Path(__file__).with_name("king_county.png")


def main(folder: Path) -> None:
    """Train on the market in a folder, and draw the test sales, which the model has never seen."""
    rng = np.random.default_rng(0)
    data = read_market_data(folder, None, None, rng)
    test = data.parts.test
    appraiser = Appraiser.fit(data.market, data.areas, data.parts, rng, (), read_recipe(folder))
    values = appraiser.value(test.facts, test.date, earlier_sales_only=True)
    mpl.rcParams.update({"font.size": 11, "axes.spines.top": False, "axes.spines.right": False})
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 5.2), layout="constrained")
    _draw_prices(left, test, values)
    _draw_map(right, test, values)
    figure.savefig(PICTURE, dpi=110)


def _draw_prices(axes: Axes, test: Sales, values: Valuations) -> None:
    inside = (values.low <= test.price) & (test.price <= values.high)
    for rows, colour, label in (
        (inside, "#0072B2", "price inside the 90% range"),
        (~inside, "#D55E00", "price outside the 90% range"),
    ):
        axes.scatter(
            values.price[rows], test.price[rows], s=5, alpha=0.5, linewidths=0, color=colour,
            label=f"{label}: {rows.mean():.0%}",
        )  # fmt: skip
    ends = np.array([test.price.min(), test.price.max()])
    axes.plot(ends, ends, color="black", linewidth=1)
    dollars = FuncFormatter(lambda value, _: f"${value / 1e6:g}M" if value >= 1e6 else f"${value / 1e3:g}k")
    ticks = [1e5, 2e5, 5e5, 1e6, 2e6, 5e6]
    axes.set(xscale="log", yscale="log", xlabel="valuation", ylabel="sale price", xticks=ticks, yticks=ticks)
    axes.minorticks_off()
    axes.xaxis.set_major_formatter(dollars)
    axes.yaxis.set_major_formatter(dollars)
    axes.legend(markerscale=4, frameon=False, loc="upper left")
    axes.set_title(f"{len(test):,} test sales", loc="left")


def _draw_map(axes: Axes, test: Sales, values: Valuations) -> None:
    error = 100 * (values.price / test.price - 1)
    latitude, longitude = test.facts["latitude"], test.facts["longitude"]
    points = axes.scatter(longitude, latitude, c=error, s=6, linewidths=0, cmap="PuOr_r", vmin=-40, vmax=40)
    axes.set(xlabel="longitude, °", ylabel="latitude, °", xlim=(-122.55, -121.7), ylim=(47.15, 47.8))
    axes.set_aspect(1 / np.cos(np.radians(latitude.mean())))
    axes.figure.colorbar(points, ax=axes, label="valuation above (+) or below (−) the sale price, %", shrink=0.85)
    axes.set_title("map of the errors", loc="left")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
