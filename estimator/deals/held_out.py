"""Closed listings held out from training: to fit the list price model, and to evaluate the screening.

A model is trained without the newest fifth of the sales and then values that fifth. A value from a model trained
on the home's own sale would look so accurate that the list price would seem to add nothing. List prices never
reach the model.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimator.appraiser import Appraiser
from estimator.deals.backtest import Backtest, backtest
from estimator.deals.costs import Costs
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import check_ranges
from estimator.errors import DataError
from estimator.market.areas import Areas
from estimator.market.arrays import FloatArray
from estimator.market.market import Market
from estimator.market.market_data import default_split, read_market
from estimator.market.sales import Parts, Split, split_rows
from estimator.market.sales_file import read_closed_listings
from estimator.market.sales_source import SalesSource
from estimator.model.ensemble import Callback
from estimator.model.recipe import read_recipe
from estimator.valuations import Valuations


@dataclass(frozen=True)
class HeldOutListings:
    """n closed listings, valued by a model that was not trained on them.

    Parameters
    ----------
    market, split, sales_sha256
        Their market, how its sales were split, and the SHA-256 of the sales file.
    values
        Valuations at the dates of sale.
    list_price, price
        List prices and sale prices, shape (n,).
    size
        The fact used for a price per unit of size, shape (n,); None in a market without one.
    refused
        Number of further listings without a value.
    """

    market: Market
    split: Split
    sales_sha256: str
    values: Valuations
    list_price: FloatArray
    price: FloatArray
    size: FloatArray | None
    refused: int

    def __len__(self) -> int:
        return len(self.list_price)


def held_out_listings(
    market_path: Path,
    sales_path: Path | None,
    split: Split | None,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> HeldOutListings:
    """Train without the test part, and value those of its sales that have a list price.

    Parameters
    ----------
    market_path, split, seed
        As `train_market` takes them.
    sales_path
        Sales with list prices, see `read_closed_listings`; None for the sales that the market declares.

    Returns
    -------
    HeldOutListings
        In the order of the dates of sale.

    Raises
    ------
    EstimatorError
        The market, the sales or the areas cannot be used, no sale of the test part has a list price and a value,
        or the values have no ranges.
    """
    rng = np.random.default_rng(seed)
    market, folder = read_market(market_path)
    source = SalesSource.of_market(market, folder, sales_path)
    sales, list_price = read_closed_listings(market, source)
    areas = Areas.read(market, folder)
    areas.check_match(market, sales.facts)
    split = split or default_split(sales)
    rows = split_rows(sales, split, rng)
    appraiser = Appraiser.fit(
        market, areas, Parts(*(sales.take(part) for part in rows)), rng, callbacks, read_recipe(folder)
    )
    check_ranges(appraiser.ranges)
    listed = rows[2][~np.isnan(list_price[rows[2]])]
    if sales.date is not None:
        listed = listed[np.argsort(sales.date[listed], kind="stable")]
    held_out = sales.take(listed)
    values = appraiser.value(held_out.facts, held_out.date, earlier_sales_only=True)
    priced = values.priced
    if not priced.any():
        raise DataError(f"{source}: none of the {len(rows[2])} newest sales has both a list price and a value")
    return HeldOutListings(
        market,
        split,
        source.sha256(),
        values.take(priced),
        list_price[listed][priced],
        held_out.price[priced],
        None if market.size is None else held_out.facts[market.size.name][priced],
        int((~priced).sum()),
    )


def fit_list_prices(listings: HeldOutListings) -> ListPriceModel:
    """Fit a list price model to held-out listings.

    Raises
    ------
    DataError
        There are too few listings.
    """
    return ListPriceModel.fit(listings.values.price, listings.values.fsd, listings.list_price, listings.price)


def evaluate_screening(
    listings: HeldOutListings, costs: Mapping[str, float], rng: np.random.Generator
) -> Backtest:
    """Fit a list price model to the older half of the listings, then screen the newer half and compare.

    Parameters
    ----------
    costs
        Costs of every listing, by name.
    rng
        For the bootstrap.

    Raises
    ------
    DataError
        There are too few listings.
    """
    n = len(listings)
    older, newer = np.arange(n) < n // 2, np.arange(n) >= n // 2
    older_values, newer_values = listings.values.take(older), listings.values.take(newer)
    model = ListPriceModel.fit(
        older_values.price, older_values.fsd, listings.list_price[older], listings.price[older]
    )
    return backtest(
        newer_values.price,
        newer_values.fsd,
        listings.list_price[newer],
        listings.price[newer],
        Costs.of(costs, int(newer.sum())),
        model,
        None if listings.size is None else listings.size[newer],
        rng,
    )
