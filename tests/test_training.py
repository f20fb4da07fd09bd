"""Training by the command line: what it records and reports, its accuracy, and that it can be repeated exactly.

The fast tests train on a tenth of King County's sales; the slow ones repeat them with the full training, whose
accuracy is claimed in the README.
"""

import hashlib
import importlib.metadata
import json
import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.ratio_study import ratio_study
from estimator.market.checks import check_value
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.market_data import read_market_data
from estimator.market.sales import Parts, Sales, split_sales
from estimator.market.sales_file import read_sales
from estimator.model.recipe import DEFAULTS, FEW_NETWORKS, read_recipe
from estimator.registry import SavedVersion, load_version
from estimator.report import PAGE
from estimator.report.files import read_report
from estimator.valuations import Valuations
from tests.conftest import KING_COUNTY, PAIR, PUBLISH_ANYWAY, estimator, thin_king_county

pytestmark = [pytest.mark.training, pytest.mark.timeout(600)]  # the full training, on a busy machine


def train_twice(folder: Path, every: int) -> list[SavedVersion]:
    """Train two versions on the same part of the sales, in parallel processes."""
    market = thin_king_county(folder / "market", every)

    def train(seed: str) -> SavedVersion:
        run = estimator(
            *("train", PUBLISH_ANYWAY, "--market", market, "--models", folder / seed), PYTHONHASHSEED=seed
        )
        assert run.returncode == 0, run.stderr
        return load_version(folder / seed / "king_county")

    with ThreadPoolExecutor() as pool:
        return list(pool.map(train, "12"))


@pytest.fixture(scope="module")
def trained_twice_on_a_tenth(tmp_path_factory: pytest.TempPathFactory) -> list[SavedVersion]:
    return train_twice(tmp_path_factory.mktemp("tenth"), every=10)


@pytest.fixture(scope="module")
def trained_twice_on_a_third(tmp_path_factory: pytest.TempPathFactory) -> list[SavedVersion]:
    return train_twice(tmp_path_factory.mktemp("third"), every=3)


@dataclass(frozen=True)
class Training:
    """A saved version, the file of its sales, and these sales split as in the training."""

    version: SavedVersion
    sales_path: Path
    parts: Parts
    networks: int

    @cached_property
    def evaluated(self) -> Appraiser:
        """The appraiser as it was evaluated, fitted again: the published networks know the test sales."""
        rng = np.random.default_rng(0)
        data = read_market_data(self.sales_path.parent, None, None, rng)
        return Appraiser.fit(data.market, data.areas, data.parts, rng, (), read_recipe(data.folder))

    @cached_property
    def values(self) -> Valuations:
        """The tested sales, valued as in the evaluation."""
        return self.evaluated.value(self.tested.facts, self.tested.date, earlier_sales_only=True)

    @cached_property
    def tested(self) -> Sales:
        """The test sales that get a price: all but a few."""
        test = self.parts.test
        valued = test.take(np.flatnonzero(self.evaluated.value(test.facts, test.date).priced))
        assert len(valued) > 0.98 * len(test)
        return valued


def split_by_time(sales: Sales) -> Parts:
    return split_sales(sales, "time", np.random.default_rng(0))


@pytest.fixture(scope="module")
def full_training(fully_trained: Path, sales: Sales) -> Training:
    parts = split_by_time(sales)
    return Training(load_version(fully_trained), KING_COUNTY / "sales.csv.gz", parts, FEW_NETWORKS)


@pytest.fixture(scope="module", params=["tenth", pytest.param("full", marks=pytest.mark.slow)])
def training(request: pytest.FixtureRequest, market: Market) -> Training:
    if request.param == "full":
        return request.getfixturevalue("full_training")  # type: ignore[no-any-return]
    version: SavedVersion = request.getfixturevalue("trained_twice_on_a_tenth")[0]
    sales_path = version.folder.parents[2] / "market" / "sales.csv.gz"
    return Training(version, sales_path, split_by_time(read_sales(market, sales_path)), PAIR.networks)


