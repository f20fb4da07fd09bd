"""The screening on simulated markets and on the homes of King County that were sold twice.

`make bench-screening` prints the tables of SCREENING.md.
"""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from benchmarks.renovations import changed_between_sales, held_out, uplift_table
from estimator.appraiser import Appraiser
from estimator.bulk import predict_file
from estimator.deals.backtest import Backtest, backtest, reliability
from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.past_resales import PastResales, RepeatSales
from estimator.deals.readings import READINGS
from estimator.deals.repairs import Uplift
from estimator.deals.screen_file import screen_file
from estimator.deals.screening import best_first, screen
from estimator.market.areas import Areas
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.market import Market
from estimator.market.sales import Sales, split_sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource
from estimator.valuations import Valuations

KING_COUNTY = Path("data/king_county")
SEEDS = range(20)
LISTINGS = 10_000
FREE = {"buying_cost": 0.0, "selling_cost": 0.0}


def simulated_market(
    n: int, error: float, noise: float, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return worth, value and list price of n listings: both prices are unbiased with log-normal errors."""
    worth = np.exp(rng.normal(13.0, 0.4, n))
    value = worth * np.exp(rng.normal(-(error**2) / 2, error, n))
    list_price = worth * np.exp(rng.normal(-(noise**2) / 2, noise, n))
    return worth, value, list_price


def simulate(error: float, noise: float, seed: int) -> dict[str, float]:
    """Fit to `LISTINGS` closed listings, screen as many others; return claimed and realised figures."""
    rng = np.random.default_rng(seed)
    fsd = np.full(LISTINGS, error)
    worth, value, list_price = simulated_market(LISTINGS, error, noise, rng)
    model = ListPriceModel.fit(value, fsd, list_price, worth)
    worth, value, list_price = simulated_market(LISTINGS, error, noise, rng)
    screening = screen(value, fsd, list_price, Costs.of(FREE, LISTINGS), model)
    realised = 100 * (worth - list_price) / list_price
    best, naive = (
        best_first(score)[: LISTINGS // 20]
        for score in (screening.outcome.margin_percent, screening.naive_percent)
    )
    bands = [band for band in reliability(screening.outcome.probability, worth > list_price) if band.n >= 200]
    errors = [100 * abs(band.claimed - band.realised) for band in bands]
    standard_errors = [100 * np.sqrt(band.claimed * (1 - band.claimed) / band.n) for band in bands]
    return {
        "claimed": float(screening.outcome.margin_percent[best].mean()),
        "realised": float(realised[best].mean()),
        "naive claims": float(screening.naive_percent[naive].mean()),
        "naive realises": float(realised[naive].mean()),
        "worst band": max(errors),
        "in standard errors": max(np.divide(errors, standard_errors)),
        "bands within 3": 100 * float(np.mean(np.array(errors) <= 3)),
    }


def simulated_repairs(seed: int) -> dict[str, float]:
    """Return how often the margin of a repaired home is within its claimed 80% range, and the worst fifth's share.

    Half of the homes are repaired. The errors of a value before and after differ by that of the uplift alone.
    """
    rng = np.random.default_rng(seed)
    n, fsd, noise = LISTINGS, 0.12, 0.06
    worth, value, list_price = simulated_market(n, fsd, noise, rng)
    model = ListPriceModel.fit(value, np.full(n, fsd), list_price, worth)
    worth, value, list_price = simulated_market(n, fsd, noise, rng)
    planned, deviation = rng.random(n) < 0.5, rng.uniform(0.02, 0.12, n)
    log_uplift = np.where(planned, rng.uniform(0.0, 0.4, n), 0.0)
    resale = worth * np.exp(log_uplift + np.where(planned, rng.normal(0, deviation), 0.0))
    uplift = Uplift.of(value, value * np.exp(log_uplift), planned, deviation)
    costs = Costs.of({"rehab": 30_000.0}, n)
    outcome = screen(value, np.full(n, fsd), list_price, costs, model, uplift=uplift).outcome
    margin = costs.margin(list_price, resale)
    inside = (margin >= outcome.margin_low) & (margin <= outcome.margin_high)
    fifths = np.array_split(np.flatnonzero(planned)[np.argsort(log_uplift[planned])], 5)
    shares = [float(inside[rows].mean()) for rows in fifths]
    return {
        "inside the 80% range": float(inside[planned].mean()),
        "lowest fifth": min(shares),
        "highest fifth": max(shares),
    }


@dataclass(frozen=True)
class Resales:
    """n homes of King County that were sold twice, valued as of their first sale by a model that knows neither.

    `list_price` is the first price, `resale` the next one, and `gain` its log ratio without what the market moved.
    """

    values: Valuations
    list_price: FloatArray
    resale: FloatArray
    gain: FloatArray
    size: FloatArray
    model: ListPriceModel

    def backtest(self) -> Backtest:
        """Screen the homes and compare the rankings."""
        rng, costs = np.random.default_rng(0), Costs.of(FREE, len(self.gain))
        return backtest(
            self.values.price, self.values.fsd, self.list_price, self.resale, costs, self.model, self.size, rng
        )


def king_county_resales(appraiser: Appraiser, sales: Sales) -> Resales:
    """Value the homes of King County that were sold twice by a model that knows none of their sales."""
    market = appraiser.market
    first, last = _first_and_last(sales)
    values = appraiser.value(first.facts, first.date)
    priced = values.priced
    print(f"{len(first)} homes, {int(priced.sum())} valued; months between: {_months(first, last):.1f} (median)")
    index = appraiser.model.index
    moved = index.at(market, last.facts, last.date) - index.at(market, first.facts, first.date)
    return Resales(
        values.take(priced),
        first.price[priced],
        last.price[priced],
        (np.log(last.price / first.price) - moved)[priced],
        first.facts["square_footage"][priced],
        ListPriceModel.prior(appraiser.ranges.scores),
    )


def readings_by_fifth(found: Resales) -> str:
    """Return what each reading claims of the homes, by fifths of value ÷ list price, and what came true.

    The market's move is left out. What became of resold homes is learned from the other half of the homes.
    """
    n = len(found.gain)
    value, fsd, list_price = found.values.price, found.values.fsd, found.list_price
    discount = np.log(value / list_price)
    half = np.random.default_rng(0).permutation(n) < n // 2
    costs = Costs.of(FREE, n)
    columns: dict[str, tuple[FloatArray, FloatArray]] = {}
    for rows in (half, ~half):
        past = PastResales.fit(RepeatSales(discount[~rows], found.gain[~rows]))
        screening = screen(value, fsd, list_price, costs, found.model, 0.5, past)
        for name, outcome in screening.readings.items():
            margin, chance = columns.setdefault(name, (np.empty(n), np.empty(n)))
            margin[rows], chance[rows] = (
                outcome.highest_offer[rows] / list_price[rows] - 1,
                outcome.probability[rows],
            )
    fifths = np.array_split(np.argsort(-discount), 5)
    table = {}
    groups = {**{str(number): rows for number, rows in enumerate(fifths, 1)}, "all": np.arange(n)}
    for number, members in groups.items():
        claims = {
            READINGS[name]: f"{100 * np.median(margin[members]):+.0f}, {chance[members].mean():.2f}"
            for name, (margin, chance) in columns.items()
        }
        came_true = (
            f"{100 * np.median(np.expm1(found.gain[members])):+.0f}, {(found.gain[members] > 0).mean():.2f}"
        )
        table[number] = {**claims, "came true": came_true}
    return _markdown(pd.DataFrame(table).T.rename_axis("fifth"))


def halves(found: Resales, n_splits: int = 200) -> str:
    """Return how far the median gain learned from half of the homes is from that of the other half."""
    discount, rng = np.log(found.values.price / found.list_price), np.random.default_rng(0)
    misses = []
    for _ in range(n_splits):
        half = rng.permutation(len(found.gain)) < len(found.gain) // 2
        past = PastResales.fit(RepeatSales(discount[half], found.gain[half]))
        claimed = np.median(past.base + past.share * discount[~half])
        misses.append(100 * float(claimed - np.median(found.gain[~half])))
    within = 100 * np.mean(np.abs(misses) <= 5)
    past = PastResales.fit(RepeatSales(discount, found.gain))
    return (
        f"{past.text()}; learned from half: the median gain of the other half is missed by"
        f" {np.mean(np.abs(misses)):.1f} log points, {within:.0f}% of {n_splits} splits within 5"
    )


def king_county_without(sales: Sales, left_out: BoolArray) -> Appraiser:
    """Train a model without some of King County's sales."""
    market, rng = Market.read(KING_COUNTY), np.random.default_rng(0)
    parts = split_sales(sales.take(~left_out), "time", rng)
    return Appraiser.fit(market, Areas.read(market, KING_COUNTY), parts, rng)


def _first_and_last(sales: Sales) -> tuple[Sales, Sales]:
    """Return the first and the second sale of each home, in the same order of homes; `sales` are by date."""
    order = np.argsort(sales.home, kind="stable")
    _, first = np.unique(sales.home[order], return_index=True)
    return sales.take(order[first]), sales.take(order[first + 1])


def _months(first: Sales, last: Sales) -> float:
    assert first.date is not None
    assert last.date is not None
    assert (first.home == last.home).all()
    return float(np.median((last.date - first.date).astype(int))) / 30.4


def throughput(appraiser: Appraiser) -> tuple[float, float]:
    """Return the CPU seconds for valuing and for screening a file of 100,000 listings; the best of three runs."""
    table = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str, keep_default_na=False)
    table = pd.concat([table] * 5, ignore_index=True).head(100_000)
    table = table.rename(columns={"price": "list_price"})
    table["listing_id"] = [f"L{row}" for row in range(len(table))]
    model = ListPriceModel.prior(appraiser.ranges.scores)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "listings.csv"), Path(folder, "answer.csv")
        table.to_csv(source, index=False)
        seconds: tuple[list[float], list[float]] = ([], [])
        for _ in range(3):
            start = time.process_time()
            predict_file(appraiser, source, target)
            middle = time.process_time()
            screen_file(appraiser, model, source, target, {})
            seconds[0].append(middle - start)
            seconds[1].append(time.process_time() - middle)
    return min(seconds[0]), min(seconds[1])


