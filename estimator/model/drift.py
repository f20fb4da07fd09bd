"""How far the market's prices have moved since the sales a network learned from.

A network cannot know what happened after its last training sale. The validation sales are later, so their mean
miss tells. Knows residuals and dates, nothing of homes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from estimator.market.facts import DateArray, FloatArray


@dataclass(frozen=True)
class MarketDrift:
    """A straight line in log price from the last training sale to the last validation sale, then level.

    It is not carried on beyond the sales it was measured on: a trend of some weeks is no forecast.

    Parameters
    ----------
    start, end
        Days of the last training and of the last validation sale; None in a market without dates.
    per_day
        Log price a day.
    """

    start: np.datetime64 | None = None
    end: np.datetime64 | None = None
    per_day: float = 0.0

    @classmethod
    def fit(cls, start: np.datetime64, date: DateArray, residual: FloatArray) -> Self:
        """Measure the drift on m validation sales.

        Parameters
        ----------
        start
            Day of the last training sale.
        date, residual
            Days of sale, and log(price) − log(estimate), shape (m,).

        Notes
        -----
        Least squares of the residual on days since `start`, through 0. The slope b with standard error s is
        shrunk to b·max(0, 1 − s²/b²) (James and Stein 1961), so that a few sales do not make a trend.
        """
        days = (date - start).astype(np.float64).clip(min=0.0)
        leverage = float(days @ days)
        if leverage == 0.0 or len(days) < 2:
            return cls()
        slope = float(days @ residual) / leverage
        miss = residual - slope * days
        variance = float(miss @ miss) / (len(days) - 1) / leverage
        shrunk = slope * max(0.0, 1 - variance / slope**2) if slope else 0.0
        return cls(start, date.max(), shrunk)

    def at(self, date: DateArray | None, n: int) -> FloatArray:
        """Return what to add to n log prices at their valuation dates, shape (n,)."""
        if date is None or self.start is None or self.end is None:
            return np.zeros(n)
        days = np.minimum(np.maximum(date, self.start), self.end) - self.start
        moved: FloatArray = self.per_day * days.astype(np.float64)
        return moved

    def state(self) -> list[str | float]:
        """Return the drift as plain values; `from_state` takes it back."""
        return [] if self.start is None else [str(self.start), str(self.end), self.per_day]

    @classmethod
    def from_state(cls, state: list[str | float]) -> Self:
        """Build the drift again from its state."""
        if not state:
            return cls()
        start, end, per_day = state
        return cls(np.datetime64(str(start), "D"), np.datetime64(str(end), "D"), float(per_day))
