"""How far King County's prices move for no good reason: ``python -m benchmarks.stability``.

Between models that differ by their seed alone, and from a model to one whose market has a fact more that is pure
noise. Values of the homes sold last, at their days; their prices are not looked at. Trains six models: some ten
minutes. Prints Markdown.
"""

import dataclasses
from pathlib import Path

import numpy as np
from tqdm import tqdm

from estimator.appraiser import Appraiser
from estimator.market.areas import Areas
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Feature, Market
from estimator.market.sales import Parts, Sales, read_sales, split_sales

KING_COUNTY = Path("data/king_county")
SEEDS = range(5)
NOISE = "noise"


def main() -> None:
    """Train, value and compare."""
    market = Market.read(KING_COUNTY)
    areas = Areas.read(market, KING_COUNTY)
    parts = split_sales(read_sales(market, KING_COUNTY / market.sales), "time", np.random.default_rng(0))
    prices = np.array(
        [values_of(market, areas, parts, seed) for seed in tqdm(SEEDS, unit=" models", disable=None)]
    )
    noisy_market, noisy_parts = with_noise(market, parts, np.random.default_rng(0))
    noisy = values_of(noisy_market, areas, noisy_parts, seed=0)
    print("# How far prices move for no good reason\n")
    print(f"`python -m benchmarks.stability`: King County, time split, {prices.shape[1]:,} homes.\n")
    print("| % of the price | median | 99th percentile | must |\n| --- | ---: | ---: | ---: |")
    valued = np.isfinite(noisy) & np.isfinite(prices).all(axis=0)
    prices, noisy = prices[:, valued], noisy[valued]
    middle = prices.mean(axis=0)
    line(f"standard deviation over {len(SEEDS)} seeds", prices.std(axis=0, ddof=1) / middle, "≤ 2 at the median")
    line("greatest less least of them", np.ptp(prices, axis=0) / middle)
    line("one seed from the next, absolute", np.abs(np.diff(prices, axis=0) / prices[:-1]).ravel())
    line("a fact of pure noise more, absolute", np.abs(noisy / prices[0] - 1), "< 1, < 5")


def values_of(market: Market, areas: Areas, parts: Parts, seed: int) -> FloatArray:
    """Train, and return the prices of the test homes at their days, shape (n,)."""
    appraiser = Appraiser.fit(market, areas, parts, np.random.default_rng(seed))
    return appraiser.value(parts.test.facts, parts.test.date).price


def with_noise(market: Market, parts: Parts, rng: np.random.Generator) -> tuple[Market, Parts]:
    """Return the market with an optional number that says nothing, and the same sales with one each by lot."""
    noise = Feature(name=NOISE, kind="number", column=NOISE, minimum=-10.0, maximum=10.0, description="By lot.")

    def with_one(sales: Sales) -> Sales:
        facts = Facts({**sales.facts.columns, NOISE: rng.standard_normal(len(sales))})
        return dataclasses.replace(sales, facts=facts)

    noisier = Parts(with_one(parts.train), with_one(parts.validation), with_one(parts.test))
    return dataclasses.replace(market, features=(*market.features, noise)), noisier


def line(name: str, share: FloatArray, must: str = "") -> None:
    """Print a line of the table."""
    median, far = 100 * np.quantile(share, [0.5, 0.99])
    print(f"| {name} | {median:.2f} | {far:.2f} | {must} |", flush=True)


if __name__ == "__main__":
    main()
