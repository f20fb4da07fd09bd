"""Stability of King County's prices: ``python -m benchmarks.stability``.

Measures how much prices differ between models with different seeds, and how much they change when the market gets
an additional fact that is pure noise. Values the test homes at their sale dates; their prices are not used. Trains
six models, which takes about ten minutes. Prints Markdown.
"""

import dataclasses
from pathlib import Path

import numpy as np
from tqdm import tqdm

from estimator.appraiser import Appraiser
from estimator.market.areas import Areas
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales, split_sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource

KING_COUNTY = Path("data/king_county")
SEEDS = range(5)
NOISE = "noise"


def main() -> None:
    """Train, value and compare."""
    market = Market.read(KING_COUNTY)
    areas = Areas.read(market, KING_COUNTY)
    parts = split_sales(
        read_sales(market, SalesSource.of_market(market, KING_COUNTY)), "time", np.random.default_rng(0)
    )
    prices = np.array(
        [values_of(market, areas, parts, seed) for seed in tqdm(SEEDS, unit=" models", disable=None)]
    )
    noisy_market, noisy_parts = with_noise(market, parts, np.random.default_rng(0))
    noisy = values_of(noisy_market, areas, noisy_parts, seed=0)
    print("# Stability of the prices\n")
    print(f"`python -m benchmarks.stability`: King County, time split, {prices.shape[1]:,} homes.\n")
    print("| % of the price | median | 99th percentile | target |\n| --- | ---: | ---: | ---: |")
    valued = np.isfinite(noisy) & np.isfinite(prices).all(axis=0)
    prices, noisy = prices[:, valued], noisy[valued]
    mean_price = prices.mean(axis=0)
    print_row(
        f"standard deviation over {len(SEEDS)} seeds", prices.std(axis=0, ddof=1) / mean_price, "≤ 2 at the median"
    )
    print_row("maximum minus minimum over the seeds", np.ptp(prices, axis=0) / mean_price)
    print_row("change from one seed to the next, absolute", np.abs(np.diff(prices, axis=0) / prices[:-1]).ravel())
    print_row("change with an additional noise fact, absolute", np.abs(noisy / prices[0] - 1), "< 1, < 5")


def values_of(market: Market, areas: Areas, parts: Parts, seed: int) -> FloatArray:
    """Train a model and return the prices of the test homes at their sale dates, shape (n,)."""
    appraiser = Appraiser.fit(market, areas, parts, np.random.default_rng(seed))
    return appraiser.value(parts.test.facts, parts.test.date).price


def with_noise(market: Market, parts: Parts, rng: np.random.Generator) -> tuple[Market, Parts]:
    """Return the market with an additional optional fact, and the same sales with random values of it."""
    noise = Feature(
        name=NOISE, kind="number", column=NOISE, minimum=-10.0, maximum=10.0, description="Random numbers."
    )

    def add_noise(sales: Sales) -> Sales:
        facts = Facts({**sales.facts.columns, NOISE: rng.standard_normal(len(sales))})
        return dataclasses.replace(sales, facts=facts)

    noisy_parts = Parts(add_noise(parts.train), add_noise(parts.validation), add_noise(parts.test))
    return dataclasses.replace(market, features=(*market.features, noise)), noisy_parts


def print_row(name: str, share: FloatArray, target: str = "") -> None:
    """Print a row of the table."""
    median, percentile_99 = 100 * np.quantile(share, [0.5, 0.99])
    print(f"| {name} | {median:.2f} | {percentile_99:.2f} | {target} |", flush=True)


if __name__ == "__main__":
    main()
