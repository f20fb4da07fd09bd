"""The benchmark of accuracy: its arithmetic, its cache, and that no model gets the prices it is tested on."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from benchmarks.accuracy import (
    california,
    cli,
    comparables,
    datasets,
    few_sales,
    jobs,
    nearest,
    peers,
    report,
    tuning,
)
from benchmarks.accuracy.curve import Curve
from benchmarks.accuracy.datasets import DataSet
from benchmarks.accuracy.figures import figures, mean
from benchmarks.accuracy.frames import DATE, Imputation, frame, labels_of
from benchmarks.accuracy.jobs import Job, Outcome
from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from benchmarks.accuracy.peers import Peer
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "sale_date": "date",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "square_footage", "kind": "number"},
            {"name": "quarter", "kind": "category"},
        ],
    }
)


def town(n: int = 30, seed: int = 0) -> DataSet:
    """Return n sales in three equal parts; the label `quarter` of the test homes occurs in no other part."""
    rng = np.random.default_rng(seed)
    facts = Facts(
        {
            "latitude": rng.uniform(47, 48, n),
            "longitude": rng.uniform(-122, -121, n),
            "square_footage": np.where(np.arange(n) % 5 == 1, np.nan, rng.uniform(1000, 3000, n)),
            "quarter": np.where(np.arange(n) >= 2 * n // 3, "new", np.where(np.arange(n) % 2, "east", "")),
        }
    )
    date = np.datetime64("2020-01-01") + np.arange(n)
    sales = Sales(facts, rng.uniform(1e5, 1e6, n), date, np.arange(n))
    return DataSet(MARKET, Parts(*(sales.take(rows) for rows in np.split(np.arange(n), 3))))


class Recorder:
    """A model that records its inputs and values all homes at the same price."""

    def __init__(self) -> None:
        self.inputs: list[TrainingInput] = []
        self.subjects: list[Subjects] = []

    def __call__(self, training: TrainingInput) -> Predictor:
        self.inputs.append(training)

        def predict(subjects: Subjects) -> Any:
            self.subjects.append(subjects)
            return np.full(len(subjects.frame), training.log_price.mean())

        return predict


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The benchmark with one data set, `town`, and two models, ours and a peer, that only record their inputs."""
    recorder = Recorder()
    pair = {
        "ours": Peer("ours", recorder, (), ("whole",)),
        "peer": Peer("the peer", recorder, ("numpy",), seeds=2),
    }
    for module in (jobs, cli, report):
        monkeypatch.setattr(module, "PEERS", pair)
    monkeypatch.setattr(report, "TITLES", {"town": "The town"})
    monkeypatch.setattr(jobs, "DATA_SETS", {"town": town})
    jobs.data_of.cache_clear()
    jobs.data_digest.cache_clear()
    yield recorder
    jobs.data_of.cache_clear()
    jobs.data_digest.cache_clear()


def outcome(log_price: Any) -> Outcome:
    return Outcome(np.array(log_price), np.array(log_price), 2.0, 0.5, {"versions": {}})


def test_figures_equal_a_computation_by_hand() -> None:
    data = town()
    sales = replace(data.parts.test.take(np.arange(4)), price=np.array([100.0, 200.0, 400.0, 1000.0]))
    estimates = np.log([109.0, 200.0, 300.0, 1200.0])
    result = figures(data, sales, estimates, outcome(estimates))
    assert result.dollar_rmse == pytest.approx(np.sqrt((9**2 + 0 + 100**2 + 200**2) / 4))
    assert result.mdape == pytest.approx(14.5), "median of 0, 9, 20 and 25"
    assert result.ppe10 == pytest.approx(50.0)
    logs = [np.log(1.09), 0, np.log(0.75), np.log(1.2)]
    assert result.log_rmse == pytest.approx(np.sqrt(np.mean(np.square(logs))))
    assert (result.train_seconds, result.seconds_per_100k) == (2.0, 0.5)


def test_californias_errors_are_of_the_value_itself() -> None:
    data = replace(town(), dollars=100_000)
    sales = replace(data.parts.test.take(np.arange(2)), price=np.exp([2.0, 4.0]))
    result = figures(data, sales, np.array([2.5, 3.0]), outcome([0.0]))
    assert result.log_rmse == pytest.approx(np.sqrt((0.25 + 1) / 2))
    assert result.dollar_rmse == pytest.approx(100_000 * result.log_rmse)
    assert result.mdape == pytest.approx(25.0)


def test_figures_are_averaged_over_seeds() -> None:
    data = town()
    sales = data.parts.test
    by_seed = [figures(data, sales, np.log(sales.price) + shift, outcome([0.0])) for shift in (0.1, 0.3)]
    assert mean(by_seed).log_rmse == pytest.approx(0.2)
    assert mean(by_seed).train_seconds == 2.0


