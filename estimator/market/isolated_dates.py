"""Sales whose dates are mistyped: after today, or far from the dates of all other sales.

One sale in 2051 would make it the newest one, and every default valuation a forecast of decades. A file is not
refused for it: such a sale is set aside and named. A wrong date among the others cannot be told from a right one.
"""

import datetime as dt
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from estimator.errors import DataError
from estimator.market.arrays import DateArray
from estimator.market.sales import Sales
from estimator.market.tables import first_row

MAX_ISOLATED_SHARE = 0.001
"""At most this share of a file's sales, and at least one, is taken to be mistyped at each end. More sales that are
far from the others are a gap in the records."""
MIN_GAP_DAYS = 90
"""Nor is a pause of a season in a small market a mistake."""
MIN_MEAN_GAPS = 20
"""The gap must also be this many mean gaps between sales: by chance one in e²⁰ is so long."""
MIN_SALES = 20
"""With fewer sales, their mean gap says too little."""
MAX_FUTURE_SHARE = 0.5
"""With more sales after today, the clock of this machine is wrong."""

_AHEAD_OF_UTC = dt.timedelta(hours=14)
"""The time zone in which a day begins first."""


@dataclass(frozen=True)
class SetAside:
    """A sale that is not used.

    Parameters
    ----------
    row
        Its row in the file, as a spreadsheet shows it.
    date
        Its date.
    reason
        Why its date must be mistyped.
    """

    row: int
    date: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, dated {self.date}: {self.reason}"

    def as_dict(self) -> dict[str, int | str]:
        """Return row, date and reason as plain values."""
        return asdict(self)


def set_isolated_aside(
    sales: Sales, path: Path, known: DateArray | None = None, today: dt.date | None = None
) -> tuple[Sales, tuple[SetAside, ...]]:
    """Return the sales of a file whose dates can be right, and those that are set aside.

    Parameters
    ----------
    sales
        All n sales of the file, in its order.
    path
        The file.
    known
        Dates of sales that are known already, which stay.
    today
        The day after which no home can have been sold; None for today's date where it is latest on earth.

    Raises
    ------
    DataError
        Most sales are after today.
    """
    if sales.date is None:
        return sales, ()
    today = today or (dt.datetime.now(dt.UTC) + _AHEAD_OF_UTC).date()
    reasons = _after_today(sales.date, today)
    first = first_row(path)
    if len(reasons) > MAX_FUTURE_SHARE * len(sales):
        row = min(reasons)
        raise DataError(
            f"{path}: {len(reasons):,} of {len(sales):,} sales are dated after today ({today}), such as row"
            f" {row + first} ({sales.date[row]}); correct the dates, or the clock of this machine"
        )
    reasons |= _isolated(sales.date, sorted(set(range(len(sales))) - set(reasons)), known)
    kept = np.array([row not in reasons for row in range(len(sales))])
    aside = tuple(SetAside(row + first, str(sales.date[row]), reasons[row]) for row in sorted(reasons))
    return (sales.take(kept) if aside else sales), aside


def _after_today(date: DateArray, today: dt.date) -> dict[int, str]:
    """Return the rows that are after today, and why they are set aside."""
    return dict.fromkeys(np.flatnonzero(date > np.datetime64(today)).tolist(), f"it is after today ({today})")


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
