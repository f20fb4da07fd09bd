"""The price index: how the prices of a market, and of its areas and segments, have moved from month to month."""

from estimator.model.price_index.hedonic import hedonic_residuals
from estimator.model.price_index.index import MAX_FORECAST_MONTHS, IndexSales, PriceIndex, fit_price_index
from estimator.model.price_index.of_sales import first_index, index_of_sales

__all__ = [
    "MAX_FORECAST_MONTHS",
    "IndexSales",
    "PriceIndex",
    "first_index",
    "fit_price_index",
    "hedonic_residuals",
    "index_of_sales",
]
