"""The listings of a request as they were read: to show and filter them, and to send one again with a change.

Knows nothing of requests.
"""

from typing import Any

import numpy as np

from estimator.market.arrays import DateArray
from estimator.market.facts import Facts, json_value
from estimator.market.market import VALUATION_DATE, Market


def listings_as_read(table: Market, columns: Facts, dates: DateArray) -> list[dict[str, Any]]:
    """Return what is known of n listings; as a listing in JSON, each gives the same answer again.

    Parameters
    ----------
    table
        The market's `listing_table`.
    columns
        Of the listings; facts, list price, costs and what a repair changes.
    dates
        Valuation dates, datetime64[D], shape (n,); NaT where none was given.
    """
    listings: list[dict[str, Any]] = [{} for _ in range(len(columns))]
    for feature in table.features:
        if feature.name not in columns.columns:
            continue
        values = columns[feature.name].tolist()
        for row in np.flatnonzero(columns.known(feature.name)).tolist():
            listings[row][feature.name] = json_value(feature, values[row])
    days = dates.astype(str).tolist()
    for row in np.flatnonzero(~np.isnat(dates)).tolist():
        listings[row][VALUATION_DATE] = days[row]
    return listings
