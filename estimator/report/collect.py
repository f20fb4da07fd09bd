"""Computes every number of the report, as plain values, right after a training was evaluated.

The report describes the evaluated appraiser, which does not know the test sales. The published appraiser knows
them, so these numbers could not be computed from it later.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.assessment.horizontal_equity import evenly_spaced, horizontal_equity
from estimator.assessment.ratio_study import ratio_study
from estimator.assessment.ridge import fact_columns, ridge_values
from estimator.assessment.sales_chasing import sales_chasing
from estimator.calibration import complete_sales
from estimator.market.arrays import LabelArray
from estimator.market.sales import Parts, Sales
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
from estimator.report.groups import (
    TestResults,
    area_labels,
    area_levels,
    by_area,
    by_fifth,
    by_month,
    by_price,
    rounded,
)
from estimator.report.price_index import price_index
from estimator.report.recorder import Recorder
from estimator.report.sales_summary import summarise_sales
from estimator.report.surface import price_surface
from estimator.valuations import Valuations

FORMAT = 8
"""Version of the report's structure; a report of another version is refused. Raise it when the page needs a number
that saved reports lack."""


def collect(
    appraiser: Appraiser,
    published: Appraiser,
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
    published
        The appraiser that is published, which knows all sales.
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
    areas, has_ranges = by_area(results, market.coordinates), appraiser.has_ranges
    chasing = sales_chasing(appraiser, published, parts, rng.spawn(1)[0])
    return {
        "format": FORMAT,
        **record,
        "default_recipe": DEFAULTS.for_sales(len(parts.train), len(market.features)).as_dict(),
        "recipe_remarks": remarks,
        "trials": [dict(trial) for trial in trials],
        "refreshed": None,
        "data": summarise_sales(market, parts, appraiser.areas) | {"refused": count_refusals(values)},
        "price_index": price_index(appraiser),
        "learning": _learning(recorder, appraiser.model.networks.deviation),
        "surface": price_surface(appraiser, parts.train, recorder),
        "test_sales": _test_sales(test, values, None if labels is None else labels[1], market.coordinates),
        "by_value": by_fifth(results, results.values.price),
        **_equity(appraiser, results),
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
        "sales_chasing": None if chasing is None else chasing.to_dict(),
    }


def _equity(appraiser: Appraiser, results: TestResults) -> dict[str, Any]:
    """Return the figures by price beside those of a ridge regression, and those of like homes."""
    market, known = appraiser.market, appraiser.model.sales
    sales, values = complete_sales(appraiser.areas, results.sales), results.values.price
    ridge = ridge_values(market, known, sales, [np.arange(len(sales))])
    rows = evenly_spaced(len(sales))  # chosen before the columns are made, which would be large
    columns = fact_columns(market, known, sales.take(rows))
    like = horizontal_equity(columns, sales.price[rows], values[rows])
    return {
        "by_price": by_price(results, ratio_study(sales.price, values)),
        "baseline": ratio_study(sales.price, ridge).to_dict(),
        "horizontal_equity": None if like is None else like.to_dict(),
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


def _test_sales(
    test: Sales, values: Valuations, area: LabelArray | None, coordinates: tuple[str, str] | None
) -> dict[str, list[Any]]:
    """Return the n test sales and their valuations by column; a home that was refused has no price.

    The columns `area`, `date`, `latitude` and `longitude` are there in markets that know these.
    """
    columns: dict[str, list[Any]] = {"sold_for": test.price.round(2).tolist()}
    for name, column, digits in (
        ("price", values.price, 2),
        ("low", values.low, 2),
        ("high", values.high, 2),
        ("fsd", values.fsd, 4),
    ):
        columns[name] = [rounded(amount, digits) for amount in column.tolist()]
    if area is not None:
        columns["area"] = area.tolist()
    if test.date is not None:
        columns["date"] = test.date.astype(np.str_).tolist()
    for name, key in zip(coordinates or (), ("latitude", "longitude"), strict=False):
        columns[key] = [rounded(degrees, 5) for degrees in test.facts[name].tolist()]
    return columns
