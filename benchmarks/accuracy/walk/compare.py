"""The rows of the report: every model on every market, in both ways."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean

import numpy as np

from benchmarks.accuracy import peers
from benchmarks.accuracy.walk.boosters import BOOSTERS
from benchmarks.accuracy.walk.figures import by_month, figures, mean
from benchmarks.accuracy.walk.jobs import FitIndex, Model, Predictions, Way, predictions
from benchmarks.accuracy.walk.page import Row
from benchmarks.accuracy.walk.trials import Trial

MODELS = (peers.OURS, *BOOSTERS)
"""Names of the models, in the order of the report."""
INDEXED = ("lightgbm", "catboost")
"""Boosters that are also given our index."""


def rows(
    trials: Sequence[Trial],
    models: Sequence[str],
    folder: Path,
    fit_index: FitIndex | None,
    report: Callable[[str], None],
) -> Iterator[Row]:
    """Yield the rows of one market.

    Parameters
    ----------
    trials
        The market's splits: one by date, or several at random.
    models
        Names of the models, of `MODELS`.
    folder
        Folder of the cache.
    fit_index
        Estimates our price index; None leaves out the peers whose prices are adjusted by it.
    report
        Is given a line after each model.
    """
    ways: tuple[Way, ...] = ("frozen", "walk") if trials[0].dated else ("frozen",)
    ours = None
    for way in ways:
        if peers.OURS in models:
            ours = [predictions(trial, Model(peers.OURS), way, folder, fit_index) for trial in trials]
        for model in _models(models, with_index=trials[0].dated and fit_index is not None):
            found = [predictions(trial, model, way, folder, fit_index) for trial in trials]
            row = _row(trials, model, way, found, ours)
            report(
                f"{trials[0].name}, {way}, {model.title}: log RMSE {row.overall.log_rmse:.4f}, "
                f"MdAPE {row.overall.mdape:.2f}, bias {row.overall.bias:+.4f}, "
                f"{fmean(p.trees for p in found):.0f} trees, {fmean(p.seconds for p in found):.0f} s"
            )
            yield row


def _models(names: Sequence[str], *, with_index: bool) -> list[Model]:
    indexed = [Model(name, "index") for name in INDEXED if with_index and name in names]
    return [*(Model(name) for name in names), *indexed]


def _row(
    trials: Sequence[Trial],
    model: Model,
    way: Way,
    found: Sequence[Predictions],
    ours: Sequence[Predictions] | None,
) -> Row:
    prices = [np.log(trial.test.price) for trial in trials]
    overall = mean([figures(price, own) for price, own in zip(prices, found, strict=True)])
    valued = [~np.isnan(own.log_price) for own in ours or found]
    comparable = mean([figures(price, own, rows) for price, own, rows in zip(prices, found, valued, strict=True)])
    months = by_month(prices[0], found[0], trials[0].test_months) if trials[0].dated else {}
    return Row(model, way, overall, comparable, months)
