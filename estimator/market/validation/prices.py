"""Sales whose price is not that of one home on the open market: nominal prices, and totals of many homes."""

import math

import numpy as np
import pandas as pd

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.robust import far_values
from estimator.market.sales import Sales
from estimator.market.validation.parsed_sales import Finding, ParsedSales
from estimator.market.validation.reasons import FAR_PRICE, ONE_TOTAL

MIN_SALES = 20
"""Fewer sales do not show what homes cost here."""
FAR_SIGMAS = 5.0
"""A price is far from all others if it and the price per unit of size both deviate by more robust standard
deviations: a mansion has a high price, not a high price per unit of size. See benchmarks/DECISIONS.md, "Bounds of
suspicion"."""
FAR_RATIO = 5.0
"""A price within this factor of the median is never far, however alike the homes are."""

MIN_SHARED = 3
"""Homes at one price on one day that can be a total: two homes often have the same price by chance."""
TOTAL_EXPONENT = 0.7
SAME_SIZE_EXPONENT = 0.85
"""If each of k homes has the total as its price, they look k times as expensive as others. They are set aside if
the price per unit of size is at least k to this power times the median. The power is larger for homes of one size,
which a builder may sell at one price."""
SAME_SIZE_RATIO = 1.2
"""Homes whose sizes differ by less are of one size."""


def far_prices(parsed: ParsedSales, usable: BoolArray, known: Sales | None) -> list[Finding]:
    """Return the sales whose prices are far from all others, such as $1; the parameters are those of all rules."""
    sales, market = parsed.sales, parsed.market
    rows = np.flatnonzero(usable)
    before = _log_prices(market, known.facts, known.price) if known else (np.empty(0), np.empty(0))
    if len(rows) + len(before[0]) < MIN_SALES:
        return []
    columns = _log_prices(market, sales.facts.take(rows), sales.price[rows])
    far = np.ones(len(rows), np.bool_)
    medians = []
    for values, reference in zip(columns, before, strict=True):
        is_far, median = far_values(values, reference, FAR_SIGMAS, math.log(FAR_RATIO))
        # A home of unknown size is judged by its price alone.
        far &= is_far | np.isnan(values)
        medians.append(math.exp(median))
    return [
        Finding(
            int(row),
            market.price,
            FAR_PRICE,
            f"{sales.price[row]:,.15g} is {_times(sales.price[row] / medians[0])} the median price of"
            f" {round(medians[0]):,}",
        )
        for row in rows[far]
    ]


def shared_totals(parsed: ParsedSales, usable: BoolArray, known: Sales | None) -> list[Finding]:
    """Return the sales of homes that were sold together on one day, each with the total as its price."""
    sales, market = parsed.sales, parsed.market
    if sales.date is None:
        return []
    rows = np.flatnonzero(usable)
    before = _log_prices(market, known.facts, known.price)[-1] if known else np.empty(0)
    per_unit = _log_prices(market, sales.facts.take(rows), sales.price[rows])[-1]
    table = pd.DataFrame(
        {"price": sales.price[rows], "date": sales.date[rows], "home": sales.home[rows], "per_unit": per_unit}
    )
    group = table.groupby(["price", "date"])
    homes = group["home"].transform("nunique").to_numpy()
    alone = per_unit[homes < MIN_SHARED]
    reference = np.concatenate((alone, before))
    reference = reference[~np.isnan(reference)]
    if len(reference) < MIN_SALES:
        return []
    dearer = group["per_unit"].transform("median").to_numpy() - float(np.median(reference))
    spread = (group["per_unit"].transform("max") - group["per_unit"].transform("min")).to_numpy()
    differ = (spread > math.log(SAME_SIZE_RATIO)) & (market.size is not None)
    exponent = np.where(differ, TOTAL_EXPONENT, SAME_SIZE_EXPONENT)
    total = (homes >= MIN_SHARED) & (dearer > exponent * np.log(homes))
    return [
        Finding(
            int(rows[index]),
            market.price,
            ONE_TOTAL,
            f"{homes[index]} homes were sold for {sales.price[rows[index]]:,.15g} each on"
            f" {sales.date[rows[index]]}: it must be their total",
        )
        for index in np.flatnonzero(total).tolist()
    ]


def _log_prices(market: Market, facts: Facts, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the log of n prices, and of the prices per unit of size; NaN where the size is not known."""
    log_price = np.log(price)
    if market.size is None:
        return log_price, log_price
    size = facts[market.size.name]
    with np.errstate(divide="ignore", invalid="ignore"):
        log_size = np.where(size > 0, np.log(size), np.nan)
    return log_price, log_price - log_size


def _times(ratio: float) -> str:
    return f"{ratio:,.1f} times" if ratio >= 1 else f"1/{1 / ratio:,.0f} of"
