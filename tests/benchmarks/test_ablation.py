"""The ablation: the full model equals the served one, and masked columns have no influence."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy import ablation
from benchmarks.accuracy.ablation import Errors, Variant
from benchmarks.accuracy.datasets import DataSet
from estimator.market.market import Market
from estimator.market.sales import split_sales
from estimator.market.sales_file import read_sales
from estimator.market.sales_source import SalesSource
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe
from tests.town import make_town

SMALL_RECIPE = Recipe(epochs=2, width=16, members=2, waves=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A town whose homes have coordinates and sale dates."""
    folder = tmp_path_factory.mktemp("town")
    sales = make_town(folder, 300, places=True)
    sales["sold"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(sales)), "D")
    sales.to_csv(folder / "sales.csv", index=False)
    described = folder / "market.toml"
    described.write_text('sale_date = "sold"\n' + described.read_text(encoding="utf-8"), encoding="utf-8")
    market = Market.read(folder)
    all_sales = read_sales(market, SalesSource.of_market(market, folder))
    return DataSet(market, split_sales(all_sales, "random", np.random.default_rng(0)), size="size")


@pytest.fixture(scope="module")
def setup(data: DataSet) -> ablation.Setup:
    return ablation.prepare(data, seed=3, recipe=SMALL_RECIPE)


@pytest.mark.training
def test_the_full_model_is_the_one_that_teaches_what_is_served(data: DataSet, setup: ablation.Setup) -> None:
    networks = ablation.train(setup, ablation.FULL_MODEL)
    parts = data.parts
    teacher = PriceModel.fit(
        data.market, parts.train, parts.validation, np.random.default_rng(3), recipe=SMALL_RECIPE
    ).teacher
    assert teacher is not None
    assert pickle.dumps([network.state() for network in networks]) == pickle.dumps(teacher.state()["networks"])


def test_parts_have_separate_columns(setup: ablation.Setup) -> None:
    """Kriging's column follows its estimate."""
    part_columns = ablation.part_columns()
    columns = setup.training_set.validation.columns
    order = np.argsort(setup.training_set.validation.kriging_log_price)
    assert (np.diff(columns[order][:, part_columns["kriging"]], axis=0) >= 0).all()
    covered = [column for part in part_columns.values() for column in range(part.start or 0, part.stop)]
    assert covered == list(range(len(setup.pipeline.price_feature_names)))


@pytest.mark.parametrize("part", ["kriging", "grid", "nearest"])
def test_masked_columns_do_not_influence_the_networks(setup: ablation.Setup, part: ablation.Part) -> None:
    variant = Variant("something", masked=(part,), kriging_share=False)
    networks = ablation.train(setup, variant)
    errors = ablation.evaluate(setup, variant, networks)
    other = setup.training_set.validation.columns.copy()
    other[:, ablation.part_columns()[part]] = 9.0
    chosen = replace(setup.training_set.validation, columns=other)
    changed = replace(setup, training_set=replace(setup.training_set, validation=chosen))
    assert ablation.evaluate(changed, variant, networks) == errors
    assert ablation.evaluate(changed, Variant("nothing", kriging_share=False), networks) != errors


def test_variants_differ_in_their_errors(data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ablation, "fit_kriging_share", lambda *_: 0.3
    )  # in this town kriging is exact, so the share would be 1
    errors = ablation.ablate(data, 0, SMALL_RECIPE)
    assert list(errors) == [variant.title for variant in ablation.VARIANTS]
    assert len({error.log_rmse for error in errors.values()}) == len(errors)


def test_errors_equal_a_computation_by_hand(setup: ablation.Setup) -> None:
    networks = ablation.train(setup, ablation.FULL_MODEL)
    errors = ablation.evaluate(setup, ablation.FULL_MODEL, networks)
    by_networks = (
        np.mean([network.predict(setup.training_set.validation.columns)[:, 0] for network in networks], axis=0)
        * setup.training_set.deviation
        + setup.training_set.mean
    )
    # The share is optimal between 0 and 1: none of 1,001 others is better.
    tried = [
        np.sqrt(
            np.mean(
                (
                    by_networks * (1 - s)
                    + setup.training_set.validation.kriging_log_price * s
                    - setup.training_set.validation_log_price
                )
                ** 2
            )
        )
        for s in np.linspace(0, 1, 1001)
    ]
    assert errors.log_rmse == pytest.approx(min(tried), rel=1e-4)
    assert errors.log_rmse <= min(tried) * (1 + 1e-6)


def test_the_page_shows_how_errors_change() -> None:
    titles = [variant.title for variant in ablation.VARIANTS]
    seeds = [
        {title: Errors(0.1 * (1 + k) + 0.02 * seed, 8.0, 0.2) for k, title in enumerate(titles)}
        for seed in range(2)
    ]
    lines = ablation.page({"ames-random": seeds}, "make").splitlines()
    full = next(line for line in lines if line.startswith("| – (full model"))
    assert "| 0.1100 ± 0.0141 |" in full, "mean and standard deviation of .10 and .12"
    second = next(line for line in lines if line.startswith(f"| {titles[1]} "))
    assert "| 0.2100 | +90.9 |" in second
