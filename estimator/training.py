"""Trains a market's model: read and split the sales, train, evaluate on the test sales, report, save, publish.

A version that does not pass the gate (`estimator/assessment/gate.py`) is saved and not published.
"""

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ErrorFigures, Evaluation, evaluate
from estimator.assessment.gate import Verdict
from estimator.assessment.judging import judge_trained
from estimator.assessment.set_aside import figures_with_suspects, set_aside_record, with_figures
from estimator.assessment.student import student_loss
from estimator.assessment.walk_forward import Progress, WalkForward, walk_forward
from estimator.errors import DataError
from estimator.market.market import Market
from estimator.market.market_data import USUAL_CHECKS, MarketData, SalesChecks, read_market, read_market_data
from estimator.market.sales import Parts, Sales, Split
from estimator.market.sales_source import SalesSource
from estimator.market.validation.reasons import SET_ASIDE_FILE, set_aside_csv
from estimator.model.ensemble import Callback
from estimator.model.recipe import read_recipe, read_remarks
from estimator.model.trials import read_trials
from estimator.registry import make_market_folder, publish, save_version, teacher_file
from estimator.report.collect import collect
from estimator.report.files import report_files
from estimator.report.recorder import Recorder

_RECORDED_LIBRARIES = ("joblib", "numpy", "pandas", "pyarrow", "scipy")
"""Libraries whose versions can change a model or how its file is read."""


@dataclass(frozen=True)
class TrainingResult:
    """The result of a training run.

    Parameters
    ----------
    folder
        The saved version's folder.
    parts
        Number of sales by part: `train`, `validation`, `test`.
    figures
        Error figures on the test sales, by the facts used: `ALL_FACTS` and `REQUIRED_FACTS`.
    walk
        What became of the model through the months of the test sales; None if they were chosen at random.
    gate
        What the gate says about it.
    published
        Whether it was published.
    set_aside
        The manifest's entry about the sales that were not used.
    """

    folder: Path
    parts: Mapping[str, int]
    figures: Mapping[str, ErrorFigures]
    walk: WalkForward | None
    gate: Verdict
    published: bool
    set_aside: Mapping[str, Any]


@dataclass(frozen=True)
class WalkedMarket:
    """A model followed through the months of a market's newest sales, and what is to say of those not used."""

    walk: WalkForward
    set_aside: Mapping[str, Any]


def train_market(  # noqa: PLR0913  # one for each option of the command
    market_path: Path,
    sales_path: Path | None,
    models: Path,
    split: Split | None,
    seed: int,
    callbacks: Sequence[Callback] = (),
    key: bytes | None = None,
    *,
    publish_anyway: bool = False,
    checks: SalesChecks = USUAL_CHECKS,
) -> TrainingResult:
    """Train, evaluate and save a model of a market, and publish it if it passes the gate.

    Parameters
    ----------
    market_path
        The market's file or folder.
    sales_path
        Sales to train on; None for the sales that the market declares.
    models
        Folder of all markets' models; the version is saved in `models/<market's name>`.
    split
        How the sales are split; None for by time if they have dates, else at random.
    seed
        Seed of all randomness.
    key
        Signs the saved version, if given.
    publish_anyway
        Publish it even if it does not pass the gate.
    checks
        How the sales are checked.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used, or the version cannot be saved.
    """
    rng = np.random.default_rng(seed)
    data = read_market_data(market_path, sales_path, split, rng, checks)
    market, parts = data.market, data.parts
    recipe = read_recipe(data.folder).for_sales(len(parts.train), len(market.features))
    remarks = read_remarks(data.folder)
    trials = read_trials(data.folder)
    versions = make_market_folder(models, market.name)
    recorder = Recorder()
    appraiser = Appraiser.fit(market, data.areas, parts, rng, [*callbacks, recorder], recipe)
    evaluation, lost = evaluate(appraiser, parts.test), student_loss(appraiser, parts.test)
    _check_finite((entry.to_dict() for entry in evaluation.figures.values()), data.source)
    walk = _walk(appraiser, data, rng) if data.split == "time" else None
    # The evaluated appraiser does not know the test sales; the published one does, as they are the newest prices.
    published = appraiser.with_sales(parts.test, rng, learn=False).retrained(recipe, rng, callbacks)
    gate = judge_trained(appraiser, parts.test, walk, published)
    set_aside = with_figures(
        set_aside_record(data.validated, data.set_aside), *figures_with_suspects(appraiser, data, rng.spawn(1)[0])
    )
    record = {
        "market": market.name,
        "market_table": market.to_dict(),
        "sales_sha256": data.source.sha256(),
        "set_aside": set_aside,
        "split": data.split,
        "seed": seed,
        "recipe": recipe.as_dict(),
        **_evaluation_record(parts, evaluation),
        "student": None if lost is None else lost.as_dict(),
        "walk_forward": None if walk is None else walk.to_dict(),
        "gate": gate.record(publish_anyway=publish_anyway),
        "example": _example(market, parts.train),
        "inputs": _input_statistics(market, parts.train),
    }
    report_data = collect(appraiser, published, parts, record, recorder, remarks, trials, rng)
    kept = {SET_ASIDE_FILE: set_aside_csv(data.set_aside)}
    if recipe.keep_teacher:
        kept |= teacher_file(published)
    version = save_version(versions, published, record, lambda name: report_files(report_data, name) | kept, key)
    passed = gate.passed or publish_anyway
    if passed:
        publish(version)
    return TrainingResult(version, record["sales"], evaluation.figures, walk, gate, passed, set_aside)


