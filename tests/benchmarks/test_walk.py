"""The benchmark over time: its splits, its arithmetic, and that no model gets the prices it is tested on."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.accuracy import cli, peers
from benchmarks.accuracy.frames import DATE
from benchmarks.accuracy.walk import compare, jobs, ours, page
from benchmarks.accuracy.walk.boosters import BOOSTERS, Booster, n_before_choice
from benchmarks.accuracy.walk.figures import Figures, by_month, figures, mean, ratio
from benchmarks.accuracy.walk.jobs import Model, Predictions, cache_path, forget, predictions
from benchmarks.accuracy.walk.trials import RANDOM_SEEDS, Trial, read_trials
from estimator.appraiser import Appraiser
from estimator.market.areas import Areas
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

DECLARED = {
    "name": "town",
    "currency": "USD",
    "sales": "sales.csv",
    "price": "price",
    "sale_date": "date",
    "features": [{"name": "size", "kind": "number", "required": True}, {"name": "street", "kind": "category"}],
}


def town(n: int = 100, seed: int = 0) -> Trial:
    """Return a trial: one sale every third day from 2020, with prices that rise by 0.2% a day."""
    rng = np.random.default_rng(seed)
    facts = Facts({"size": rng.uniform(50, 150, n), "street": rng.choice(["A", "B", ""], n)})
    days = 3 * np.arange(n)
    sales = Sales(
        facts, 1000 * facts["size"] * np.exp(0.002 * days), np.datetime64("2020-01-01") + days, np.arange(n)
    )
    areas = Areas(np.empty(0, np.str_), {})
    start = int(0.8 * n)
    train, test = (sales.take(rows) for rows in np.split(np.arange(n), [start]))
    return Trial("town", Market.from_dict(DECLARED), areas, train, test, seed)


def with_errors(trial: Trial) -> Trial:
    """Return a trial whose prices scatter by 5%, as no price follows from the facts alone."""
    rng = np.random.default_rng(0)
    train, test = (
        replace(part, price=part.price * np.exp(rng.normal(0, 0.05, len(part))))
        for part in (trial.train, trial.test)
    )
    return replace(trial, train=train, test=test)


def write_market(folder: Path, *, dated: bool) -> None:
    """Write a market of 50 sales, not in the order of their dates."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"size": rng.uniform(50, 150, 50), "price": rng.uniform(1e5, 1e6, 50)})
    toml = 'name = "made"\ncurrency = "USD"\nsales = "sales.csv"\nprice = "price"\n'
    if dated:
        table["date"] = np.datetime64("2020-01-01") + rng.permutation(50)
        toml += 'sale_date = "date"\n'
    table.to_csv(folder / "sales.csv", index=False)
    features = '[[features]]\nname = "size"\nkind = "number"\nrequired = true\n'
    (folder / "market.toml").write_text(toml + features, encoding="utf-8")


