"""The days that homes are valued as of: those requested, as far as the sales and the forecast of prices reach."""

import numpy as np

from estimator.market.arrays import BoolArray, DateArray
from estimator.model.price_index import MAX_FORECAST_MONTHS


def last_valuation_date(newest: np.datetime64) -> np.datetime64:
    """Return the last day that prices are forecast for, given the date of the newest sale."""
    return np.datetime64(newest.astype("datetime64[M]") + MAX_FORECAST_MONTHS, "D")


def valuation_dates(
    sale_dates: tuple[np.datetime64, np.datetime64] | None, date: DateArray | None, n: int
) -> tuple[DateArray | None, dict[str, BoolArray]]:
    """Return the valuation dates of n subjects, and warnings where they are forecasts or not those requested.

    Parameters
    ----------
    sale_dates
        Dates of the oldest and of the newest sale; None in a market without dates.
    date
        Dates requested, datetime64[D], shape (n,); NaT or None: the newest sale's date.

    Returns
    -------
    date
        Shape (n,); None in a market without dates.
    warnings
        Warning → the subjects it applies to, shape (n,).
    """
    if sale_dates is None:
        return None, {}
    oldest, newest = sale_dates
    requested = np.full(n, newest) if date is None else np.where(np.isnat(date), newest, date)
    is_before, is_after = requested < oldest, requested > newest
    if not (is_before | is_after).any():
        return requested, {}
    last = last_valuation_date(newest)
    is_beyond = requested > last
    warnings = {
        f"valuation_date is before the oldest sale, so the home is valued as of {oldest}": is_before,
        f"valuation_date is after the newest sale ({newest}), so the price is a forecast": is_after & ~is_beyond,
        f"valuation_date is after the last day with a forecast, so the home is valued as of {last}": is_beyond,
    }
    return requested.clip(oldest, last), {text: where for text, where in warnings.items() if where.any()}
