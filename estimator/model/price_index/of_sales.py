"""The price index of sales: the first one, before any network is trained, and those of values that are known."""

import numpy as np

from estimator.features.home_encoder import HomeEncoder
from estimator.market.arrays import FloatArray
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.price_index.hedonic import hedonic_residuals
from estimator.model.price_index.index import IndexSales, PriceIndex, fit_price_index


def index_of_sales(market: Market, sales: Sales, residual: FloatArray) -> PriceIndex:
    """Estimate the price index from n sales and their residuals; one of 0 in a market without dates."""
    if sales.date is None:
        return PriceIndex()
    return fit_price_index(market, IndexSales(sales.facts, sales.date, residual))


def first_index(market: Market, sales: Sales, rng: np.random.Generator) -> tuple[PriceIndex, FloatArray]:
    """Return the index before any network is trained, and the n residuals of the hedonic fit behind it."""
    if sales.date is None:
        return PriceIndex(), np.zeros(len(sales))
    homes = HomeEncoder.fit(market, sales.facts, sales.date).transform(sales.facts, sales.date).kriging_inputs
    residual = hedonic_residuals(homes, sales, rng)
    return index_of_sales(market, sales, residual), residual
