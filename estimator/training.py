"""From a market's folder to a published model: read, divide, train, evaluate on unseen sales, report, publish."""

import hashlib
import importlib.metadata
import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ErrorFigures, Evaluation, evaluate
from estimator.errors import DataError
from estimator.market.areas import Areas
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales, Split, read_sales, split_sales
from estimator.model.ensemble import Callback
from estimator.model.recipe import read_recipe, read_remarks, read_trials
from estimator.registry import make_market_folder, publish, save_version
from estimator.report import Recorder, collect, report_files

_RECORDED_LIBRARIES = ("joblib", "numpy", "pandas", "pyarrow", "scipy")
"""Libraries whose versions can change a model or the reading of its file."""


@dataclass(frozen=True)
class Divided:
    """A market's sales, read and divided.

    Parameters
    ----------
    market
        The market.
    folder
        The market's.
    areas
        Figures by postal code.
    sales_path
        The sales' file.
    split
        How they were divided.
    parts
        The sales.
    """

    market: Market
    folder: Path
    areas: Areas
    sales_path: Path
    split: Split
    parts: Parts


@dataclass(frozen=True)
class Trained:
    """A finished training run.

    Parameters
    ----------
    folder
        The saved version.
    parts
        How many sales were learned from, chosen on and tested on.
    figures
        What was known of the test homes → how far their valuations are from their prices.
    """

    folder: Path
    parts: Mapping[str, int]
    figures: Mapping[str, ErrorFigures]


def train_market(
    market_path: Path,
    sales_path: Path | None,
    models: Path,
    split: Split | None,
    seed: int,
    callbacks: Sequence[Callback] = (),
    key: bytes | None = None,
) -> Trained:
    """Train, evaluate, save and publish a model of a market.

    Parameters
    ----------
    market_path
        The market's file or folder.
    sales_path
        Sales to learn from; None: the ones that the market declares.
    models
        Folder of all markets' models; the version is saved in `models/<market's name>`.
    split
        How the sales are divided; None: by time if they have dates, else at random.
    seed
        Seed of all randomness.
    key
        Signs the saved version.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used, or the version cannot be saved.
    """
    rng = np.random.default_rng(seed)
    divided = read_divided(market_path, sales_path, split, rng)
    market, parts = divided.market, divided.parts
    recipe, remarks = read_recipe(divided.folder), read_remarks(divided.folder)
    trials = read_trials(divided.folder)
    versions = make_market_folder(models, market.name)
    recorder = Recorder()
    appraiser = Appraiser.fit(market, divided.areas, parts, rng, [*callbacks, recorder], recipe)
    evaluation = evaluate(appraiser, parts.test)
    figures = evaluation.figures
    if not all(math.isfinite(value) for entry in figures.values() for value in entry.to_dict().values()):
        where = divided.sales_path
        raise DataError(f"{where}: prices so far apart cannot be learned: the error figures are not finite")
    record = {
        "market": market.name,
        "market_table": market.to_dict(),
        "sales_sha256": file_sha256(divided.sales_path),
        "split": divided.split,
        "seed": seed,
        "recipe": asdict(recipe),
        **_record(parts, evaluation),
        "example": _example(market, parts.train),
        "inputs": _inputs(market, parts.train),
    }
    evidence = collect(appraiser, parts, record, recorder, remarks, trials, rng)
    # What was evaluated knew nothing of the test sales; who values a home today is to know the newest.
    every = parts.train.joined(parts.validation).joined(parts.test)
    with_sales = appraiser.with_sales(every)
    version = save_version(versions, with_sales, record, lambda name: report_files(evidence, name), key)
    publish(version)
    return Trained(version, record["sales"], figures)


def read_divided(
    market_path: Path, sales_path: Path | None, split: Split | None, rng: np.random.Generator
) -> Divided:
    """Read a market, its areas and its sales, and divide the sales; the arguments are those of `train_market`.

    Raises
    ------
    EstimatorError
        The market, the sales or the areas cannot be used.
    """
    market, folder = read_market(market_path)
    sales_path = sales_path or folder / market.sales
    sales = read_sales(market, sales_path)
    areas = Areas.read(market, folder)
    areas.check_match(market, sales.facts)
    how = split or default_split(sales)
    return Divided(market, folder, areas, sales_path, how, split_sales(sales, how, rng))


def read_market(path: Path) -> tuple[Market, Path]:
    """Read a market by its file or folder; return it and its folder.

    Raises
    ------
    MarketError
        The market cannot be used.
    """
    return Market.read(path), path if path.is_dir() else path.parent


def default_split(sales: Sales) -> Split:
    """Return how sales are divided where nobody says: by time if they have dates, else at random."""
    return "random" if sales.date is None else "time"


def _record(parts: Parts, evaluation: Evaluation) -> dict[str, Any]:
    """Return what the manifest says of the training's parts, its outcome and what it ran on."""
    return {
        "sales": {"train": len(parts.train), "validation": len(parts.validation), "test": len(parts.test)},
        "error_figures": evaluation.figures_as_dict(),
        "ratio_study": evaluation.ratio_study_as_dict(),
        "libraries": {name: importlib.metadata.version(name) for name in _RECORDED_LIBRARIES},
        "python": platform.python_version(),
    }


def _inputs(market: Market, sales: Sales) -> dict[str, Any]:
    """Return mean and standard deviation of each number that varies: what inputs are held against later."""
    known = {
        feature.name: sales.facts[feature.name][sales.facts.known(feature.name)] for feature in market.numbers
    }
    return {
        name: {"mean": float(values.mean()), "standard_deviation": float(values.std())}
        for name, values in known.items()
        if len(values) and values.std() > 0
    }


def _example(market: Market, sales: Sales) -> dict[str, Any]:
    """Return the facts of the home with the median price: a request that anyone can try."""
    row = int(np.argsort(sales.price, kind="stable")[len(sales) // 2])
    return dict(sales.facts.as_values(market, row))


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