def percent_errors(values: Valuations, test: Sales) -> "pd.Series[float]":
    return pd.Series(100 * np.abs(values.price - test.price) / test.price)


@pytest.mark.slow
class TestAccuracy:
    def test_later_sales_are_valued_as_accurately_as_claimed(self, full_training: Training) -> None:
        tested = full_training.tested
        assert len(full_training.parts.test) == full_training.version.manifest["sales"]["test"] == 4_323
        assert len(tested) > 0.99 * len(full_training.parts.test)
        values = full_training.values
        log_error = np.log(values.price) - np.log(tested.price)
        assert percent_errors(values, tested).median() <= 10.0
        assert math.sqrt((log_error**2).mean()) <= 0.185

    @pytest.mark.parametrize("fact_set", ["all_facts", "required_facts"])
    def test_the_ranges_hold_the_claimed_share_of_prices(self, full_training: Training, fact_set: str) -> None:
        # The test sales are later than the calibration sales, so coverage is not guaranteed: within 4 points.
        figures = full_training.version.manifest["error_figures"][fact_set]
        assert figures["coverage"] == pytest.approx(90, abs=4)

    def test_errors_with_the_required_facts_alone_are_below_fifteen_percent(self, full_training: Training) -> None:
        assert full_training.version.manifest["error_figures"]["required_facts"]["mdape"] < 15

    def test_the_dispersion_is_acceptable(self, full_training: Training) -> None:
        assert full_training.version.manifest["ratio_study"]["all_facts"]["overall"]["met"]["cod"] is True

    def test_the_forecast_standard_deviation_agrees_with_the_errors(self, full_training: Training) -> None:
        tested = full_training.tested
        values = full_training.values
        realised = np.std(values.price / tested.price - 1)
        assert realised / np.sqrt(np.mean(values.fsd**2)) == pytest.approx(1, abs=0.2)

    def test_the_sizes_of_the_parts_agree_with_the_readme(self, full_training: Training) -> None:
        report = read_report(full_training.version.folder)
        assert [part["sales"] for part in report["data"]["parts"]] == [15_129, 2_161, 4_323]
        assert sum(full_training.version.manifest["sales"].values()) == 21_613


def test_the_published_appraiser_includes_the_test_sales(training: Training) -> None:
    test = training.tested
    published = training.version.appraiser.value(test.facts, test.date)
    assert percent_errors(published, test).median() < percent_errors(training.values, test).median()


def test_the_manifest_contains_the_error_figures(training: Training) -> None:
    test = training.tested
    figures = training.version.manifest["error_figures"]["all_facts"]
    values = training.values
    errors = percent_errors(values, test)
    assert figures["n"] == len(test)
    assert figures["hit_rate"] == pytest.approx(100 * len(test) / len(training.parts.test), abs=1e-4)
    assert figures["mdape"] == pytest.approx(errors.median(), abs=1e-4)
    assert figures["ppe10"] == pytest.approx(100 * (errors <= 10).mean(), abs=1e-4)
    coverage = 100 * np.mean((values.low <= test.price) & (test.price <= values.high))
    assert figures["coverage"] == pytest.approx(coverage, abs=1e-4)


def test_the_manifest_contains_the_ratio_study_of_the_test_sales(training: Training) -> None:
    test = training.tested
    values = training.values
    studies = training.version.manifest["ratio_study"]
    assert studies["all_facts"] == ratio_study(test.price, values.price, test.facts["postal_code"]).to_dict()
    assert studies["required_facts"]["overall"]["cod"] > studies["all_facts"]["overall"]["cod"]


def test_values_with_the_required_facts_alone_are_worse_and_have_wider_ranges(training: Training) -> None:
    all_facts, required = (
        training.version.manifest["error_figures"][name] for name in ("all_facts", "required_facts")
    )
    assert required["mdape"] > all_facts["mdape"]
    assert required["median_width"] > all_facts["median_width"]


