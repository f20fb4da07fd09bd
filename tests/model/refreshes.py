"""A small trained model, and refreshes by sales at its own values, changed by a known amount."""

from dataclasses import replace

import numpy as np

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.sales import Sales
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe

SMALL = Recipe(networks=2, epochs=6, width=32, members=2, waves=4)


def worth(model: PriceModel, homes: Sales) -> FloatArray:
    return model.estimate(homes.facts, homes.date, homes.home, homes.date).log_worth


def sold_above_value(model: PriceModel, sales: Sales, above: FloatArray, **options: bool) -> PriceModel:
    """Return the model that knows the sales, with log prices that are so far above their values."""
    return model.with_sales(replace(sales, price=np.exp(worth(model, sales) + above)), above, **options)


def large(sales: Sales) -> BoolArray:
    size = sales.facts["square_footage"]
    return np.asarray(size > np.median(size))
