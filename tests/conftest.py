"""King County's sales, and models of them: small ones trained in seconds, and a full training for slow tests."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from hypothesis import settings

from estimator.appraiser import Appraiser
from estimator.cli import main
from estimator.market.areas import Areas
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales, split_sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource
from estimator.model.price_model import PriceModel
from estimator.model.recipe import RECIPE, Recipe
from estimator.registry import load_version, publish, save_version, teacher_file
from estimator.training import TrainingResult, train_market
from estimator.uncertainty.conformal import ConformalRange

ROOT = Path(__file__).parents[1]
KING_COUNTY = ROOT / "data" / "king_county"

PAIR = Recipe(networks=2)
"""The served recipe with two networks: enough to test averaging, and quicker."""

PUBLISH_ANYWAY = "--publish-anyway"
"""Option of a training whose model another test needs: a few sales, learned in seconds, may not pass the gate."""

# No deadline, because the machine may be shared; the same examples every time keep the suite reproducible.
settings.register_profile("steady", deadline=None, derandomize=True, max_examples=100)
settings.load_profile("steady")


def environment(**changes: str) -> dict[str, str]:
    """Return what a subprocess needs to find the estimator, with some variables changed."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changes}


def estimator(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m estimator` to its end."""
    command = [sys.executable, "-m", "estimator", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment(**variables), check=False)


def run_command(*arguments: object) -> Result:
    """Run a command of `python -m estimator` in this process, without the time that a new one takes to start."""
    return CliRunner().invoke(main, [*map(str, arguments)])


def train_small(market: Path, models: Path, seed: int = 0) -> TrainingResult:
    """Train a small market's model for a test, and publish it as `PUBLISH_ANYWAY` does."""
    return train_market(market, None, models, split=None, seed=seed, publish_anyway=True)


TRAINING_FIXTURES = frozenset({"appraiser", "small_models", "fully_trained", "models"})
"""Fixtures that train a price model. Tests that use them are marked `training`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests whose fixtures train, and run the file of the full training first, so that it ends in time."""
    for item in items:
        if TRAINING_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.training)
    items.sort(key=lambda item: item.path != ROOT / "tests" / "test_training.py")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let only marked tests train, so that `make test-fast` stays fast."""
    marks = {mark.name for mark in item.iter_markers()}
    allowed = bool(marks & {"training", "slow", "browser"})
    PriceModel.fit = TRAIN if allowed else _refuse_training  # type: ignore[method-assign, assignment]


TRAIN = PriceModel.fit


def _refuse_training(*_arguments: object, **_options: object) -> None:
    raise AssertionError("this test trains a price model: mark it with pytest.mark.training")


def thin_king_county(folder: Path, every: int) -> Path:
    """Write a market with one in `every` of King County's sales and two networks; return its folder."""
    folder.mkdir()
    for name in ("market.toml", "areas.csv"):
        shutil.copy(KING_COUNTY / name, folder)
    (folder / RECIPE).write_text(f"networks = {PAIR.networks}\n")
    sales = pd.read_csv(KING_COUNTY / "sales.csv.gz", dtype=str)
    sales.iloc[::every].to_csv(folder / "sales.csv.gz", index=False)
    return folder


@pytest.fixture(scope="session")
def market() -> Market:
    return Market.read(KING_COUNTY)


@pytest.fixture(scope="session")
def sales(market: Market) -> Sales:
    return read_sales(market, SalesSource.of_market(market, KING_COUNTY))


@pytest.fixture(scope="session")
def areas(market: Market) -> Areas:
    return Areas.read(market, KING_COUNTY)


@pytest.fixture(scope="session")
def parts(sales: Sales) -> Parts:
    """Every tenth sale, split by time."""
    return split_sales(sales.take(np.arange(0, len(sales), 10)), "time", np.random.default_rng(0))


def make_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first test worker to need it makes; the other workers wait for it."""
    shared = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / name
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            unfinished = folder.with_suffix(".unfinished")
            make(unfinished)
            unfinished.rename(folder)
    return folder


@pytest.fixture(scope="session")
def small_models(market: Market, areas: Areas, parts: Parts, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`models/<market>` with a published appraiser that was trained on 1,500 sales; for reading only."""

    def make(folder: Path) -> None:
        appraiser = Appraiser.fit(market, areas, parts, np.random.default_rng(0), recipe=PAIR)
        publish(save_version(folder / market.name, appraiser, {}, lambda _: teacher_file(appraiser)))

    return make_once(tmp_path_factory, "small_models", make) / market.name


@pytest.fixture(scope="session")
def appraiser(small_models: Path) -> Appraiser:
    """An appraiser trained on 1,500 sales."""
    return load_version(small_models).appraiser


def with_fewer_calibration_sales(appraiser: Appraiser, n: int) -> Appraiser:
    """Return the appraiser as if only n sales had been there to calibrate its ranges on."""
    calibration = tuple(errors.take(np.arange(len(errors.residual)) < n) for errors in appraiser.calibration)
    ranges = ConformalRange.fit(calibration, appraiser.error_scale.tail, len(appraiser.model.facts))
    return replace(appraiser, ranges=ranges, calibration=calibration)


def publish_with_fewer_calibration_sales(version: Path, folder: Path, n: int) -> None:
    """Publish a copy of a version with the appraiser of `with_fewer_calibration_sales`."""
    saved = load_version(version)
    own = {"version", "created", "files"}
    training = {name: entry for name, entry in saved.manifest.items() if name not in own}
    publish(save_version(folder, with_fewer_calibration_sales(saved.appraiser, n), training))


@pytest.fixture(scope="session")
def fully_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`models/<market>` of a full training of King County, for slow tests."""

    def make(folder: Path) -> None:
        run = estimator("train", "--market", KING_COUNTY, "--models", folder)
        assert run.returncode == 0, run.stderr
        assert "published" in run.stdout

    return make_once(tmp_path_factory, "fully_trained", make) / "king_county"
