"""The command `check`: read a market and its sales, and say what a training would start from."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import pandas as pd

from estimator.assessment.set_aside import set_aside_record
from estimator.cli.group import main
from estimator.cli.options import FILE, MARKET, SPLIT
from estimator.cli.set_aside import checks_options, set_aside_summary
from estimator.cli.tables import format_number
from estimator.drafting.draft import UNKNOWN_CURRENCY
from estimator.market.areas import AreaLookup
from estimator.market.arrays import FloatArray
from estimator.market.market_data import MarketData, SalesChecks, read_market_data
from estimator.market.overview import overview
from estimator.market.sales import Sales, Split
from estimator.wording import plural

_HALF_WAY_ROUND = 180.0
"""Degrees of longitude that no market spans, unless it lies on both sides of the meridian of 180°."""


@main.command(name="check", short_help="Read a market and its sales, and report without training.")
@MARKET
@click.option("--sales", type=FILE, help="Sales to read.  [default: the sales files named in market.toml]")
@SPLIT
@checks_options
def check_command(market: Path, sales: Path | None, split: Split | None, *, checks: SalesChecks) -> None:
    """Read a market and its sales as `train` does, and report in seconds what a training would start from.

    Shows which sales are set aside and why, the sales of each part, the prices and every fact. Files that cannot
    be used give the same message as in a training, and exit code 2.
    """
    # The seed decides which sales a random split tests; the figures shown here hardly depend on it.
    data = read_market_data(market, sales, split, np.random.default_rng(0), checks)
    for line in _report(data):
        click.echo(line)
    click.echo(f"train with: house-price train --market {market}")


def _report(data: MarketData) -> Iterator[str]:
    """Give the lines of the report."""
    market, parts = data.market, data.parts
    used = Sales.joined(Sales.joined(parts.train, parts.validation), parts.test)
    yield f"market {market.name}: {plural(data.validated.n_rows, 'sale')} in {data.source}"
    if market.where is not None:
        yield f"only rows with {market.where}"
    summary = set_aside_summary(set_aside_record(data.validated, data.set_aside))
    yield summary.rstrip("\n") or "no sale is set aside"
    counts = ", ".join(
        f"{len(part):,} {purpose}"
        for part, purpose in (
            (parts.train, "to train on"),
            (parts.validation, "to validate"),
            (parts.test, "to test"),
        )
    )
    yield f"split {'by time' if data.split == 'time' else 'at random'}: {counts}"
    if used.date is not None:
        yield f"dates: {used.date.min()} to {used.date.max()}, median {np.sort(used.date)[len(used) // 2]}"
    low, middle, high = (format_number(float(price)) for price in np.quantile(used.price, (0, 0.5, 1)))
    yield f"prices: {low} to {high} {market.currency}, median {middle}"
    if market.sale_id is not None:
        yield f"repeat sales of a home: {len(used) - len(np.unique(used.home)):,}"
    yield _fact_table(data, used)
    yield from _advice(data)


def _fact_table(data: MarketData, used: Sales) -> str:
    """Return a table with a row for each fact; the figures of areas are looked up, as in a training."""
    completed, looked_up = AreaLookup(data.market, data.areas, used.facts).complete(used.facts)
    with_areas = replace(used, facts=completed)
    rows = {}
    for feature in data.market.features:
        is_looked_up = feature.name in looked_up and feature.name in data.areas.figures
        seen = overview(feature, with_areas if is_looked_up else used)
        rows[feature.name] = {
            "kind": feature.kind,
            "unit": feature.unit or "–",
            "known %": f"{100 * seen.known:.3g}",
            "values": seen.values,
            "look at": seen.remark or (f"from {data.market.areas}" if is_looked_up else "–"),
        }
    with pd.option_context("display.max_colwidth", 80):
        return pd.DataFrame.from_dict(rows, orient="index").to_string()


def _advice(data: MarketData) -> Iterator[str]:
    """Give what the user should do, if anything."""
    market = data.market
    if market.currency == UNKNOWN_CURRENCY:
        yield f"currency is {UNKNOWN_CURRENCY}, which means none: write the code of the prices' currency"
    if market.size is None:
        area = next((each for each in market.numbers if each.unit in {"ft²", "m²"} and not each.required), None)
        if area is None:
            yield "no required number is the size of the home; values of homes in one street will hardly differ"
        else:
            yield (
                f"no required number is the size of the home. If {area.name} is, add required = true to it: sales"
                " without it are then set aside, and a home is valued only with it"
            )
    if market.coordinates is None:
        yield "no coordinates: a home's place is known only by its postal code and categories"
    elif _spans_meridian(data.validated.sales.facts[market.coordinates[1]]):
        yield (
            "homes are on both sides of the meridian of 180°: those on one side are not compared with those on the"
            " other"
        )


def _spans_meridian(longitude: FloatArray) -> bool:
    """Whether homes are on both sides of the meridian of 180°."""
    known = longitude[~np.isnan(longitude)]
    return bool(len(known) and np.ptp(known) > _HALF_WAY_ROUND)
