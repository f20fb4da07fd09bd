"""Sales that a file contains twice: a part of it pasted again, or one home and day in two rows."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from estimator.market.arrays import BoolArray
from estimator.market.sales import Sales
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import CONTRADICTION, COPY, SAME_SALE

MIN_COPIED_ROWS = 5
"""So many different rows must stand twice in the same order to count as a copy. Equal flats can be sold on one day
at one price, but not five different ones twice."""
MAX_REPEATED_SHARE = 0.4
"""If a larger share of the rows are equal to another one, the file was pasted twice and sorted."""
MIN_ROWS = 20
"""In a file with fewer rows a share of them says nothing."""


def copied_rows(parsed: ParsedSales, usable: BoolArray, _known: Sales | None) -> list[Finding]:
    """Return the rows that are a copy of earlier ones."""
    rows = np.flatnonzero(usable)
    code = pd.Series(pd.factorize(parsed.digests[rows])[0])
    position = pd.Series(np.arange(len(rows)))
    earlier = position.groupby(code).shift(1).to_numpy(np.float64, na_value=np.nan)
    repeats = ~np.isnan(earlier)
    if len(rows) < MIN_ROWS or repeats.mean() <= MAX_REPEATED_SHARE:
        repeats &= _in_long_runs(position.to_numpy() - earlier, code.to_numpy())
    return [
        Finding(
            int(rows[index]),
            "",
            COPY,
            f"it is a copy of row {parsed.rows.place(int(rows[int(earlier[index])]))}",
        )
        for index in np.flatnonzero(repeats).tolist()
    ]


def _in_long_runs(offset: NDArray[np.float64], code: NDArray[np.intp]) -> BoolArray:
    """Return which rows stand in a run of rows that repeat others in their order, shape (n,)."""
    run = np.cumsum(np.concatenate(([True], offset[1:] != offset[:-1]))) if len(offset) else offset
    distinct = pd.Series(code).groupby(run).transform("nunique").to_numpy()
    long: BoolArray = (distinct >= MIN_COPIED_ROWS) & ~np.isnan(offset)
    return long


def repeated_sales(parsed: ParsedSales, usable: BoolArray, _known: Sales | None) -> list[Finding]:
    """Return the sales of one home on one day, or without dates at one price, except the first at one price."""
    sales, market = parsed.sales, parsed.market
    if market.sale_id is None or sales.sale_id is None:
        return []
    rows = np.flatnonzero(usable)
    when = sales.price if sales.date is None else sales.date.astype(np.int64)
    table = pd.DataFrame({"home": sales.home[rows], "when": when[rows], "price": sales.price[rows], "row": rows})
    group = table.groupby(["home", "when"])
    first = group["row"].transform("min").to_numpy()
    contradicts = (group["price"].transform("nunique") > 1).to_numpy()
    several = (group["row"].transform("size") > 1).to_numpy()
    findings = []
    for index in np.flatnonzero(contradicts | (several & (first != rows))).tolist():
        row = int(rows[index])
        shown = "" if sales.date is None else f" on {sales.date[row]}"
        if contradicts[index]:
            prices = ", ".join(
                f"{price:,.15g}" for price in sorted(set(sales.price[rows[first == first[index]]].tolist()))
            )
            detail = f"home {sales.sale_id[row]} was sold{shown} at different prices: {prices}"
            findings.append(Finding(row, market.sale_id, CONTRADICTION, detail))
        else:
            earlier = parsed.rows.place(int(first[index]))
            detail = f"the sale of home {sales.sale_id[row]}{shown} is already in row {earlier}"
            findings.append(Finding(row, market.sale_id, SAME_SALE, detail))
    return findings
