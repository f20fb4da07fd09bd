"""The report's section on groups of the population: the numbers of `--groups`, added to a saved report."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from estimator.assessment.group_study import MIN_AREAS, N_RESAMPLES, GroupSales, group_figures
from estimator.assessment.ratio_statistics import CONFIDENCE
from estimator.errors import DataError
from estimator.market.market import Market
from estimator.report.group_file import read_groups, shares_by_sale
from estimator.report.numbers import Report

_SEED = 0
"""Of the drawings: the same file and report give the same page."""


def with_groups(report: Report, path: Path) -> dict[str, Any]:
    """Return the report with the entry `groups`: the test sales by group.

    Parameters
    ----------
    path
        File of the shares of groups by area; see `read_groups`.

    Raises
    ------
    DataError
        The market has no areas, the file cannot be used, or none of its areas has test sales.
    """
    sales, area_name = report["test_sales"], report["area"]
    if area_name is None:
        raise DataError(
            f"{path}: market '{report['market']}' has no areas, such as postal codes, to find groups by"
        )
    market = Market.from_dict(report["market_table"])
    file = read_groups(path, market, area_name)
    area = np.array(sales["area"], np.str_)
    matched = np.isin(area, file.area)
    if not matched.any():
        raise DataError(
            f"{path}: no test sale is in any of its areas: one of the sales is '{area[0]}', one of the file is"
            f" '{file.area[0]}'; write them alike"
        )
    shares = shares_by_sale(file, area)
    tested = _group_sales(report)
    rng = np.random.default_rng(_SEED)
    groups = [{"name": name, **group_figures(tested, share, rng)} for name, share in shares.items()]
    verdicts = [figure["differs"] for group in groups for figure in group["figures"].values()]
    comparisons = sum(verdict is not None for verdict in verdicts)
    return {
        **report,
        "groups": {
            "file": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "areas": len(file.area),
            "sales": len(area),
            "matched": int(matched.sum()),
            "confidence": 100 * CONFIDENCE,
            "resamples": N_RESAMPLES,
            "min_areas": MIN_AREAS,
            "comparisons": comparisons,
            "differing": verdicts.count(True),
            "expected_by_chance": round((1 - CONFIDENCE) * comparisons, 1),
            "groups": groups,
        },
    }


def _group_sales(report: Report) -> GroupSales:
    sales = report["test_sales"]
    price, low, high, fsd, sold_for = (
        np.array(sales[name], np.float64) for name in ("price", "low", "high", "fsd", "sold_for")
    )
    inside = np.where(np.isnan(low), np.nan, (low <= sold_for) & (sold_for <= high))
    area = np.unique(np.array(sales["area"], np.str_), return_inverse=True)[1]
    return GroupSales(price / sold_for, inside, fsd, area)
