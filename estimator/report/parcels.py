"""Sold against unsold homes: the report's section on a file of all homes of the market, `--parcels`.

An assessor values every home, sold or not. If sold homes are valued in another way, ratio studies of sales say
nothing of the others (IAAO, Standard on Ratio Studies, on sales chasing and on representativeness).
"""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from estimator.appraiser import Appraiser
from estimator.assessment.ratio_intervals import median_error
from estimator.assessment.ratio_statistics import Z_90
from estimator.assessment.ratio_study import MIN_SALES_FOR_VERDICT
from estimator.errors import DataError
from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.columns import text_column
from estimator.market.facts import Facts
from estimator.market.homes_file import HomesTable, read_homes
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.text.names import plain_name
from estimator.report.group_file import number_cells
from estimator.report.groups import rounded
from estimator.report.numbers import Report

PREVIOUS_VALUE = "previous_value"
"""Column with the value of the last roll; with it, changes of sold and of unsold homes are compared."""

MAX_HOMES = 20_000
"""Homes of each kind that are valued, drawn at random: medians are then known to a tenth of a percent."""

_PLACES = 5
"""Decimals of degrees in which places are equal: about a metre."""
_SEED = 0
"""Of the drawing: the same file and version give the same page."""


def with_parcels(report: Report, appraiser: Appraiser, path: Path) -> dict[str, Any]:
    """Return the report with the entry `parcels`: sold and unsold homes valued by the version itself.

    Parameters
    ----------
    appraiser
        Of the version; its sales say which homes were sold.
    path
        All homes of the market, in the columns that `predict` reads, perhaps with `previous_value`.

    Raises
    ------
    DataError
        The file cannot be used, or fewer than 30 of its homes were sold, or not sold.
    """
    market = appraiser.market
    pieces = list(read_homes(market, market.features, path))
    checked = [piece.check() for piece in pieces]
    faulty = [np.isin(np.arange(len(facts)), [problem.row for problem in faults]) for facts, _, faults in checked]
    facts = Facts(
        {name: np.concatenate([entry.columns[name] for entry, _, _ in checked]) for name in checked[0][0].columns}
    )
    usable = ~np.concatenate(faulty)
    sold, found_by = _sold(path, market, appraiser.model.sales, pieces, facts)
    counts = {"sold": int(np.sum(usable & sold)), "unsold": int(np.sum(usable & ~sold))}
    left_out = int(np.sum(~usable))
    unusable = f"; {left_out:,} have faulty facts and are left out, see `house-price predict`" if left_out else ""
    for kind, count in counts.items():
        if count < MIN_SALES_FOR_VERDICT:
            raise DataError(
                f"{path}: {count:,} of its {len(facts):,} homes are {kind}, by {found_by}; at least"
                f" {MIN_SALES_FOR_VERDICT} are needed to compare sold and unsold homes{unusable}"
            )
    rng = np.random.default_rng(_SEED)
    rows = {
        kind: np.sort(rng.choice(np.flatnonzero(where), min(count, MAX_HOMES), replace=False))
        for (kind, count), where in zip(counts.items(), (usable & sold, usable & ~sold), strict=True)
    }
    values = {kind: appraiser.value(facts.take(chosen)).price for kind, chosen in rows.items()}
    previous = _previous(path, pieces)
    changes = None
    if previous is not None:
        changes = compare(*(100 * (values[kind] / previous[chosen] - 1) for kind, chosen in rows.items()))
    return {
        **report,
        "parcels": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "homes": len(facts),
            "unusable": left_out,
            "found_by": found_by,
            **counts,
            "refused": {kind: rounded(100 * np.mean(np.isnan(column))) for kind, column in values.items()},
            "facts": _facts(market, *(facts.take(chosen) for chosen in rows.values())),
            "value": compare(*values.values()),
            "change": changes,
        },
    }


def compare(sold: FloatArray, unsold: FloatArray) -> dict[str, Any] | None:
    """Return the medians of two kinds of homes, and their difference with its 90% interval; None with too few.

    NaN is left out.
    """
    sold, unsold = sold[~np.isnan(sold)], unsold[~np.isnan(unsold)]
    if min(len(sold), len(unsold)) < MIN_SALES_FOR_VERDICT:
        return None
    difference = float(np.median(sold) - np.median(unsold))
    half_width = Z_90 * float(np.hypot(median_error(sold), median_error(unsold)))
    low, high = difference - half_width, difference + half_width
    return {
        "sold": rounded(np.median(sold)),
        "unsold": rounded(np.median(unsold)),
        "difference": rounded(difference),
        "difference_low": rounded(low),
        "difference_high": rounded(high),
        "differs": bool(low > 0 or high < 0),
    }


def _sold(
    path: Path, market: Market, sales: Sales, pieces: list[HomesTable], facts: Facts
) -> tuple[BoolArray, str]:
    """Return which homes of the file were sold, shape (n,), and how they were found."""
    names = {plain_name(name): name for name in pieces[0].table.column_names}
    name = names.get(plain_name(market.sale_id or ""))
    if name is not None and sales.sale_id is not None:
        cells, _ = text_column(name, _column(pieces, name))  # as identifiers of sales are read
        texts = np.array([(cell or "").strip() for cell in cells.to_pylist()], np.str_)
        return np.isin(texts, sales.sale_id.astype(np.str_)), f"their {market.sale_id}"
    if market.coordinates is None or market.size is None:
        needed = (
            "a column sale_id, which market.toml lacks" if market.sale_id is None else f"column '{market.sale_id}'"
        )
        raise DataError(
            f"{path}: sold homes are found by their identifier, or by place and size; this market has no places,"
            f" so the file needs {needed}"
        )
    keys = (*market.coordinates, market.size.name)
    sold = set(zip(*(_key(sales.facts[key]) for key in keys), strict=True))
    homes = zip(*(_key(facts[key]) for key in keys), strict=True)
    return np.array([home in sold for home in homes], np.bool_), "place and size"


def _key(column: FloatArray) -> list[float]:
    keys: list[float] = column.astype(np.float64).round(_PLACES).tolist()
    return keys


def _previous(path: Path, pieces: list[HomesTable]) -> FloatArray | None:
    """Return the values of the last roll, shape (n,), NaN where missing; None without the column."""
    names = {plain_name(name): name for name in pieces[0].table.column_names}
    name = names.get(plain_name(PREVIOUS_VALUE))
    if name is None:
        return None
    values = number_cells(_column(pieces, name))
    if values is None or not np.any(values > 0):
        raise DataError(f"{path}: column '{name}' must have numbers above 0, the values of the last roll")
    return np.where(values > 0, values, np.nan)


def _column(pieces: list[HomesTable], name: str) -> pa.ChunkedArray:
    return pa.chunked_array([chunk for piece in pieces for chunk in piece.table[name].chunks])


def _facts(market: Market, sold: Facts, unsold: Facts) -> list[dict[str, Any]]:
    """Return the medians of each number that both kinds of homes have."""
    rows = []
    for feature in market.numbers:
        columns = [kind[feature.name][kind.known(feature.name)] for kind in (sold, unsold)]
        if feature.fact_kind.is_location or min(map(len, columns)) < MIN_SALES_FOR_VERDICT:
            continue
        medians = [rounded(np.median(column)) for column in columns]
        rows.append({"fact": feature.name, "unit": feature.unit, "sold": medians[0], "unsold": medians[1]})
    return rows
