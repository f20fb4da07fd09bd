"""Sales whose dates are mistyped: after today, or far from the dates of all other sales.

One sale in 2051 would make it the newest one, and every default valuation a forecast of decades. A wrong date
among the others cannot be told from a right one.
"""

import datetime as dt

import numpy as np

from estimator.errors import DataError
from estimator.market.arrays import BoolArray, DateArray
from estimator.market.sales import Sales
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import FAR_DATE, FUTURE

MAX_ISOLATED_SHARE = 0.001
"""At most this share of a file's sales, and at least one, is taken to be mistyped at each end. More sales that are
far from the others are a gap in the records."""
MIN_GAP_DAYS = 90
"""A date nearer to the others than this is not wrong: a small market may have no sales for a season."""
MIN_MEAN_GAPS = 20
"""The gap must also be this many mean gaps between sales: by chance, one gap in e²⁰ is that long."""
MIN_SALES = 20
"""With fewer sales, their mean gap says too little."""
MAX_FUTURE_SHARE = 0.5
"""With more sales after today, the clock of this machine is wrong."""

_AHEAD_OF_UTC = dt.timedelta(hours=14)
"""The time zone in which a day begins first."""


def mistyped_dates(
    parsed: ParsedSales, usable: BoolArray, known: Sales | None, today: dt.date | None = None
) -> list[Finding]:
    """Return the sales whose dates are mistyped.

    Parameters
    ----------
    parsed, usable, known
        As all rules take them.
    today
        The day after which no home can have been sold; None for the latest date that it now is anywhere on earth.

    Raises
    ------
    DataError
        Most sales are after today.
    """
    date, field = parsed.sales.date, parsed.market.sale_date
    if date is None or field is None:
        return []
    today = today or (dt.datetime.now(dt.UTC) + _AHEAD_OF_UTC).date()
    future = np.flatnonzero(usable & (date > np.datetime64(today))).tolist()
    if len(future) > MAX_FUTURE_SHARE * usable.sum():
        raise DataError(
            f"{parsed.path}: {len(future):,} of {usable.sum():,} sales are dated after today ({today}), such as"
            f" row {parsed.rows.place(future[0])} ({date[future[0]]}); correct the dates, or the clock of this"
            " machine"
        )
    findings = [
        Finding(row, field, FUTURE, f"it is after today (nowhere is it later than {today})") for row in future
    ]
    rows = sorted(set(np.flatnonzero(usable).tolist()) - set(future))
    reasons = _isolated(date, rows, None if known is None else known.date)
    return findings + [Finding(row, field, FAR_DATE, detail) for row, detail in sorted(reasons.items())]


def _isolated(date: DateArray, rows: list[int], known: DateArray | None) -> dict[int, str]:
    """Return those of some rows that are far from all other sales, and why they are set aside."""
    most = max(1, int(MAX_ISOLATED_SHARE * len(date)))
    days = np.concatenate((date[rows], date[:0] if known is None else known)).astype("datetime64[D]")
    if len(days) < MIN_SALES + 2 * most:
        return {}
    order = np.argsort(days, kind="stable")
    days = days[order]
    gaps = np.diff(days).astype(np.int64)
    # Without the ends, as one mistyped date can be further away than all others together.
    bound = max(float(MIN_GAP_DAYS), MIN_MEAN_GAPS * float(gaps[most:-most].mean()))
    reasons = {}
    early = np.flatnonzero(gaps[:most] > bound)
    late = np.flatnonzero(gaps[-most:] > bound) + len(gaps) - most
    if len(early):
        cut = int(early[-1]) + 1
        for index in range(cut):
            apart = (days[cut] - days[index]).astype(int)
            reasons[int(order[index])] = f"it is {apart:,} days before all other sales, which begin on {days[cut]}"
    if len(late):
        cut = int(late[0])
        for index in range(cut + 1, len(days)):
            apart = (days[index] - days[cut]).astype(int)
            reasons[int(order[index])] = f"it is {apart:,} days after all other sales, which end on {days[cut]}"
    return {rows[index]: reason for index, reason in reasons.items() if index < len(rows)}
