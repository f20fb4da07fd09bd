"""Sales of a market in two parts: the newest fifth is for testing, or a random fifth in a market without dates."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.accuracy.california import AbsentError
from benchmarks.accuracy.datasets import DATA
from benchmarks.accuracy.frames import frame, labels_of
from estimator.market.areas import AreaLookup, Areas
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource

TRAIN_SHARE = 0.8
"""Share of the sales to train on."""
RANDOM_SEEDS = (0, 1, 2)
"""Seeds of the splits of a market without dates: three show the spread."""
TITLES = {"king_county": "King County", "lucas": "Lucas County", "tampines": "Tampines", "bengaluru": "Bengaluru"}
"""Folder of a market → its name; only the first is part of the project."""


@dataclass(frozen=True, eq=False)
class Trial:
    """Sales to train on and sales to value.

    Parameters
    ----------
    name
        Name of the market's folder.
    market, areas
        The market, and its figures by postal code.
    train, test
        The sales; in a market with dates sorted by them, the test sales being the newest.
    seed
        Seed of the models, and of the split in a market without dates.
    """

    name: str
    market: Market
    areas: Areas
    train: Sales
    test: Sales
    seed: int

    @property
    def dated(self) -> bool:
        """Whether the sales have dates."""
        return self.test.date is not None

    def months(self) -> Iterator[tuple[np.datetime64, Sales, NDArray[np.intp]]]:
        """Yield each calendar month of the test part, all sales before it, and the rows of its test sales.

        The training sales count as earlier, also those of the month in which the test part starts.
        """
        month = self.test_months
        for start in np.unique(month):
            earlier = self.train.joined(self.test.take(np.flatnonzero(month < start)))
            yield start, earlier, np.flatnonzero(month == start)

    @cached_property
    def test_months(self) -> NDArray[np.datetime64]:
        """Calendar month of each test sale, datetime64[M], shape (n,)."""
        if self.test.date is None:
            raise ValueError(f"the sales of market '{self.name}' have no dates, so they have no months")
        return self.test.date.astype("datetime64[M]")

    @cached_property
    def _lookup(self) -> AreaLookup:
        return AreaLookup(self.market, self.areas, self.train.facts)

    @cached_property
    def _labels(self) -> dict[str, list[str]]:
        return labels_of(self.market, self.train.joined(self.test).facts)

    def completed(self, sales: Sales) -> Sales:
        """Return the sales with the figures of their areas."""
        return replace(sales, facts=self._lookup.complete(sales.facts)[0])

    def table(self, sales: Sales) -> pd.DataFrame:
        """Return the facts for the boosters: also the area's figures and the day of sale, labels as categories."""
        completed = self.completed(sales)
        return frame(self.market, completed.facts, completed.date, self._labels)

    @cached_property
    def digest(self) -> str:
        """Hash of the sales and of their split."""
        content = hashlib.sha256()
        for part in (self.train, self.test):
            homes = self.table(part).assign(price=part.price)
            content.update(pd.util.hash_pandas_object(homes, index=False).to_numpy().tobytes())
        return content.hexdigest()


def read_trials(name: str, markets: Path | None) -> list[Trial]:
    """Read a market and split its sales: by date, or at random with each of `RANDOM_SEEDS`.

    Parameters
    ----------
    markets
        Folder of the markets that are not part of the project; None if there is none.

    Raises
    ------
    AbsentError
        The market is not part of the project and not in that folder.
    """
    folder = DATA / name
    if not folder.is_dir():
        if markets is None:
            raise AbsentError(f"the market '{name}' is not part of the project; name its folder with --markets")
        folder = markets / name
    if not (folder / "market.toml").exists():
        raise AbsentError(f"there is no file {folder / 'market.toml'}")
    market = Market.read(folder)
    areas = Areas.read(market, folder)
    sales = read_sales(market, SalesSource.of_market(market, folder)).sorted_by_date()
    n_train = int(TRAIN_SHARE * len(sales))

    def split(order: NDArray[np.intp], seed: int) -> Trial:
        train, test = (sales.take(rows) for rows in (order[:n_train], order[n_train:]))
        return Trial(name, market, areas, train, test, seed)

    if sales.date is not None:
        return [split(np.arange(len(sales)), 0)]
    return [split(np.random.default_rng(seed).permutation(len(sales)), seed) for seed in RANDOM_SEEDS]
