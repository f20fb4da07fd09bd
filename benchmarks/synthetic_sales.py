"""Makes any number of sales that are like King County's, to train on more sales than any county has.

    python -m benchmarks.synthetic_sales 1000000 FOLDER [--market data/king_county] [--seed 0]

FOLDER becomes a market to train on: market.toml, areas.csv, sales.parquet and recipe.toml. The generator sees
training and validation sales only, as a training with a split by time and the same seed has them, so King County's
test sales can judge what was learned.

A synthetic home stands some 300 m from a real one, drawn at random, and is built as one of that home's neighbours,
with sizes changed by some 5%. It is sold within 15 days of the real sale. Its price is what a price model, trained
on the real sales, says of that home on that day, times an error drawn from the model's errors on the validation
sales. What was compared: benchmarks/MILLION.md.
"""

import argparse
import shutil
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.spatial import KDTree
from tqdm import tqdm

from estimator.market.areas import AreaLookup
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.market_data import MarketData, read_market_data
from estimator.market.plane import kilometres
from estimator.market.sales import Sales
from estimator.model.price_model import PriceModel
from estimator.model.recipe import RECIPE, Recipe, read_recipe
from estimator.threads import parallel_imap

BATCH_ROWS = 16_384
"""Sales made at a time; so many are a row group of the file."""
MOVED_DEGREES = 0.0027
"""Standard deviation of a move in latitude and longitude: 300 m to the north, less to the east. Half the homes of
King County have a sold one within 100 m; with shorter moves, the synthetic ones would crowd around those."""
N_NEIGHBOURS = 20
"""Nearest homes that a synthetic one may be built as: those of a few streets. If it were a copy of a single home,
the homes nearest to it would be copies of that one too."""
SIZE_DEVIATION = 0.05
"""Standard deviation of the log of a size."""
LEAST_SIZE = 100.0
"""Numbers with a median from here are sizes. Rooms, floors and marks are below it, and stay as they are."""
MAX_DAYS = 15
FIRST_HOME = 10**12
"""Number of the first synthetic home; real ones have at most ten digits."""


