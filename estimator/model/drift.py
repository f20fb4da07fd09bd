"""How far the market's prices have moved since the training sales.

A network cannot know what happened after its last training sale. The validation sales are later, so their
residuals show it. Knows residuals and dates, nothing of homes.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np

from estimator.market.arrays import DateArray, FloatArray


@dataclass(frozen=True)
class MarketDrift:
    """A linear trend in log price from the last training sale to the last validation sale, constant outside.

    It is not extrapolated beyond the sales it was measured on: a trend of some weeks is no forecast.

    Parameters
    ----------
    start, end
        Date of the last training and of the last validation sale; None in a market without dates.
    per_day
        Change of the log price per day.
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
            Date of the last training sale.
        date, residual
            Dates of sale, and log(price) − log(estimate), shape (m,).

        Notes
        -----
        Least squares of the residual on days since `start`, through 0. The slope b with standard error s is
        shrunk to b·max(0, 1 − s²/b²) (James and Stein 1961), so that a few sales are not taken for a trend.
        """
        days = (date - start).astype(np.float64).clip(min=0.0)
        sum_of_squares = float(days @ days)
        if sum_of_squares == 0.0 or len(days) < 2:
            return cls()
        slope = float(days @ residual) / sum_of_squares
        rest = residual - slope * days
        variance = float(rest @ rest) / (len(days) - 1) / sum_of_squares
        shrunk = slope * max(0.0, 1 - variance / slope**2) if slope else 0.0
        return cls(start, date.max(), shrunk)

    def at(self, date: DateArray | None, n: int) -> FloatArray:
        """Return the change to add to n log prices at their valuation dates, shape (n,)."""
        if date is None or self.start is None or self.end is None:
            return np.zeros(n)
        days = np.minimum(np.maximum(date, self.start), self.end) - self.start
        change: FloatArray = self.per_day * days.astype(np.float64)
        return change

    def state(self) -> list[str | float]:
        """Return the drift as plain values, for `from_state`."""
        return [] if self.start is None else [str(self.start), str(self.end), self.per_day]

    @classmethod
    def from_state(cls, state: list[str | float]) -> Self:
        """Restore the drift from its state."""
        if not state:
            return cls()
        start, end, per_day = state
        return cls(np.datetime64(str(start), "D"), np.datetime64(str(end), "D"), float(per_day))