@pytest.mark.parametrize(
    "fixture", ["trained_twice_on_a_tenth", pytest.param("trained_twice_on_a_third", marks=pytest.mark.slow)]
)
def test_the_same_data_market_and_seed_give_the_same_bytes_and_prices(
    request: pytest.FixtureRequest, sales: Sales, fixture: str
) -> None:
    versions: list[SavedVersion] = request.getfixturevalue(fixture)
    one, other = (version.folder / "appraiser.joblib" for version in versions)
    assert one.read_bytes() == other.read_bytes()
    test = split_by_time(sales).test
    values = [version.appraiser.value(test.facts, test.date) for version in versions]
    for name in ("price", "low", "high", "fsd"):
        np.testing.assert_array_equal(*(getattr(value, name) for value in values))
    manifests = [dict(version.manifest) for version in versions]
    reports = [read_report(version.folder) for version in versions]
    for manifest, report in zip(manifests, reports, strict=True):
        del manifest["version"], manifest["created"], report["version"]
        manifest["files"] = {name: manifest["files"][name] for name in manifest["files"] if "report" not in name}
        for epoch in report["learning"]:
            del epoch["seconds"]
    assert manifests[0] == manifests[1]
    assert reports[0] == reports[1]


def test_the_report_is_small_and_contains_the_manifests_figures(training: Training) -> None:
    version = training.version
    report = read_report(version.folder)
    for name, value in version.manifest.items():
        if name not in {"files", "created"}:
            assert report[name] == value
    counts = [len(training.parts.train), len(training.parts.validation), len(training.parts.test)]
    assert [part["sales"] for part in report["data"]["parts"]] == counts
    assert sum(month["n"] for month in report["by_month"]) == report["error_figures"]["all_facts"]["n"]
    assert report["directions"]["against"] == 0
    epochs = np.bincount([epoch["network"] for epoch in report["learning"]])[1:]
    assert len(epochs) == training.networks
    assert (epochs > DEFAULTS.patience).all()
    assert (epochs <= DEFAULTS.epochs).all()
    assert (version.folder / PAGE).stat().st_size < 8e6


def test_the_manifest_records_the_origin_of_the_model(training: Training, market: Market) -> None:
    manifest = training.version.manifest
    assert manifest["sales_sha256"] == hashlib.sha256(training.sales_path.read_bytes()).hexdigest()
    assert Market.from_dict(manifest["market_table"]) == market
    assert (manifest["market"], manifest["split"], manifest["seed"]) == ("king_county", "time", 0)
    parts = training.parts
    assert sum(manifest["sales"].values()) == len(parts.train) + len(parts.validation) + len(parts.test)
    for name, number in manifest["libraries"].items():
        assert importlib.metadata.version(name) == number
    assert json.loads(json.dumps(manifest, allow_nan=False)) == manifest


def test_the_example_of_the_manifest_can_be_valued(training: Training) -> None:
    version = training.version
    market = version.appraiser.market
    example: dict[str, Any] = version.manifest["example"]
    facts = Facts.of(market, [{name: check_value(market.by_name[name], fact) for name, fact in example.items()}])
    answer = version.appraiser.value(facts).as_dict(0)
    assert answer["looked_up"] == ["crime_rate", "population"]
    assert answer["unknown"] == []
    assert 200_000 < answer["price"] < 900_000  # the home with the median price, 450,000


def test_location_and_size_affect_the_price(training: Training) -> None:
    market = training.version.appraiser.market
    medina = {"latitude": 47.62, "longitude": -122.23, "square_footage": 3000.0}
    kent = {"latitude": 47.38, "longitude": -122.2, "square_footage": 3000.0}
    cottage = medina | {"square_footage": 1000.0}
    expensive, cheap, small = training.version.appraiser.value(Facts.of(market, [medina, kent, cottage])).price
    assert expensive > 2 * cheap
    assert expensive > 1.3 * small
