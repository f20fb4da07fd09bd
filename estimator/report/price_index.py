"""The numbers of the report about prices over time: the price index, its forecast, and its areas and segments."""

from typing import Any

from estimator.appraiser import Appraiser
from estimator.market.arrays import FloatArray
from estimator.model.price_index.table import CONFIDENCE, grouping_tables, index_table
from estimator.report.groups import rounded

YEAR = 12
"""Months over which the areas and segments are compared."""


def price_index(appraiser: Appraiser) -> dict[str, Any] | None:
    """Return the price index by month and by group, changes in percent; None in a market without dates."""
    model = appraiser.model
    table = index_table(model.index)
    if table.newest_month is None:
        return None
    groupings = grouping_tables(appraiser.market, model.index, model.sales.facts)
    return {
        "confidence": round(100 * CONFIDENCE, 1),
        **table.as_dict(),
        **{f"change_{n}_months": _percent(table.change(-n, 0)) for n in (3, YEAR)},
        "change_since_start": _percent(table.change(1 - table.n_known, 0)),
        "forecast_next_month": _percent(table.change(0, 1)),
        "forecast_year": _percent(table.change(0, YEAR)),
        "groupings": [
            {
                "name": grouping.name,
                "groups": [group.as_dict() | _changes(group.index[: table.n_known]) for group in grouping.groups],
            }
            for grouping in groupings
        ],
    }


def _changes(index: FloatArray) -> dict[str, float | None]:
    """Return the changes of a group up to its newest month: in a year, where there is one, and since the start."""
    year = float(index[-1] / index[-1 - YEAR] - 1) if len(index) > YEAR else None
    return {"change_12_months": _percent(year), "change_since_start": _percent(float(index[-1] / index[0] - 1))}


def _percent(change: float | None) -> float | None:
    return None if change is None else rounded(100 * change, 3)