def walk_market(
    market_path: Path,
    sales_path: Path | None,
    seed: int,
    callbacks: Sequence[Callback] = (),
    progress: Progress | None = None,
) -> WalkedMarket:
    """Train as `train_market` does with a split by time, and follow the model through the months of the test part.

    Nothing is saved. The parameters are those of `train_market`.

    Parameters
    ----------
    progress
        Called after each month.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used, or the sales have no dates.
    """
    market, folder = read_market(market_path)
    if market.sale_date is None:
        raise DataError(
            f"{market_path}: market '{market.name}' declares no sale_date; a model can be followed month by month"
            " only through sales with dates"
        )
    rng = np.random.default_rng(seed)
    data = read_market_data(market_path, sales_path, "time", rng)
    appraiser = Appraiser.fit(market, data.areas, data.parts, rng, callbacks, read_recipe(folder))
    return WalkedMarket(_walk(appraiser, data, rng, progress), set_aside_record(data.validated, data.set_aside))


def _walk(
    appraiser: Appraiser, data: MarketData, rng: np.random.Generator, progress: Progress | None = None
) -> WalkForward:
    """Follow an appraiser through the months of the test sales, with random numbers of its own."""
    # What is drawn here changes nothing that is drawn later: a model does not depend on whether it was followed.
    walk = walk_forward(appraiser, data.parts.test, rng.spawn(1)[0], progress)
    _check_finite((walk.refreshed.to_dict(), walk.frozen.to_dict()), data.source)
    return walk


def _check_finite(figures: Iterable[Mapping[str, float | None]], source: SalesSource) -> None:
    """Raise a DataError if an error figure is not finite; None is a figure that does not exist."""
    values = [value for entry in figures for value in entry.values() if value is not None]
    if not all(math.isfinite(value) for value in values):
        raise DataError(
            f"{source}: the error figures are not finite, since the prices are too far apart; remove sales at"
            " nominal or mistyped prices"
        )


def _evaluation_record(parts: Parts, evaluation: Evaluation) -> dict[str, Any]:
    """Return the manifest's entries about the parts of the sales, the evaluation and the libraries."""
    return {
        "sales": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "error_figures": evaluation.figures_as_dict(),
        "ratio_study": evaluation.ratio_study_as_dict(),
        "standards": evaluation.standards_as_dict(),
        "libraries": {name: importlib.metadata.version(name) for name in _RECORDED_LIBRARIES},
        "python": platform.python_version(),
    }


def _input_statistics(market: Market, sales: Sales) -> dict[str, Any]:
    """Return mean and standard deviation of each numeric fact that varies, to detect drift in requests later."""
    known = {
        feature.name: sales.facts[feature.name][sales.facts.known(feature.name)] for feature in market.numbers
    }
    return {
        name: {"mean": float(values.mean()), "standard_deviation": float(values.std())}
        for name, values in known.items()
        if len(values) and values.std() > 0
    }


def _example(market: Market, sales: Sales) -> dict[str, Any]:
    """Return the facts of the home with the median price, as an example request."""
    row = int(np.argsort(sales.price, kind="stable")[len(sales) // 2])
    return dict(sales.facts.as_values(market, row))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
