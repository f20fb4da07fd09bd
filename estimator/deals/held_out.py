"""What is asked for homes and what they then bring, on sales held out: to learn what asks tell, and to judge.

A model is trained without the newest fifth of the sales and values that fifth: a value that had seen the price of
its own sale would seem to leave the ask nothing to tell. Nothing of a list price reaches the model.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimator.appraiser import Appraiser, Valuations
from estimator.deals.backtest import Backtest, backtest
from estimator.deals.list_prices import ListPriceModel
from estimator.deals.screening import Costs
from estimator.errors import DataError
from estimator.market.areas import Areas
from estimator.market.facts import FloatArray
from estimator.market.market import Market
from estimator.market.sales import Parts, Split, read_closed_listings, split_rows
from estimator.model.ensemble import Callback
from estimator.model.recipe import read_recipe
from estimator.training import default_split, file_sha256, read_market


@dataclass(frozen=True)
class HeldOut:
    """n closed listings that their values have not seen.

    Parameters
    ----------
    market, split, sales_sha256
        Their market, how its sales were divided, and the SHA-256 of their file.
    values
        At the days of sale.
    ask, price
        What was asked and what it brought, shape (n,).
    size
        The fact that a price per unit is taken of, shape (n,); None in a market without one.
    refused
        How many more were refused a price.
    """

    market: Market
    split: Split
    sales_sha256: str
    values: Valuations
    ask: FloatArray
    price: FloatArray
    size: FloatArray | None
    refused: int

    def __len__(self) -> int:
        return len(self.ask)


def held_out_listings(
    market_path: Path,
    sales_path: Path | None,
    split: Split | None,
    seed: int,
    callbacks: Sequence[Callback] = (),
) -> HeldOut:
    """Train without the test part, and value those of its sales that have a list price.

    Parameters
    ----------
    market_path, split, seed
        As `train_market` takes them.
    sales_path
        Sales with list prices; see `read_closed_listings`. None: the ones that the market declares.

    Returns
    -------
    HeldOut
        In the order of the days of sale.

    Raises
    ------
    EstimatorError
        The market, the sales or the areas cannot be used, or no sale of the test part has a list price and a
        value.
    """
    rng = np.random.default_rng(seed)
    market, folder = read_market(market_path)
    path = sales_path or folder / market.sales
    sales, ask = read_closed_listings(market, path)
    areas = Areas.read(market, folder)
    areas.check_match(market, sales.facts)
    how = split or default_split(sales)
    rows = split_rows(sales, how, rng)
    appraiser = Appraiser.fit(
        market, areas, Parts(*(sales.take(part) for part in rows)), rng, callbacks, read_recipe(folder)
    )
    listed = rows[2][~np.isnan(ask[rows[2]])]
    if sales.date is not None:
        listed = listed[np.argsort(sales.date[listed], kind="stable")]
    held = sales.take(listed)
    values = appraiser.value(held.facts, held.date)
    priced = values.priced
    if not priced.any():
        raise DataError(f"{path}: none of the {len(rows[2])} newest sales has a list price and a value")
    return HeldOut(
        market,
        how,
        file_sha256(path),
        values.take(priced),
        ask[listed][priced],
        held.price[priced],
        None if market.size is None else held.facts[market.size.name][priced],
        int((~priced).sum()),
    )


def fit_list_prices(held: HeldOut) -> ListPriceModel:
    """Learn what asks tell from listings held out.

    Raises
    ------
    DataError
        They are too few.
    """
    return ListPriceModel.fit(held.values.price, held.values.fsd, held.ask, held.price)


def judge(held: HeldOut, costs: dict[str, float], rng: np.random.Generator) -> Backtest:
    """Learn what asks tell from the older half, then screen the newer half and compare with what it brought.

    Parameters
    ----------
    costs
        Of every listing, by name.
    rng
        For the bootstrap.

    Raises
    ------
    DataError
        The listings are too few.
    """
    n = len(held)
    older, newer = np.arange(n) < n // 2, np.arange(n) >= n // 2
    learned, values = held.values.take(older), held.values.take(newer)
    asks = ListPriceModel.fit(learned.price, learned.fsd, held.ask[older], held.price[older])
    return backtest(
        values.price,
        values.fsd,
        held.ask[newer],
        held.price[newer],
        Costs.of(costs, int(newer.sum())),
        asks,
        None if held.size is None else held.size[newer],
        rng,
    )
