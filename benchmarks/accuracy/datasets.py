"""The rows of the table: which sales, divided how, with which facts.

The division is one for all models and seeds, so that nothing chosen on validation sales touches a test sale.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.accuracy.california import california
from estimator.market.areas import AreaLookup, Areas
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales, Split, read_sales, split_sales

DATA = Path(__file__).parents[2] / "data"

SPLIT_SEED = 0
"""Of the random split. The seeds of a benchmark vary the models alone."""

STORY = ("latitude", "longitude", "crime_rate", "square_footage", "population")
"""What the story's investor records of a home, beside its price and the day it sold."""


@dataclass(frozen=True)
class DataSet:
    """Sales that every model learns from and is judged on.

    Parameters
    ----------
    market
        Which facts there are.
    parts
        The sales, their area's figures filled in.
    size
        The fact that says how large a home is; with its place, what the nearest comparables are alike in.
    dollars
        Of one unit of price; None where the figures are of the logarithm of the price.
    """

    market: Market
    parts: Parts
    size: str = "square_footage"
    dollars: float | None = None

    def digest(self) -> str:
        """Return a hash of the facts, prices, dates and homes of the parts: all that a peer could see of it."""
        content = hashlib.sha256()
        for part in (self.parts.train, self.parts.validation, self.parts.test):
            columns = {**part.facts.columns, " price": part.price, " home": part.home}
            if part.date is not None:
                columns[" date"] = part.date.astype(np.int64)
            for name, column in sorted(columns.items()):
                content.update(f"{name} {column.dtype} ".encode() + np.ascontiguousarray(column).tobytes())
        return content.hexdigest()


def read_market(name: str, how: Split) -> DataSet:
    """Read a market of the project; its areas are looked up as `Appraiser.fit` does."""
    market = Market.read(DATA / name)
    sales = read_sales(market, DATA / name / market.sales)
    parts = split_sales(sales, how, np.random.default_rng(SPLIT_SEED))
    lookup = AreaLookup(market, Areas.read(market, DATA / name), parts.train.facts)
    return DataSet(market, _each(parts, lambda part: replace(part, facts=lookup.complete(part.facts)[0])))


def story(name: str, how: Split) -> DataSet:
    """Read a market with the story's facts alone; the areas' figures are looked up before their codes go."""
    whole = read_market(name, how)
    market = keep_facts(whole.market, STORY)

    def keep(part: Sales) -> Sales:
        return replace(part, facts=Facts({feature: part.facts[feature] for feature in STORY}))

    return replace(whole, market=market, parts=_each(whole.parts, keep))


def keep_facts(market: Market, names: tuple[str, ...]) -> Market:
    """Return the market with some of its facts; the columns of the others are read past."""
    declared = market.to_dict()
    gone = [feature.column for feature in market.features if feature.name not in names]
    declared["features"] = [feature for feature in declared["features"] if feature["name"] in names]
    declared["ignore"] = [*market.ignore, *gone]
    if not any(feature["kind"] == "postal_code" for feature in declared["features"]):
        declared.pop("areas", None)  # nothing to look them up by
    return Market.from_dict(declared)


def _each(parts: Parts, change: Callable[[Sales], Sales]) -> Parts:
    return Parts(change(parts.train), change(parts.validation), change(parts.test))


def published_california() -> DataSet:
    """Return California Housing, divided as published; the logarithm of each price is the value."""
    market, parts = california()
    return DataSet(market, parts, size="median_income", dollars=100_000)


DATA_SETS: Mapping[str, Callable[[], DataSet]] = {
    "king_county-time": partial(read_market, "king_county", "time"),
    "king_county-random": partial(read_market, "king_county", "random"),
    "king_county-story-time": partial(story, "king_county", "time"),
    "king_county-story-random": partial(story, "king_county", "random"),
    "california": published_california,
    "ames-random": partial(read_market, "ames", "random"),
}
"""Row of the table → how to read it."""

TITLES: Mapping[str, str] = {
    "king_county-time": "King County, time split, all facts",
    "king_county-random": "King County, random split, all facts",
    "king_county-story-time": "King County, time split, the story's facts alone",
    "king_county-story-random": "King County, random split, the story's facts alone",
    "california": "California Housing, the published split (errors of the value in 100,000 USD, no logarithm)",
    "ames-random": "Ames, random split, all facts",
}