def _simulation_table() -> str:
    rows = {}
    for error in (0.10, 0.15):
        for noise in (0.04, 0.08):
            runs = pd.DataFrame([simulate(error, noise, seed) for seed in SEEDS])
            difference = (runs["claimed"] - runs["realised"]).abs()
            rows[f"{error:.0%}, {noise:.0%}"] = {
                **{name: f"{runs[name].mean():+.2f}" for name in list(runs)[:4]},
                "claimed − realised, worst seed": f"{difference.max():.2f}",
                "worst band, median seed": f"{runs['worst band'].median():.1f}",
                "bands within 3 points": f"{runs['bands within 3'].mean():.0f}%",
                "worst band in standard errors, median seed": f"{runs['in standard errors'].median():.1f}",
            }
    return _markdown(pd.DataFrame(rows).T.rename_axis("errors of value, list price"))


def _ranking_table(found: Backtest) -> str:
    rows = {
        name: {
            "rank correlation": f"{ranking.rank_correlation:.3f}",
            "top fifth minus bottom fifth": f"{ranking.spread:+.1f} ({ranking.spread_low:.1f} to"
            f" {ranking.spread_high:.1f})",
            **{
                f"best {top.k}: claimed, realised": ("–" if top.claimed is None else f"{top.claimed:+.1f}")
                + f", {top.realised:+.1f}"
                for top in ranking.tops
            },
        }
        for name, ranking in found.rankings.items()
    }
    return _markdown(pd.DataFrame(rows).T.rename_axis("ranking"))