def test_the_published_split_has_the_published_sizes_and_no_duplicates() -> None:
    parts = california.published_split(20_640)
    assert [len(part) for part in parts] == [13_209, 3_303, 4_128]
    np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(20_640))


@pytest.mark.skipif(not california.ROWS.exists(), reason="the rows are not part of the project")
def test_californias_parts_have_the_published_variances() -> None:
    _, parts = california.california()
    for part, variance in zip(
        (parts.train, parts.validation, parts.test), (1.34697, 1.30387, 1.303955), strict=True
    ):
        assert np.log(part.price).var() == pytest.approx(variance, abs=1e-6)


@pytest.mark.skipif(not california.ROWS.exists(), reason="the rows are not part of the project")
def test_californias_rows_in_another_order_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pd.read_csv(california.ROWS).iloc[::-1].to_csv(tmp_path / "housing.csv.gz", index=False)
    monkeypatch.setattr(california, "ROWS", tmp_path / "housing.csv.gz")
    with pytest.raises(ValueError, match="variances"):
        california.california()


def test_a_missing_data_set_is_skipped_with_a_message(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(california, "ROWS", tmp_path / "housing.csv.gz")
    jobs.data_of.cache_clear()
    result = CliRunner().invoke(cli.cli, ["table", "--rows", "california"])
    assert result.exit_code == 0
    assert "California Housing is missing" in result.stderr


def test_the_basic_facts_are_separated_without_changing_the_split() -> None:
    full, basic = datasets.read_market("king_county", "random"), datasets.read_basic_facts("king_county", "random")
    assert {feature.name for feature in basic.market.features} == set(datasets.BASIC_FACTS)
    assert basic.market.areas is None
    for one, other in zip(vars(full.parts).values(), vars(basic.parts).values(), strict=True):
        np.testing.assert_array_equal(one.price, other.price)
        assert set(other.facts.columns) == set(datasets.BASIC_FACTS)
        for name in ("crime_rate", "population"):
            assert other.facts.known(name).all(), "looked up before postal codes are removed"


def test_the_digest_depends_on_facts_prices_and_parts() -> None:
    data = town()
    dearer = replace(data.parts.test, price=data.parts.test.price * 2)
    swapped = replace(data, parts=Parts(data.parts.validation, data.parts.train, data.parts.test))
    digests = {data.digest(), replace(data, parts=replace(data.parts, test=dearer)).digest(), swapped.digest()}
    assert len(digests) == 3
    assert data.digest() == town().digest()


def test_no_test_price_and_no_future_sale_reaches_a_model(recorder: Recorder, tmp_path: Path) -> None:
    data = jobs.data_of("town")
    jobs.run(Job("town", "peer", "plain", 0), tmp_path)
    (training,), (validation, test) = recorder.inputs, recorder.subjects
    test_prices = set(data.parts.test.price)
    given = [training.sales.price, training.validation_sales.price, validation.sold.price, test.sold.price]
    for homes in (training.train, training.validation, validation.frame, test.frame):
        given += [homes[column].to_numpy() for column in homes.select_dtypes("number")]
    assert not test_prices & set(np.concatenate(given).tolist())
    np.testing.assert_array_equal(validation.sold.price, data.parts.train.price)
    assert len(test.sold) == 20, "training and validation sales"
    assert not hasattr(test, "price")
    assert not set(data.parts.validation.price) & set(training.sales.price), "no refit on validation sales"


class FakeComparables:
    """Replaces `estimator.features.comparables.Comparables`; its only feature is the number of known sales."""

    names = ("known",)

    def __init__(self, sold: Sales) -> None:
        self._sold = sold

    @classmethod
    def fit(cls, market: Market, sales: Sales, log_price: Any, rng: np.random.Generator) -> "FakeComparables":
        return cls(sales)

    def with_sales(self, sales: Sales, log_price: Any) -> "FakeComparables":
        return FakeComparables(sales)

    def price_features(self, facts: Facts, home: Any, before: Any) -> Any:
        assert len(facts) == len(home)
        return np.full((len(facts), 1), len(self._sold), np.float32)


def test_comparables_of_test_homes_include_validation_sales(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparables, "Comparables", FakeComparables)
    jobs.run(Job("town", "peer", "comparables", 0), tmp_path)
    (training,), (validation, test) = recorder.inputs, recorder.subjects
    assert [set(homes["known"]) for homes in (training.train, validation.frame, test.frame)] == [{10}, {10}, {20}]
    monkeypatch.delattr(comparables, "Comparables")  # the second job reads the features from the cache
    jobs.run(Job("town", "peer", "comparables", 1), tmp_path)
    np.testing.assert_array_equal(recorder.inputs[1].train["known"], training.train["known"])


def test_a_finished_job_is_not_run_again(recorder: Recorder, tmp_path: Path) -> None:
    job = Job("town", "peer", "plain", 1)
    first = jobs.run(job, tmp_path)
    again = jobs.run(job, tmp_path)
    assert len(recorder.inputs) == 1
    np.testing.assert_array_equal(first.test, again.test)
    assert again.depended_on["seed"] == 1
    assert recorder.inputs[0].seed == 1


def test_a_failed_job_leaves_no_file(recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    job = Job("town", "peer", "plain", 0)
    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(OSError, match="full"):
        jobs.run(job, tmp_path)
    assert not job.path(tmp_path).exists()


def test_other_settings_or_versions_give_another_cache_key(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("town", "peer", "plain", 0)
    paths = {job.path(tmp_path)}
    monkeypatch.setattr(jobs, "settings_for", lambda *_: {"depth": 3})
    paths.add(job.path(tmp_path))
    monkeypatch.setattr(peers, "version", lambda _: "0.0")
    paths.add(job.path(tmp_path))
    assert len(paths) == 3


def test_test_figures_are_written_to_the_results_page_only(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up outcomes: the peer's error is 10% on validation sales and 20% on test sales; ours is 5% and 30%."""
    data = jobs.data_of("town")
    validation, test = np.log(data.parts.validation.price), np.log(data.parts.test.price)
    made_up = {Job("town", "ours", "whole", 0): (0.05, 0.3)}
    made_up |= {Job("town", "peer", "plain", seed): (0.1, 0.2) for seed in (0, 1)}
    for job, (validation_error, test_error) in made_up.items():
        outcome = Outcome(validation + validation_error, test + test_error, 1.0, 1.0, job.depends_on())
        outcome.save(job.path(tmp_path / "cache"))
    for module, name, value in (
        (cli, "CACHE", tmp_path / "cache"),
        (cli, "RESULTS", tmp_path / "RESULTS.md"),
    ):
        monkeypatch.setattr(module, name, value)
    jobs_of_town = [*made_up, Job("town", "ours", "whole", 1)]  # the last job is not done yet
    monkeypatch.setattr(cli, "select", lambda *_: jobs_of_town)

    printed = CliRunner().invoke(cli.cli, ["table"], catch_exceptions=False).stdout
    assert "0.1000" in printed
    assert "0.2000" not in printed
    assert "log RMSE 0.500 (the peer)" in printed
    assert not (tmp_path / "RESULTS.md").exists()

    final = CliRunner().invoke(cli.cli, ["table", "--part", "test"], catch_exceptions=False)
    assert "0.2000" not in final.stdout
    written = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    assert "log RMSE 1.500 (the peer)" in written
    assert [row.split("|")[-2].strip() for row in written.splitlines() if row.startswith("| the peer")] == ["2"]
    assert "numpy" in written


def test_jobs_are_selected_by_peer_variant_and_seed(recorder: Recorder) -> None:
    selected = cli.select(["town"], ["ours", "peer"], peers.VARIANTS, 3)
    assert selected == [Job("town", "ours", "whole", seed) for seed in range(3)] + [
        Job("town", "peer", variant, seed) for variant in ("plain", "comparables") for seed in range(2)
    ], "the peer allows two seeds"


def test_again_retrains_the_named_model_only(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = [Job("town", "ours", "whole", 0), Job("town", "peer", "plain", 0)]
    for job in both:
        jobs.run(job, tmp_path)
    monkeypatch.setattr(cli, "CACHE", tmp_path)
    monkeypatch.setattr(cli, "select", lambda *_: both)
    monkeypatch.setattr(cli, "PEERS", peers.PEERS)
    monkeypatch.setattr(cli, "ProcessPoolExecutor", lambda *_, **__: ThreadPoolExecutor(1))
    printed = CliRunner().invoke(cli.cli, ["run", "--again", "ours"], catch_exceptions=False).output
    assert "town/ours/whole-0-1: validation log RMSE" in printed
    assert len(recorder.inputs) == 3, "the peer was trained once, ours twice"


def test_frames_keep_facts_and_drop_labels_that_training_lacks() -> None:
    data = town()
    labels = labels_of(MARKET, data.parts.train.facts)
    homes = frame(MARKET, data.parts.test.facts, data.parts.test.date, labels)
    assert list(homes["quarter"].cat.categories) == ["east"]
    assert homes["quarter"].isna().all(), "no training sale has this quarter"
    np.testing.assert_array_equal(homes["square_footage"], data.parts.test.facts["square_footage"])
    assert homes[DATE].iloc[0] == (np.datetime64("2020-01-21") - np.datetime64("1970-01-01")).astype(int)


def test_missing_numbers_become_the_training_median_with_a_flag() -> None:
    train = pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan], "b": [1.0, 1.0, 1.0, 1.0]})
    filled = Imputation.fit(train).apply(pd.DataFrame({"a": [np.nan, 5.0], "b": [np.nan, 3.0]}))
    assert filled.to_dict("list") == {"a": [2.0, 5.0], "b": [1.0, 3.0], "a_unknown": [1.0, 0.0]}


def test_the_nearest_comparables_are_the_nearest() -> None:
    """Compared with a brute-force search."""
    data = town(60)
    train = data.parts.train.take(np.flatnonzero(data.parts.train.facts.known("square_footage")))
    subjects = data.parts.test.take(np.flatnonzero(data.parts.test.facts.known("square_footage"))).facts
    similarity = nearest.Similarity(count=3, kilometres=4.0, slope=0.5)
    values = nearest.value(MARKET, "square_footage", train, subjects, similarity)
    shrink = np.cos(np.radians(train.facts["latitude"].mean()))
    for row, log_price in enumerate(values):
        north = 111.2 * (train.facts["latitude"] - subjects["latitude"][row])
        east = 111.2 * shrink * (train.facts["longitude"] - subjects["longitude"][row])
        larger = np.log(train.facts["square_footage"] / subjects["square_footage"][row])
        distance = np.sqrt(north**2 + east**2 + (4 * larger) ** 2)
        three = np.argsort(distance)[:3]
        levels = np.log(train.price) - 0.5 * larger
        assert log_price == pytest.approx(np.average(levels[three], weights=1 / (distance[three] + 0.1)))


def test_a_curve_gives_the_time_until_an_error_is_reached() -> None:
    curve = Curve([1.0, 2.0, 3.0], [0.5, 0.3, 0.4], total_seconds=4.0, final=0.2)
    assert curve.time_to_error(0.3) == 2.0
    assert curve.time_to_error(0.25) == 4.0
    assert curve.time_to_error(0.1) is None


def test_tuned_settings_belong_to_peers_and_data_sets() -> None:
    assert set(tuning.SPACES) < set(peers.PEERS)
    for key, result in tuning._read().items():
        data_set, peer, variant = key.split("/")
        assert data_set in datasets.DATA_SETS
        assert peer in tuning.SPACES
        assert variant in peers.PEERS[peer].variants
        assert result["settings"]


def test_the_result_of_a_search_is_added_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "TUNED", tmp_path / "tuned.json")
    tuning._tuned.cache_clear()
    assert tuning.settings_for("town", "peer", "plain") == {}
    tuning.store("town", "peer", "plain", {"settings": {"depth": 3}})
    tuning.store("town", "peer", "comparables", {"settings": {"depth": 5}})
    assert tuning.settings_for("town", "peer", "plain") == {"depth": 3}
    assert tuning.settings_for("town", "peer", "comparables") == {"depth": 5}
    tuning._tuned.cache_clear()


def test_small_markets_are_tested_on_homes_outside_the_training_part(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_sales, "PEERS", {"ours": Peer("ours", recorder, (), ("whole",))})
    monkeypatch.setattr(few_sales, "CONTENDERS", ("ours",))
    monkeypatch.setattr(jobs, "settings_for", lambda *_: {"depth": 9})
    data = town()
    data = replace(data, parts=replace(data.parts, test=data.parts.test.take(np.arange(0))))
    errors = few_sales.compare(data, (5, 10), 2, tmp_path, report=lambda _: None)
    assert {n: len(by_seed) for n, by_seed in errors["ours", "whole"].items()} == {5: 2, 10: 2}
    for training, subjects, n in zip(recorder.inputs, recorder.subjects, (5, 5, 10, 10), strict=True):
        known = [*training.sales.home, *training.validation_sales.home]
        assert (len(known), len(training.validation_sales)) == (n, n // 5)
        assert set(known) <= set(data.parts.train.home.tolist())
        assert subjects.home.tolist() == data.parts.validation.home.tolist()
        assert training.settings == {"depth": 9}, "settings tuned on all sales"
    first, second = (sorted(training.sales.home.tolist()) for training in recorder.inputs[:2])
    assert first != second, "another seed gives another sample"


def test_the_small_market_page_compares_us_with_the_best_peer() -> None:
    errors: few_sales.Errors = {
        ("ours", "whole"): {500: [0.19, 0.17], 5000: [0.12, 0.12]},
        ("ridge", "plain"): {500: [0.31, 0.29], 5000: [0.15, 0.15]},
        ("ridge", "comparables"): {500: [0.2, 0.2], 5000: [0.16, 0.16]},
    }
    page = few_sales.page(errors, 1234, "the command")
    assert "| this project | facts | 0.1800 ± 0.0141 | 0.1200 ± 0.0000 |" in page
    assert page.endswith("| ours ÷ the best peer | | 0.900 | 0.800 |\n")
