"""The evidence: every number of the report, as plain values, gathered when a training has just been evaluated.

The published appraiser knows the test sales as evidence. What is told here is of the one that was evaluated, which
does not; later it could not be had again without the sales.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.sales import Parts
from estimator.model.recipe import DEFAULTS
from estimator.report.findings import coverage, directions, drawn_by_lot, importance, refused, worst
from estimator.report.groups import Tested, area_of, by_area, by_fifth, by_month, levels
from estimator.report.recorder import Recorder
from estimator.report.sales_summary import about_sales
from estimator.report.surface import surfaces

FORMAT = 2
"""Rises when a report's content changes shape, so that an older report is told apart."""
DRAWN = 5000
"""Test sales in scatter plots and on maps, at most: more would hide each other, and make the file large."""


def collect(
    appraiser: Appraiser,
    parts: Parts,
    record: Mapping[str, Any],
    recorder: Recorder,
    remarks: str,
    trials: Sequence[Mapping[str, float | None]],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Gather the evidence for one training.

    Parameters
    ----------
    appraiser
        As it was evaluated: it knows nothing of the test sales' prices.
    record
        What the manifest says of the training; it stands in the report too.
    recorder
        Was told of every epoch.
    remarks
        What the market's recipe says of itself; empty without one.
    trials
        What was tried before that recipe was found, best first: settings and log RMSE; none if nothing was.
    rng
        Draws and shuffles test sales.

    Returns
    -------
    dict
        Of values that JSON knows; every number on the page is one of these.
    """
    market, test = appraiser.market, parts.test
    values = appraiser.value(test.facts, test.date)
    priced = values.priced
    found = area_of(market.features, appraiser.areas.complete(test.facts)[0])
    tested = Tested(
        test.take(np.flatnonzero(priced)), values.take(priced), None if found is None else found[1][priced]
    )
    areas = by_area(tested)
    settings = record["recipe"]
    return {
        "format": FORMAT,
        **record,
        "default_recipe": {name: getattr(DEFAULTS, name) for name in settings},
        "recipe_remarks": remarks,
        "trials": [dict(trial) for trial in trials],
        "data": about_sales(market, parts, appraiser.areas) | {"refused": refused(values)},
        "learning": _learning(recorder, appraiser.model.deviation),
        "surface": surfaces(appraiser, parts.train, recorder),
        "predictions": _predictions(tested, appraiser.market.coordinates, rng),
        "by_price": by_fifth(tested, tested.values.price),
        "by_claim": by_fifth(tested, 100 * tested.values.fsd),
        "by_month": by_month(tested),
        "area": None if found is None else found[0],
        "by_area": areas,
        "area_levels": levels(areas),
        "coverage": coverage(appraiser, test),
        "importance": importance(appraiser, tested.sales, rng),
        "directions": directions(appraiser, tested.sales, rng),
        "worst": worst(appraiser, tested),
        "review": drawn_by_lot(appraiser, tested, rng),
    }


def _learning(recorder: Recorder, deviation: float) -> list[dict[str, Any]]:
    """Tell of each epoch of each network; losses in log price, seconds from the training's start."""
    told = []
    for place in sorted(recorder.epochs):
        for epoch, seconds in zip(recorder.epochs[place], recorder.seconds[place], strict=True):
            validation = epoch.validation_loss
            told.append(
                {
                    "network": place + 1,
                    "epoch": epoch.number,
                    "seconds": round(seconds, 2),
                    "train_loss": round(epoch.train_loss * deviation, 5),
                    "validation_loss": None if validation is None else round(validation * deviation, 5),
                    "learning_rate": float(f"{epoch.learning_rate:.4g}"),
                    "best": epoch.best,
                }
            )
    return told


def _predictions(tested: Tested, coordinates: tuple[str, str] | None, rng: np.random.Generator) -> dict[str, Any]:
    """Return what test sales sold for and were valued at, a list each; of very many, some drawn by lot."""
    n = len(tested.sales)
    rows = np.sort(rng.choice(n, min(n, DRAWN), replace=False))
    columns = {"sold_for": tested.sales.price[rows].round(2).tolist()}
    for name, column in (("price", tested.values.price), ("low", tested.values.low), ("high", tested.values.high)):
        columns[name] = column[rows].round(2).tolist()
    places: dict[str, list[float | None]] = {}
    for name, key in zip(coordinates or (), ("latitude", "longitude"), strict=False):
        places[key] = [
            None if np.isnan(each) else round(each, 5) for each in tested.sales.facts[name][rows].tolist()
        ]
    return {"sales": n, "drawn": len(rows), **columns, **places}