def _markdown(table: pd.DataFrame) -> str:
    names = [str(table.index.name), *map(str, table.columns)]
    rows = [[str(index), *map(str, row)] for index, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (names, ["---"] * len(names), *rows))


def main() -> None:
    print(f"Simulated: {LISTINGS:,} closed listings to fit to, {LISTINGS:,} to screen, {len(SEEDS)} seeds\n")
    print(_simulation_table() + "\n")
    repairs = pd.DataFrame([simulated_repairs(seed) for seed in SEEDS])
    print(_markdown(repairs.agg(["mean", "min", "max"]).round(3).rename_axis("repairs")) + "\n")
    market = Market.read(KING_COUNTY)
    sales = read_sales(market, SalesSource.of_market(market, KING_COUNTY)).sorted_by_date()
    twice = np.bincount(sales.home)[sales.home] > 1
    others = held_out(sales, np.random.default_rng(1)) & ~twice
    appraiser = king_county_without(sales, twice | others)
    homes, changed, renovated = changed_between_sales(sales)
    print(f"{homes} homes sold twice; facts differ between the sales of {changed}; {renovated} renovated since\n")
    print(_markdown(uplift_table(appraiser, sales.take(others)).rename_axis("change")) + "\n")
    resales = king_county_resales(appraiser, sales.take(twice))
    print(readings_by_fifth(resales) + "\n")
    print(halves(resales) + "\n")
    found = resales.backtest()
    print(_ranking_table(found) + "\n")
    for band in found.reliability:
        shares = f"claimed {band.claimed:.2f}, realised {band.realised:.2f}"
        print(f"P {band.low:.1f}–{band.high:.1f}: {band.n} homes, {shares}")
    predicting, screening = throughput(appraiser)
    print(f"\n100,000 listings: screened at {predicting / screening:.2f} × the rate of predict")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with threadpool_limits(1):
        main()
