"""The price index: how the prices of a market, and of its areas and segments, have moved from month to month."""

from estimator.model.price_index.hedonic import hedonic_residuals
from estimator.model.price_index.index import MAX_FORECAST_MONTHS, IndexSales, PriceIndex, fit_price_index

__all__ = ["MAX_FORECAST_MONTHS", "IndexSales", "PriceIndex", "fit_price_index", "hedonic_residuals"]
