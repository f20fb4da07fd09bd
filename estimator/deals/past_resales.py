"""How much of a discount came back when homes were sold again: learned from the homes that a market sold twice.

The discount of a home is what it was bought below its value, the gain what it later resold above that price, both
in log price and without what the market moved in between. The gain is modelled as a base plus a share of the
discount. The base is what resold homes gained at no discount: people resell soon mostly what they bought to
improve. The share is below 1 where a part of the discounts is error of the values.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from estimator.deals.list_prices import ResaleDistribution
from estimator.market.arrays import BoolArray, FloatArray
from estimator.model.price_model import PriceModel

MIN_PAIRS = 50
"""Pairs of sales needed: gains vary by about 18% in King County, so 50 of them fix the median gain to 3 points."""
MAX_YEARS = 2
"""Longest time between the two sales: later, the home has aged and changed, and it was hardly bought to be
resold."""
_HUBER_STEPS = 50
"""Steps of the robust regression; in King County, five are enough for 1e-6."""
_HUBER_THRESHOLD = 1.345
"""In standard deviations: 95% as efficient as least squares where errors are normal (Huber 1964, Robust
Estimation of a Location Parameter)."""


@dataclass(frozen=True)
class RepeatSales:
    """n homes that were sold and sold again.

    Parameters
    ----------
    discount
        log(value) − log(price) at the first sale, shape (n,). The value knows no sale of the home.
    gain
        log(second price) − log(first price), without what the market moved, shape (n,).
    """

    discount: FloatArray
    gain: FloatArray

    def __len__(self) -> int:
        return len(self.gain)

    @classmethod
    def of(cls, model: PriceModel) -> Self:
        """Return the repeat sales among the sales that a model knows; none in a market without dates."""
        sales = model.sales
        if sales.date is None:
            return cls(np.empty(0), np.empty(0))
        index = model.index.at(model.market, sales.facts, sales.date)
        order = np.lexsort((sales.date, sales.home))
        first, second = order[:-1], order[1:]
        days = (sales.date[second] - sales.date[first]).astype(np.int64)
        pair = (sales.home[first] == sales.home[second]) & (days > 0) & (days <= 365.25 * MAX_YEARS)
        first, second = first[pair], second[pair]
        log_price = np.log(sales.price)
        # The residual is log(price) − worth, and the worth is estimated without the home's sales.
        discount = (index - model.residual)[first]
        return cls(discount, log_price[second] - log_price[first] - (index[second] - index[first]))


@dataclass(frozen=True)
class PastResales:
    """log gain = `base` + `share`·discount + error; made by `fit`.

    Parameters
    ----------
    pairs
        Number of pairs of sales behind it.
    base
        Gain at no discount, log price; NaN with fewer than `MIN_PAIRS`, as `share`.
    share
        Share of a discount that came back, 0 to 1.
    errors
        Of the pairs, log price, sorted, distinct, shape (k,).
    """

    pairs: int
    base: float
    share: float
    errors: FloatArray

    @classmethod
    def fit(cls, sales: RepeatSales) -> Self:
        """Learn from n repeat sales; from too few, nothing but their number."""
        if len(sales) < MIN_PAIRS:
            return cls(len(sales), np.nan, np.nan, np.empty(0))
        base, share = _robust_line(sales.discount, sales.gain)
        if not 0 <= share <= 1:
            share = float(np.clip(share, 0, 1))
            base = float(np.median(sales.gain - share * sales.discount))
        return cls(len(sales), base, share, np.unique(sales.gain - base - share * sales.discount))

    @property
    def is_known(self) -> bool:
        """Whether there were enough pairs to learn from."""
        return self.pairs >= MIN_PAIRS

    def resale(
        self, value: FloatArray, list_price: FloatArray, planned: BoolArray | None = None
    ) -> ResaleDistribution:
        """Return the resale prices of n homes bought at their list prices, if they gain as those did.

        A home whose repair is `planned`, shape (n,), gains the uplift of its own repair and not the base.
        """
        log_list_price = np.log(list_price)
        base = self.base if planned is None else np.where(planned, 0.0, self.base)
        centre = log_list_price + base + self.share * (np.log(value) - log_list_price)
        return ResaleDistribution(centre, np.ones(len(centre)), self.errors, 1.0)

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer; base and share are null if they are not known."""
        known = self.is_known
        return {
            "pairs": self.pairs,
            "pairs_needed": MIN_PAIRS,
            "share": round(self.share, 4) if known else None,
            "base": round(self.base, 4) if known else None,
        }

    def text(self) -> str:
        """Return what was learned as a sentence."""
        pairs = f"{self.pairs:,} homes of this market were sold twice within {MAX_YEARS} years"
        if not self.is_known:
            return f"{pairs}; at least {MIN_PAIRS} are needed to learn how much of a discount comes back on resale"
        gain = 100 * np.expm1(self.base)
        return f"{pairs}: {100 * self.share:.0f}% of a discount came back on resale, besides a gain of {gain:.0f}%"


def _robust_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return intercept and slope of y over x, shape (n,) each, by Huber's M-estimator."""
    columns = np.column_stack((np.ones(len(x)), x))
    weights = np.ones(len(x))
    line = np.zeros(2)
    for _ in range(_HUBER_STEPS):
        weighted = columns * weights[:, None]
        # Least squares of smallest norm: all discounts may be equal.
        line[:] = np.linalg.lstsq(weighted.T @ columns, weighted.T @ y, rcond=None)[0]
        error = np.abs(y - columns @ line)
        scale = max(float(np.median(error)) / 0.6745, 1e-9)
        weights = np.minimum(1.0, _HUBER_THRESHOLD * scale / np.maximum(error, 1e-9))
    return float(line[0]), float(line[1])
