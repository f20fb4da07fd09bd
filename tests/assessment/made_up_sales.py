"""Made-up sales for the tests of the ratio study."""

import numpy as np
from hypothesis import strategies as st

from estimator.market.arrays import FloatArray
from estimator.valuations import Valuations

amounts = st.integers(10_000, 5_000_000).map(float)
sales_lists = st.lists(st.tuples(amounts, st.floats(0.5, 2)), min_size=5, max_size=120)


def columns(rows: list[tuple[float, float]]) -> tuple[FloatArray, FloatArray]:
    """Return the prices and the estimates of rows of price and ratio."""
    price, ratio = np.array(rows).T
    return price, price * ratio


def market(n: int, seed: int = 0, power: float = 1.0, noise: float = 0.12) -> tuple[FloatArray, FloatArray]:
    """Return prices and estimates of n made-up sales: the estimate of a worth is in proportion to worth^power."""
    rng = np.random.default_rng(seed)
    worth = np.exp(rng.normal(13, 0.5, n))
    spread = noise / np.sqrt(2)
    price = worth * np.exp(rng.normal(0, spread, n))
    return price, np.exp(13) * (worth / np.exp(13)) ** power * np.exp(rng.normal(0, spread, n))


def valuations(
    price: FloatArray, low: FloatArray, high: FloatArray, confidence: float = 0.9, fsd: float = 0.1
) -> Valuations:
    """Return valuations of n homes with these prices and ranges."""
    n = len(price)
    fsds, within = np.full(n, fsd), np.full(n, 0.6)
    return Valuations(price, low, high, fsds, within, None, None, {}, {}, {}, {}, "USD", confidence)
