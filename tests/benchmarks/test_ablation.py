"""The ablation: the whole model is the one that is served, and what is hidden really is."""

import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.accuracy import ablation
from benchmarks.accuracy.ablation import Errors, Variant
from benchmarks.accuracy.datasets import DataSet
from estimator.market.market import Market
from estimator.market.sales import read_sales, split_sales
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe
from tests.town import make_town

FEW = Recipe(epochs=2, width=16, members=2, waves=2)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    """A town whose homes have places and days of sale."""
    folder = tmp_path_factory.mktemp("town")
    sales = make_town(folder, 300, places=True)
    sales["sold"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(sales)), "D")
    sales.to_csv(folder / "sales.csv", index=False)
    described = folder / "market.toml"
    described.write_text('sale_date = "sold"\n' + described.read_text(encoding="utf-8"), encoding="utf-8")
    market = Market.read(folder)
    every = read_sales(market, folder / market.sales)
    return DataSet(market, split_sales(every, "random", np.random.default_rng(0)), size="size")


@pytest.fixture(scope="module")
def lesson(data: DataSet) -> ablation.Lesson:
    return ablation.look(data, seed=3, recipe=FEW)


def test_the_whole_model_is_the_one_that_is_served(data: DataSet, lesson: ablation.Lesson) -> None:
    networks = ablation.teach(lesson, ablation.WHOLE)
    parts = data.parts
    served = PriceModel.fit(
        data.market, parts.train, parts.validation, np.random.default_rng(3), recipe=FEW
    ).state()
    assert pickle.dumps([network.state() for network in networks]) == pickle.dumps(served["networks"])


def test_each_part_is_the_columns_that_it_says(data: DataSet, lesson: ablation.Lesson) -> None:
    """Kriging's column follows its estimate; the comparables' those of sold homes; the date's the day alone."""
    validation = data.parts.validation
    later = lesson.evidence.seen(validation.facts, validation.date + np.timedelta64(1, "D"), validation.home)  # type: ignore[operator]
    places = ablation.columns_of(lesson.evidence)
    columns = lesson.lessons.validation.columns
    order = np.argsort(lesson.lessons.validation.by_kriging)
    assert (np.diff(columns[order][:, places["kriging"]], axis=0) >= 0).all()
    assert np.ptp(later.columns[:, places["date"]] - columns[:, places["date"]]) < 1e-6
    assert (later.columns[:, places["date"]] > columns[:, places["date"]]).all()
    covered = sum(part.stop - (part.start or 0) for part in places.values())
    assert covered == 1 + 6 + 1
    assert places["date"].stop == columns.shape[1]


@pytest.mark.parametrize("part", ["kriging", "grid", "nearest", "date"])
def test_what_is_hidden_tells_the_networks_nothing(lesson: ablation.Lesson, part: ablation.Part) -> None:
    variant = Variant("something", hidden=(part,), shared=False)
    networks = ablation.teach(lesson, variant)
    there = ablation.judge(lesson, variant, networks)
    other = lesson.lessons.validation.columns.copy()
    other[:, ablation.columns_of(lesson.evidence)[part]] = 9.0
    chosen = replace(lesson.lessons.validation, columns=other)
    changed = replace(lesson, lessons=replace(lesson.lessons, validation=chosen))
    assert ablation.judge(changed, variant, networks) == there
    assert ablation.judge(changed, Variant("nothing", shared=False), networks) != there


def test_every_variant_has_an_error_of_its_own(data: DataSet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ablation, "share_of", lambda *_: 0.3)  # the town's prices are kriging's: it would be 1
    errors = ablation.ablate(data, 0, FEW)
    assert list(errors) == [variant.title for variant in ablation.VARIANTS]
    assert len({error.log_rmse for error in errors.values()}) == len(errors)


def test_an_error_is_what_it_is_by_hand(lesson: ablation.Lesson) -> None:
    networks = ablation.teach(lesson, ablation.WHOLE)
    errors = ablation.judge(lesson, ablation.WHOLE, networks)
    by_networks = (
        np.mean([network.predict(lesson.lessons.validation.columns)[:, 0] for network in networks], axis=0)
        * lesson.lessons.deviation
        + lesson.lessons.mean
    )
    # The share is the best one between 0 and 1: none of many others is better.
    tried = [
        np.sqrt(
            np.mean(
                (
                    by_networks * (1 - s)
                    + lesson.lessons.validation.by_kriging * s
                    - lesson.lessons.validation_log_price
                )
                ** 2
            )
        )
        for s in np.linspace(0, 1, 1001)
    ]
    assert errors.log_rmse == pytest.approx(min(tried), rel=1e-4)
    assert errors.log_rmse <= min(tried) * (1 + 1e-6)


def test_the_page_says_how_much_larger_the_errors_are() -> None:
    titles = [variant.title for variant in ablation.VARIANTS]
    seeds = [
        {title: Errors(0.1 * (1 + k) + 0.02 * seed, 8.0, 0.2) for k, title in enumerate(titles)}
        for seed in range(2)
    ]
    lines = ablation.page({"ames-random": seeds}, "make").splitlines()
    whole = next(line for line in lines if line.startswith("| – (the whole"))
    assert "| 0.1100 ± 0.0141 |" in whole, "of .10 and .12"
    second = next(line for line in lines if line.startswith(f"| {titles[1]} "))
    assert "| 0.2100 | +90.9 |" in second