@dataclass
class Recorder:
    """A booster that records what it is given and predicts the mean log price."""

    fits: list[tuple[pd.DataFrame, FloatArray, int]]
    subjects: list[pd.DataFrame]

    def booster(self) -> Booster:
        """Return it as a kind of booster that always chooses 7 trees."""
        return Booster("the peer", "numpy", lambda homes, log_price, start, seed: 7, self._fit)

    def _fit(
        self, homes: pd.DataFrame, log_price: FloatArray, trees: int, seed: int
    ) -> Callable[[Any], FloatArray]:
        self.fits.append((homes, log_price, trees))

        def predict(subjects: pd.DataFrame) -> FloatArray:
            self.subjects.append(subjects)
            return np.full(len(subjects), log_price.mean())

        return predict


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The benchmark with a booster `peer` that only records its inputs."""
    recorder = Recorder([], [])
    for module in (jobs, page):
        monkeypatch.setattr(module, "BOOSTERS", {"peer": recorder.booster()})
    monkeypatch.setattr(compare, "INDEXED", ("peer",))
    return recorder


def test_a_dated_market_is_split_by_date_whatever_the_order_of_its_file(tmp_path: Path) -> None:
    write_market(tmp_path / "made", dated=True)
    (trial,) = read_trials("made", tmp_path)
    assert (len(trial.train), len(trial.test)) == (40, 10)
    assert trial.train.date is not None
    assert trial.test.date is not None
    assert trial.train.date.max() < trial.test.date.min()
    assert (np.diff(trial.train.date) > np.timedelta64(0)).all()


def test_an_undated_market_is_split_at_random_by_each_seed(tmp_path: Path) -> None:
    write_market(tmp_path / "made", dated=False)
    trials = read_trials("made", tmp_path)
    assert [trial.seed for trial in trials] == list(RANDOM_SEEDS)
    assert len({trial.digest for trial in trials}) == len(RANDOM_SEEDS)
    for trial in trials:
        prices = np.concatenate((trial.train.price, trial.test.price))
        assert len(np.unique(prices)) == len(prices) == 50, "each sale is in one part"


def test_each_month_follows_all_sales_before_it() -> None:
    trial = town()
    assert trial.test.date is not None
    seen = 0
    for month, earlier, rows in trial.months():
        assert earlier.date is not None
        assert len(earlier) == len(trial.train) + seen
        assert (earlier.date[len(trial.train) :] < month).all()
        assert (trial.test.date[rows].astype("datetime64[M]") == month).all()
        seen += len(rows)
    assert seen == len(trial.test)


def test_no_prediction_depends_on_a_price_of_its_month_or_later(recorder: Recorder, tmp_path: Path) -> None:
    trial = town()
    month, _, rows = list(trial.months())[1]
    changed = trial.test.price.copy()
    changed[rows[0] :] *= 5
    other = replace(trial, test=replace(trial.test, price=changed))
    walks = [predictions(each, Model("peer"), "walk", tmp_path, None).log_price for each in (trial, other)]
    upto = trial.test_months <= month
    np.testing.assert_array_equal(walks[0][upto], walks[1][upto])
    assert (walks[0][~upto] < walks[1][~upto]).all(), "later months do learn from those prices"
    frozen = [predictions(each, Model("peer"), "frozen", tmp_path, None).log_price for each in (trial, other)]
    np.testing.assert_array_equal(frozen[0], frozen[1])


def test_a_walking_peer_keeps_the_number_of_trees_of_the_frozen_one(recorder: Recorder, tmp_path: Path) -> None:
    trial = town()
    assert predictions(trial, Model("peer"), "walk", tmp_path, None).trees == 7
    assert [len(homes) for homes, _, _ in recorder.fits] == [
        len(trial.train),
        *(len(earlier) for _, earlier, _ in trial.months()),
    ]
    assert {trees for _, _, trees in recorder.fits} == {7}
    assert all(DATE in homes for homes, _, _ in recorder.fits)


def test_predictions_are_cached_and_other_sales_give_another_file(recorder: Recorder, tmp_path: Path) -> None:
    trial, other = town(), town(seed=1)
    first = predictions(trial, Model("peer"), "frozen", tmp_path, None)
    again = predictions(trial, Model("peer"), "frozen", tmp_path, None)
    assert len(recorder.fits) == 1
    np.testing.assert_array_equal(first.log_price, again.log_price)
    paths = {cache_path(each, Model("peer", time), way, tmp_path)
             for each in (trial, other) for time in ("day", "index") for way in ("frozen", "walk")}  # fmt: skip
    assert len(paths) == 8


def test_forgetting_a_model_keeps_those_with_a_longer_name(tmp_path: Path) -> None:
    folder = tmp_path / "walk" / "town"
    folder.mkdir(parents=True)
    names = {f"{name}-{time}-walk-0-0.npz" for name in ("cat", "cat-auto", "ours") for time in ("day", "index")}
    for name in names:
        (folder / name).touch()
    forget("town", "cat", tmp_path)
    assert {path.name for path in folder.iterdir()} == names - {"cat-day-walk-0-0.npz", "cat-index-walk-0-0.npz"}
    forget("town", "index", tmp_path)
    assert {path.name for path in folder.iterdir()} == {"cat-auto-day-walk-0-0.npz", "ours-day-walk-0-0.npz"}


def test_an_indexed_peer_learns_adjusted_prices_without_the_day(recorder: Recorder, tmp_path: Path) -> None:
    trial = town()
    known: list[int] = []

    def fit_index(_: Trial, sales: Sales) -> Callable[[Sales], FloatArray]:
        known.append(len(sales))

        def index_at(homes: Sales) -> FloatArray:
            assert homes.date is not None
            return 0.002 * (homes.date - np.datetime64("2020-01-01")).astype(np.float64)

        return index_at

    valued = predictions(trial, Model("peer", "index"), "walk", tmp_path, fit_index)
    homes, log_price, _ = recorder.fits[0]
    assert DATE not in homes
    np.testing.assert_allclose(log_price, np.log(1000 * trial.train.facts["size"]))
    assert known[-1] == len(list(trial.months())[-1][1]), "the index knows all sales before the month"
    assert all(DATE not in subjects for subjects in recorder.subjects)
    mean_worth = np.log(1000 * trial.train.facts["size"]).mean()
    assert valued.log_price == pytest.approx(
        mean_worth + np.log(trial.test.price / (1000 * trial.test.facts["size"])), abs=0.05
    )


def test_figures_equal_a_computation_by_hand() -> None:
    price = np.log([100.0, 200.0, 400.0, 1000.0, 50.0])
    values = np.log([109.0, 200.0, 300.0, 1200.0, np.nan])
    low, high = values - 0.1, values + 0.1
    result = figures(price, Predictions(values, low, high, 0, 0.0))
    assert (result.n, result.hit_rate) == (4, 80.0)
    assert result.log_rmse == pytest.approx(
        math.sqrt(np.mean(np.square([math.log(1.09), 0, math.log(0.75), math.log(1.2)])))
    )
    assert result.mdape == pytest.approx(14.5), "median of 0, 9, 20 and 25"
    assert result.ppe10 == pytest.approx(50.0)
    assert result.bias == pytest.approx((0 - math.log(1.09)) / 2), "the middle two of −.18, −.09, 0 and .29"
    assert result.coverage == pytest.approx(50.0), "9% and 0% are inside 10% of the logarithm"


def test_months_and_means_partition_the_sales() -> None:
    months = np.array(["2020-01", "2020-01", "2020-02"], "datetime64[M]")
    none = np.full(3, np.nan)
    found = by_month(np.zeros(3), Predictions(np.array([0.1, -0.3, 0.2]), none, none, 3, 0.0), months)
    assert list(found) == ["2020-01", "2020-02"]
    assert [f.n for f in found.values()] == [2, 1]
    assert found["2020-01"].bias == pytest.approx(0.1)
    assert found["2020-02"].log_rmse == pytest.approx(0.2)
    assert math.isnan(found["2020-01"].coverage)
    assert found["2020-01"].to_dict()["coverage"] is None
    assert mean(list(found.values())).n == 1.5


def test_the_ratio_is_to_the_best_peer_of_each_figure() -> None:
    ours = Figures(10, 100, 0.10, 5.0, 90, 0, 90)
    others = {"A": replace(ours, log_rmse=0.125, mdape=10.0), "B": replace(ours, log_rmse=0.2, mdape=4.0)}
    found = ratio(ours, others)
    assert (found.log_rmse_peer, found.mdape_peer) == ("A", "B")
    assert (found.log_rmse, found.mdape) == pytest.approx((0.8, 1.25))


def test_the_choice_of_trees_uses_the_last_eighth() -> None:
    assert n_before_choice(80) == 70
    assert n_before_choice(6185) == 5412


def test_the_command_writes_the_page_and_its_figures(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("made", "undated"):
        write_market(tmp_path / name, dated=name == "made")
    monkeypatch.setattr(cli, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(cli, "WALK_PAGE", tmp_path / "page.md")
    monkeypatch.setattr(cli, "MARKETS", {"made": "Made", "undated": "Undated", "absent": "Absent"})
    monkeypatch.setattr(page, "TITLES", {"made": "Made", "undated": "Undated"})
    command = next(option for option in cli.show_walk.params if option.name == "peers")
    monkeypatch.setattr(command.type, "_known", ("peer",))
    rows = next(option for option in cli.show_walk.params if option.name == "rows")
    monkeypatch.setattr(rows.type, "_known", ("made", "undated", "absent"))
    arguments = ["walk-forward", "--markets", str(tmp_path), "--peers", "peer", "--rows", "made,absent,undated"]
    result = CliRunner().invoke(cli.cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    assert "skipped: Absent" in result.output
    text = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert str(tmp_path) not in text, "the page names no folder of this machine"
    found = json.loads((tmp_path / "page.json").read_text(encoding="utf-8"))
    by_day = {name: [row for row in found[name]["rows"] if row["time"] == "day"] for name in ("made", "undated")}
    assert [row["way"] for row in by_day["made"]] == ["frozen", "walk"]
    assert [row["way"] for row in by_day["undated"]] == ["frozen"]
    for name in ("made", "undated"):
        for row in found[name]["rows"]:
            assert f"{row['log_rmse']:.4f}" in text
    assert sum(month["n"] for month in by_day["made"][1]["months"].values()) == 10
    assert by_day["undated"][0]["months"] == {}


def test_the_page_compares_ours_with_the_best_peer(recorder: Recorder) -> None:
    flat = Figures(10, 100, 0.2, 10.0, 50, 0.01, math.nan)
    better = replace(flat, log_rmse=0.1, mdape=8.0, coverage=91.0)
    months = {"2020-05": flat}
    rows = [
        page.Row(Model(peers.OURS), "walk", better, better, {"2020-05": better}),
        page.Row(Model("peer"), "walk", flat, flat, months),
        page.Row(Model("peer", "index"), "walk", replace(flat, log_rmse=0.01), flat, months),
    ]
    text = page.page({"king_county": rows}, "the command")
    assert "log RMSE 0.500 (the peer), MdAPE 0.800 (the peer)" in text
    assert "| 2020-05 | 10 | +0.010 | +0.010 | 0.1000 | 0.2000 | 8.00 | 10.00 | 91.0 |" in text
    assert page.as_json({"king_county": rows})["king_county"]["ratios"]["walk"]["log_rmse"] == 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", BOOSTERS)
def test_a_booster_explains_prices_it_was_not_trained_on(name: str) -> None:
    trial = town(400)
    homes, log_price = trial.table(trial.train), np.log(trial.train.price)
    order = np.random.default_rng(0).permutation(len(homes))
    homes, log_price = homes.iloc[order].reset_index(drop=True), log_price[order]
    start = n_before_choice(len(homes))
    trees = BOOSTERS[name].choose_trees(homes, log_price, start, 0)
    predicted = BOOSTERS[name].fit(homes[:start], log_price[:start], trees, 0)(homes[start:])
    error = np.sqrt(np.mean((predicted - log_price[start:]) ** 2))
    assert error < 0.3 * log_price[start:].std()


@pytest.mark.training
def test_our_model_is_trained_once_and_learns_the_sales_of_each_month(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A model that walks has seen the sales of the months before, but no price of its month or later."""
    trial = with_errors(town(300))
    rows = list(trial.months())[-1][2]
    changed = trial.test.price.copy()
    changed[rows] *= 5
    other = replace(trial, test=replace(trial.test, price=changed))
    fitted: list[Trial] = []
    fit = ours.fit

    def counted(trial: Trial) -> Appraiser:
        fitted.append(trial)
        return fit(trial)

    monkeypatch.setattr(ours, "fit", counted)
    frozen, walk = (predictions(trial, Model(peers.OURS), way, tmp_path, None) for way in ("frozen", "walk"))
    assert len(fitted) == 1
    np.testing.assert_array_equal(
        walk.log_price, predictions(other, Model(peers.OURS), "walk", tmp_path, None).log_price
    )
    first = trial.test_months == trial.test_months[0]
    np.testing.assert_array_equal(frozen.log_price[first], walk.log_price[first])
    for found in (frozen, walk):
        assert (found.low < found.log_price).all()
        assert (found.log_price < found.high).all()
        assert figures(np.log(trial.test.price), found).log_rmse < np.log(trial.test.price).std()
