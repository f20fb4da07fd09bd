"""How many prices the 90% ranges hold: ``python -m benchmarks.ranges towns|MARKET_FOLDER…``.

`towns`: in small towns drawn from King County, judged on 1,000 other sales; some minutes. Market folders: on the
test sales of a training, never refreshed and refreshed every month, by time and by place; as long as the trainings
take. Prints Markdown.
"""

import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.assessment.walk_forward import month_steps
from estimator.market.areas import Areas
from estimator.market.arrays import FloatArray
from estimator.market.market import Market
from estimator.market.market_data import read_market_data
from estimator.market.sales import Sales, split_sales
from estimator.model.recipe import Recipe, read_recipe

KING_COUNTY = Path("data/king_county")
TOWNS, DRAWS, OTHERS = (20, 50, 100), 10, 1000
SMALL = Recipe(networks=1, members=2, width=32, epochs=4)
"""Networks that a town's sales can train, in a fraction of a second."""
TIME_GROUPS, PLACE_GROUPS = 5, 3


def main() -> None:
    """Print the tables that the arguments ask for."""
    print("# Shares of prices that 90% ranges hold\n")
    if sys.argv[1:] == ["towns"]:
        _print_towns()
    for folder in sys.argv[1:]:
        if folder != "towns":
            _print_market(Path(folder))


def _print_towns() -> None:
    data = read_market_data(KING_COUNTY, None, None, np.random.default_rng(0))
    market, areas, sales = data.market, data.areas, data.parts.train.joined(data.parts.validation)
    print("| sales of the town | mean share held, % | lowest | highest | claimed within 10%, % | realised, % |")
    print("| ---: | ---: | ---: | ---: | ---: | ---: |")
    for n in TOWNS:
        held, claimed, realised = np.array([_town(market, areas, sales, n, seed) for seed in range(DRAWS)]).T
        if np.isnan(held).all():
            print(f"| {n} | no ranges | | | | {realised.mean():.1f} |")
        else:
            shares = f"{held.mean():.1f} | {held.min():.1f} | {held.max():.1f}"
            print(f"| {n} | {shares} | {claimed.mean():.1f} | {realised.mean():.1f} |", flush=True)


def _town(market: Market, areas: Areas, sales: Sales, n: int, seed: int) -> tuple[float, float, float]:
    """Train on n random sales; return the figures of other sales, in percent."""
    rows = np.random.default_rng(seed).permutation(len(sales))
    town, others = sales.take(np.sort(rows[:n])).sorted_by_date(), sales.take(rows[n : n + OTHERS])
    rng = np.random.default_rng(0)
    parts = split_sales(town, "time", rng)
    appraiser = Appraiser.fit(market, areas, parts, rng, recipe=SMALL).with_sales(parts.test, rng)
    figures = _figures(appraiser, others, earlier_sales_only=False)
    held, claimed, realised = 100 * figures[~np.isnan(figures[:, 2])].mean(axis=0)
    return held if appraiser.has_ranges else np.nan, claimed, realised


def _figures(appraiser: Appraiser, sales: Sales, *, earlier_sales_only: bool) -> FloatArray:
    """Return whether each range holds the price, the claimed and the realised share within 10%, shape (n, 3)."""
    values = appraiser.value(sales.facts, sales.date, earlier_sales_only=earlier_sales_only)
    held = (values.low <= sales.price) & (sales.price <= values.high)
    within = np.abs(values.price / sales.price - 1) <= 0.1
    columns = np.column_stack((held, values.probability_within_10, within)).astype(np.float64)
    columns[~values.priced] = np.nan
    return columns


def _print_market(folder: Path) -> None:
    rng = np.random.default_rng(0)
    data = read_market_data(folder, None, None, rng)
    test, market = data.parts.test, data.market
    appraiser = Appraiser.fit(market, data.areas, data.parts, rng, recipe=read_recipe(folder))
    runs = {"never refreshed": _figures(appraiser, test, earlier_sales_only=True)}
    if test.date is not None and appraiser.sale_dates is not None:
        figures, previous = np.empty((len(test), 3)), None
        for _, rows in month_steps(test.date, appraiser.sale_dates[1]):
            if previous is not None:
                appraiser = appraiser.with_sales(test.take(previous), rng)
            figures[rows], previous = _figures(appraiser, test.take(rows), earlier_sales_only=True), rows
        runs["refreshed every month"] = figures
    print(f"\n## {market.name}\n\n| | held, % | claimed within 10%, % | realised, % |\n| --- | --- | --- | --- |")
    for name, figures in runs.items():
        for kind, groups in _groups(market, test).items():
            shares = [100 * np.nanmean(figures[rows], axis=0) for rows in groups]
            cells = (" / ".join(f"{share[column]:.1f}" for share in shares) for column in range(3))
            print(f"| {name}, {kind} | {' | '.join(cells)} |", flush=True)


def _groups(market: Market, sales: Sales) -> dict[str, list[NDArray[np.intp]]]:
    """Return a kind of group → the rows of each of its groups, from the lowest to the highest."""
    groups = {"all": [np.arange(len(sales))]}
    if sales.date is not None:
        groups["fifths by time"] = np.array_split(np.argsort(sales.date, kind="stable"), TIME_GROUPS)
    for name in market.coordinates or ():
        groups[f"thirds by {name}"] = np.array_split(np.argsort(sales.facts[name]), PLACE_GROUPS)
    return groups


if __name__ == "__main__":
    main()
