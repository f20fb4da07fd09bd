"""The data sets of the benchmark: which sales, how they are split, and which facts they have.

The split is the same for all models and seeds, so that no model is selected on a sale that another is tested on.
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
from estimator.market.sales import Parts, Sales, Split, split_sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource

DATA = Path(__file__).parents[2] / "data"

SPLIT_SEED = 0
"""Seed of the random split. The seeds of a benchmark only vary the models."""

BASIC_FACTS = ("latitude", "longitude", "crime_rate", "square_footage", "population")
"""The four basic facts: location (two coordinates), crime rate, square footage and population."""


@dataclass(frozen=True)
class DataSet:
    """Sales that every model is trained and evaluated on.

    Parameters
    ----------
    market
        Declares the facts.
    parts
        The sales, with the area figures filled in.
    size
        Name of the fact that measures the size of a home; `nearest` compares homes by location and size.
    dollars
        USD per unit of the predicted value, where that is not a log price; None for log prices.
    """

    market: Market
    parts: Parts
    size: str = "square_footage"
    dollars: float | None = None

    def digest(self) -> str:
        """Return a hash of the facts, prices, dates and homes of the parts: everything a model could use."""
        content = hashlib.sha256()
        for part in (self.parts.train, self.parts.validation, self.parts.test):
            columns = {**part.facts.columns, " price": part.price, " home": part.home}
            if part.date is not None:
                columns[" date"] = part.date.astype(np.int64)
            for name, column in sorted(columns.items()):
                content.update(f"{name} {column.dtype} ".encode() + np.ascontiguousarray(column).tobytes())
        return content.hexdigest()


def read_market(name: str, split: Split) -> DataSet:
    """Read a market of the project and look up its area figures as `Appraiser.fit` does."""
    market = Market.read(DATA / name)
    sales = read_sales(market, SalesSource.of_market(market, DATA / name))
    parts = split_sales(sales, split, np.random.default_rng(SPLIT_SEED))
    lookup = AreaLookup(market, Areas.read(market, DATA / name), parts.train.facts)
    return DataSet(market, _map_parts(parts, lambda part: replace(part, facts=lookup.complete(part.facts)[0])))


def read_basic_facts(name: str, split: Split) -> DataSet:
    """Read a market with the four basic facts only; area figures are looked up before removing postal codes."""
    whole = read_market(name, split)
    market = keep_facts(whole.market, BASIC_FACTS)

    def keep(part: Sales) -> Sales:
        return replace(part, facts=Facts({feature: part.facts[feature] for feature in BASIC_FACTS}))

    return replace(whole, market=market, parts=_map_parts(whole.parts, keep))


def keep_facts(market: Market, names: tuple[str, ...]) -> Market:
    """Return the market with the named facts only; the columns of the others are ignored."""
    declared = market.to_dict()
    ignored = [feature.column for feature in market.features if feature.name not in names]
    declared["features"] = [feature for feature in declared["features"] if feature["name"] in names]
    declared["ignore"] = [*market.ignore, *ignored]
    if not any(feature["kind"] == "postal_code" for feature in declared["features"]):
        declared.pop("areas", None)  # without postal codes there is no lookup
    return Market.from_dict(declared)


def _map_parts(parts: Parts, change: Callable[[Sales], Sales]) -> Parts:
    return Parts(change(parts.train), change(parts.validation), change(parts.test))


def published_california() -> DataSet:
    """Return California Housing with the published split; the log of each price is the published value."""
    market, parts = california()
    return DataSet(market, parts, size="median_income", dollars=100_000)


DATA_SETS: Mapping[str, Callable[[], DataSet]] = {
    "king_county-time": partial(read_market, "king_county", "time"),
    "king_county-random": partial(read_market, "king_county", "random"),
    "king_county-basic-time": partial(read_basic_facts, "king_county", "time"),
    "king_county-basic-random": partial(read_basic_facts, "king_county", "random"),
    "california": published_california,
    "ames-random": partial(read_market, "ames", "random"),
}
"""Name of a data set → function that reads it."""

TITLES: Mapping[str, str] = {
    "king_county-time": "King County, time split, all facts",
    "king_county-random": "King County, random split, all facts",
    "king_county-basic-time": "King County, time split, the four basic facts only",
    "king_county-basic-random": "King County, random split, the four basic facts only",
    "california": "California Housing, the published split (errors of the value in 100,000 USD, no logarithm)",
    "ames-random": "Ames, random split, all facts",
}
