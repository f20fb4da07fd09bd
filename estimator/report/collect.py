"""Computes every number of the report, as plain values, right after a training was evaluated.

The report describes the evaluated appraiser, which does not know the test sales. The published appraiser knows
them, so these numbers could not be computed from it later.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.sales import Parts
from estimator.model.recipe import DEFAULTS
from estimator.report.findings import (
    check_price_effects,
    count_refusals,
    coverage,
    largest_errors,
    permutation_importance,
    reliability,
    sample_for_review,
)
from estimator.report.groups import TestResults, area_labels, area_levels, by_area, by_fifth, by_month, rounded
from estimator.report.price_index import price_index
from estimator.report.recorder import Recorder
from estimator.report.sales_summary import summarise_sales
from estimator.report.surface import price_surface

FORMAT = 7
"""Version of the report's structure; a report of another version is refused. Raise it when the page needs a number
that saved reports lack."""
MAX_POINTS = 5000
"""Test sales in scatter plots and maps: more would hide each other and make the file large."""


def collect(
    appraiser: Appraiser,
    parts: Parts,
    record: Mapping[str, Any],
    recorder: Recorder,
    remarks: str,
    trials: Sequence[Mapping[str, float | None]],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Compute the report's data for one training.

    Parameters
    ----------
    appraiser
        The evaluated appraiser, which does not know the test sales' prices.
    record
        The manifest's entries about the training; they are part of the report too.
    recorder
        Recorded every epoch of the training.
    remarks
        Remarks in the market's recipe; empty without a recipe.
    trials
        Trials of the search that found the recipe, best first: settings and log RMSE. Empty without a search.
    rng
        Samples and shuffles test sales.

    Returns
    -------
    dict
        JSON values only. Every number on the page is one of them.
    """
    market, test = appraiser.market, parts.test
    values = appraiser.value(test.facts, test.date, earlier_sales_only=True)
    priced = values.priced
    labels = area_labels(market.features, appraiser.areas.complete(test.facts)[0])
    results = TestResults(
        test.take(np.flatnonzero(priced)), values.take(priced), None if labels is None else labels[1][priced]
    )
    areas, has_ranges = by_area(results), appraiser.has_ranges
    return {
        "format": FORMAT,
        **record,
        "default_recipe": DEFAULTS.as_dict(),
        "recipe_remarks": remarks,
        "trials": [dict(trial) for trial in trials],
        "refreshed": None,
        "data": summarise_sales(market, parts, appraiser.areas) | {"refused": count_refusals(values)},
        "price_index": price_index(appraiser),
        "learning": _learning(recorder, appraiser.model.deviation),
        "surface": price_surface(appraiser, parts.train, recorder),
        "predictions": _predictions(results, appraiser.market.coordinates, rng),
        "by_price": by_fifth(results, results.values.price),
        "by_claim": by_fifth(results, 100 * results.values.fsd) if has_ranges else None,
        "by_probability": reliability(results) if has_ranges else None,
        "by_month": by_month(results),
        "area": None if labels is None else labels[0],
        "by_area": areas,
        "area_levels": area_levels(areas),
        "coverage": coverage(appraiser, test),
        "importance": permutation_importance(appraiser, results.sales, rng),
        "directions": check_price_effects(appraiser, results.sales, rng),
        "worst": largest_errors(appraiser, results),
        "review": sample_for_review(appraiser, results, rng),
    }


def _learning(recorder: Recorder, deviation: float) -> list[dict[str, Any]]:
    """Return one record per epoch and network: losses in log price, seconds since the training started."""
    records = []
    for index in sorted(recorder.epochs):
        for epoch, seconds in zip(recorder.epochs[index], recorder.seconds[index], strict=True):
            validation = epoch.validation_loss
            records.append(
                {
                    "network": index + 1,
                    "epoch": epoch.number,
                    "seconds": round(seconds, 2),
                    "train_loss": round(epoch.train_loss * deviation, 5),
                    "validation_loss": None if validation is None else round(validation * deviation, 5),
                    "learning_rate": float(f"{epoch.learning_rate:.4g}"),
                    "best": epoch.best,
                }
            )
    return records


def _predictions(
    results: TestResults, coordinates: tuple[str, str] | None, rng: np.random.Generator
) -> dict[str, Any]:
    """Return sale prices and valuations of the test sales, one list each; at most `MAX_POINTS` random ones."""
    n = len(results.sales)
    rows = np.sort(rng.choice(n, min(n, MAX_POINTS), replace=False))
    columns: dict[str, list[float | None]] = {"sold_for": results.sales.price[rows].round(2).tolist()}
    for name, column in (
        ("price", results.values.price),
        ("low", results.values.low),
        ("high", results.values.high),
    ):
        columns[name] = [rounded(amount, 2) for amount in column[rows].tolist()]
    locations: dict[str, list[float | None]] = {}
    for name, key in zip(coordinates or (), ("latitude", "longitude"), strict=False):
        locations[key] = [
            None if np.isnan(degrees) else round(degrees, 5)
            for degrees in results.sales.facts[name][rows].tolist()
        ]
    return {"sales": n, "drawn": len(rows), **columns, **locations}