@dataclass(frozen=True)
class Generator:
    """Makes sales; see the module's docstring.

    Parameters
    ----------
    market
        The market.
    areas
        Fills in what the model needs and the file does not have.
    model
        Says what a home costs.
    error
        Log(price ÷ value) of the validation sales, their mean taken off, shape (m,): the model knows the level of
        their prices.
    sales
        The training and validation sales.
    neighbours
        Rows of the homes nearest to each of them, itself among them, shape (n, k).
    """

    market: Market
    areas: AreaLookup
    model: PriceModel
    error: FloatArray
    sales: Sales
    neighbours: NDArray[np.intp]

    @classmethod
    def fit(cls, data: MarketData, recipe: Recipe, rng: np.random.Generator) -> "Generator":
        """Train the price model on a market's training and validation sales."""
        train, validation = data.parts.train, data.parts.validation
        areas = AreaLookup(data.market, data.areas, train.facts)
        known, newer = (replace(part, facts=areas.complete(part.facts)[0]) for part in (train, validation))
        model = PriceModel.fit(data.market, known, newer, rng, recipe=recipe)
        error = np.log(newer.price) - model.predict(newer.facts, newer.date, newer.home)
        residual = np.log(newer.price) - model.estimate(newer.facts, newer.date).log_worth
        # As `train` publishes it: the networks learn from the validation sales too.
        model = model.with_sales(newer, residual).retrained(recipe, rng)
        sales = train.joined(validation)
        return cls(data.market, areas, model, error - error.mean(), sales, _neighbours(data.market, sales.facts))

    def batch(self, first: int, n: int, rng: np.random.Generator) -> pa.Table:
        """Return n sales; `first` numbers the first home."""
        rows = rng.integers(len(self.sales), size=n)
        built_as = self.neighbours[rows, rng.integers(self.neighbours.shape[1], size=n)]
        facts = Facts(
            {
                name: self._changed(name, values[rows if name in self.market.location else built_as], rng)
                for name, values in self.sales.facts.columns.items()
            }
        )
        date = self._moved_dates(rows, rng)
        log_price = self.model.predict(self.areas.complete(facts)[0], date) + rng.choice(self.error, n)
        columns: dict[str, Any] = {
            feature.column: _column(facts[feature.name])
            for feature in self.market.features
            if self.sales.facts.known(feature.name).any()
        }
        columns[self.market.price] = np.exp(log_price).round()
        if self.market.sale_id is not None:
            columns[self.market.sale_id] = np.arange(FIRST_HOME + first, FIRST_HOME + first + n)
        if self.market.sale_date is not None and date is not None:
            columns[self.market.sale_date] = pa.array(date)
        return pa.table(columns)

    def _changed(self, name: str, values: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        """Return a fact of n homes, changed as the home is."""
        if self.market.coordinates is not None and name in self.market.coordinates:
            return values + rng.normal(0, MOVED_DEGREES, len(values))
        known = self.sales.facts[name][self.sales.facts.known(name)]
        if values.dtype.kind != "f" or not self._is_size(name, known):
            return values
        changed = (values * np.exp(rng.normal(0, SIZE_DEVIATION, len(values)))).round()
        # Within what is there: a market has bounds, and homes outside may be like none that was sold.
        clipped: NDArray[Any] = np.clip(changed, known.min(), known.max())
        return clipped

    def _is_size(self, name: str, known: FloatArray) -> bool:
        feature = next(feature for feature in self.market.features if feature.name == name)
        return feature.kind == "number" and len(known) > 0 and float(np.median(known)) >= LEAST_SIZE

    def _moved_dates(self, rows: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.datetime64] | None:
        if self.sales.date is None:
            return None
        moved = self.sales.date[rows] + rng.integers(-MAX_DAYS, MAX_DAYS + 1, len(rows))
        return np.clip(moved, self.sales.date.min(), self.sales.date.max())


def _neighbours(market: Market, facts: Facts) -> NDArray[np.intp]:
    """Return the rows of the homes nearest to each of n homes; where a location is unknown, of the home itself."""
    itself = np.arange(len(facts))[:, None]
    if market.coordinates is None:
        return itself
    location = kilometres(facts, market.coordinates, float(np.nanmean(facts[market.coordinates[0]])))
    located = np.flatnonzero(~np.isnan(location).any(axis=1))
    rows = np.repeat(itself, min(N_NEIGHBOURS, len(located)), axis=1)
    _, nearest = KDTree(location[located]).query(location[located], np.arange(1, rows.shape[1] + 1))
    rows[located] = located[nearest]
    return rows


def _column(values: NDArray[Any]) -> pa.Array:
    """Return a fact as a column: numbers as they are, text, and null where it is unknown."""
    missing = values == "" if values.dtype.kind == "U" else np.isnan(values)
    return pa.array(values, mask=missing)


def write(generator: Generator, n: int, folder: Path, seed: int) -> None:
    """Write n sales to `sales.parquet` in a folder."""
    starts = range(0, n, BATCH_ROWS)
    seeds = np.random.SeedSequence(seed).spawn(len(starts))

    def make(batch: tuple[int, np.random.SeedSequence]) -> pa.Table:
        start, own_seed = batch
        return generator.batch(start, min(BATCH_ROWS, n - start), np.random.default_rng(own_seed))

    tables = parallel_imap(make, zip(starts, seeds, strict=True))
    first = next(tables)
    with pq.ParquetWriter(folder / "sales.parquet", first.schema) as file, tqdm(total=n, disable=None) as bar:
        for table in chain([first], tables):
            file.write_table(table)
            bar.update(len(table))


def make_market(market: Path, n: int, folder: Path, seed: int, recipe: Recipe | None = None) -> None:
    """Make a market of n synthetic sales in a new folder.

    Parameters
    ----------
    recipe
        Of the price model that says what homes cost; None for the market's own.
    """
    rng = np.random.default_rng(seed)
    data = read_market_data(market, None, "time", rng)
    generator = Generator.fit(data, recipe or read_recipe(data.folder), rng)
    folder.mkdir(parents=True)
    text = (data.folder / "market.toml").read_text(encoding="utf-8")
    declared = f'sales = "{data.market.sales}"'
    if declared not in text:
        raise SystemExit(f"{data.folder / 'market.toml'} must have the line {declared}")
    (folder / "market.toml").write_text(text.replace(declared, 'sales = "sales.parquet"'), encoding="utf-8")
    for name in (data.market.areas, RECIPE):
        if name is not None and (data.folder / name).exists():
            shutil.copy(data.folder / name, folder)
    write(generator, n, folder, seed)


def main() -> None:
    """Read the command line, and make a market."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("n", type=int)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--market", type=Path, default=Path("data/king_county"))
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    make_market(options.market, options.n, options.folder, options.seed)


if __name__ == "__main__":
    main()
