"""How many ordinary homes are refused or warned about: ``python -m benchmarks.applicability [FOLDER …]``.

Each market's newest fifth of sales, and a random fifth, are checked against the others; then towns of a few sales.
A market without dates has a random fifth alone. No model is trained. Prints Markdown.
"""

import sys
from pathlib import Path

import numpy as np

from estimator.errors import DataError
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales, Split, split_sales
from estimator.market.sales_file import read_validated_sales
from estimator.uncertainty.applicability import ApplicabilityDomain

KING_COUNTY = Path("data/king_county")
MARKETS = (KING_COUNTY, Path("data/ames"))
TOWNS = (50, 100, 300, 1000)
N_OTHERS = 1000
"""Homes outside each town's sales that are checked."""
N_DRAWS = 10


def main() -> None:
    """Print both tables."""
    folders = [Path(argument) for argument in sys.argv[1:]] or list(MARKETS)
    print("| market | held out | sales known | refused % | warned % | for the place: refused %, warned % |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for folder in folders:
        market, sales = read(folder)
        for split in ("time", "random"):
            print_market(market, sales, split)
    print(f"\n| King County sales known | {N_OTHERS:,} others: refused % | warned % |\n| ---: | ---: | ---: |")
    market, sales = read(KING_COUNTY)
    for size in TOWNS:
        draws = [np.random.default_rng(seed).permutation(len(sales))[: size + N_OTHERS] for seed in range(N_DRAWS)]
        facts = [(sales.facts.take(rows[:size]), sales.facts.take(rows[size:])) for rows in draws]
        refused, warned = np.mean([shares(market, known, others)[:2] for known, others in facts], axis=0)
        print(f"| {size:,} | {refused:.2f} | {warned:.2f} |")


def read(folder: Path) -> tuple[Market, Sales]:
    """Return a market and its sales, which are in one file."""
    market = Market.read(folder)
    return market, read_validated_sales(market, folder / str(market.sales)).sales


def print_market(market: Market, sales: Sales, split: Split) -> None:
    """Print a market's row of the first table."""
    try:
        parts = split_sales(sales, split, np.random.default_rng(0))
    except DataError:  # it has no dates
        return
    known = parts.train.joined(parts.validation).facts
    refused, warned, refused_place, warned_place = shares(market, known, parts.test.facts)
    what = "newest fifth" if split == "time" else "random fifth"
    place = "no places" if market.coordinates is None else f"{refused_place:.2f}, {warned_place:.2f}"
    print(f"| {market.name} | {what} | {len(known):,} | {refused:.2f} | {warned:.2f} | {place} |")


def shares(market: Market, known: Facts, others: Facts) -> tuple[float, float, float, float]:
    """Return the percentages of homes that are refused and only warned about, then for their places alone."""
    domain = ApplicabilityDomain.fit(market, known)
    refusals, warnings = domain.check(others)
    warned = np.logical_or.reduce([np.zeros(len(others), np.bool_), *warnings.values()])
    warned[list(refusals)] = False
    by_place = (0.0, 0.0)
    if domain.places is not None:
        check, _ = domain.places.check(market, others)
        if check is not None:
            by_place = (check.far_outside.mean(), (check.outside & ~check.far_outside).mean())
    return (100 * len(refusals) / len(others), 100 * warned.mean(), 100 * by_place[0], 100 * by_place[1])


if __name__ == "__main__":
    main()
