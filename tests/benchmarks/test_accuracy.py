"""The benchmark of accuracy: its arithmetic, its cache, and that no model can know a price it is judged on."""

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
from benchmarks.accuracy.peers import Peer
from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
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
    """Return n sales in three equal parts; the test homes' quarter is one that the others are not in."""
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
    """A model that keeps what it is given, and values every home alike."""

    def __init__(self) -> None:
        self.lessons: list[Lesson] = []
        self.asked: list[Subjects] = []

    def __call__(self, lesson: Lesson) -> Predictor:
        self.lessons.append(lesson)

        def predict(subjects: Subjects) -> Any:
            self.asked.append(subjects)
            return np.full(len(subjects.frame), lesson.log_price.mean())

        return predict


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Recorder]:
    """The benchmark with one data set, `town`, and two models: ours and a peer, which both only record."""
    recorder = Recorder()
    pair = {
        "ours": Peer("ours", recorder, (), ("whole",)),
        "peer": Peer("the peer", recorder, ("numpy",), seeds=2),
    }
    for module in (jobs, cli, report):
        monkeypatch.setattr(module, "PEERS", pair)
    monkeypatch.setattr(datasets, "TITLES", {"town": "The town"})
    monkeypatch.setattr(report, "TITLES", {"town": "The town"})
    monkeypatch.setattr(jobs, "DATA_SETS", {"town": town})
    jobs.data_of.cache_clear()
    jobs.data_digest.cache_clear()
    yield recorder
    jobs.data_of.cache_clear()
    jobs.data_digest.cache_clear()


def outcome(log_price: Any) -> Outcome:
    return Outcome(np.array(log_price), np.array(log_price), 2.0, 0.5, {"versions": {}})


def test_figures_are_what_they_are_by_hand() -> None:
    data = town()
    sales = replace(data.parts.test.take(np.arange(4)), price=np.array([100.0, 200.0, 400.0, 1000.0]))
    estimates = np.log([109.0, 200.0, 300.0, 1200.0])
    found = figures(data, sales, estimates, outcome(estimates))
    assert found.dollar_rmse == pytest.approx(np.sqrt((9**2 + 0 + 100**2 + 200**2) / 4))
    assert found.mdape == pytest.approx(14.5), "of 0, 9, 20 and 25"
    assert found.ppe10 == pytest.approx(50.0)
    logs = [np.log(1.09), 0, np.log(0.75), np.log(1.2)]
    assert found.log_rmse == pytest.approx(np.sqrt(np.mean(np.square(logs))))
    assert (found.train_seconds, found.seconds_per_100k) == (2.0, 0.5)


def test_californias_errors_are_of_the_value_itself() -> None:
    data = replace(town(), dollars=100_000)
    sales = replace(data.parts.test.take(np.arange(2)), price=np.exp([2.0, 4.0]))
    found = figures(data, sales, np.array([2.5, 3.0]), outcome([0.0]))
    assert found.log_rmse == pytest.approx(np.sqrt((0.25 + 1) / 2))
    assert found.dollar_rmse == pytest.approx(100_000 * found.log_rmse)
    assert found.mdape == pytest.approx(25.0)


def test_the_mean_over_seeds_is_of_each_figure() -> None:
    data = town()
    sales = data.parts.test
    each = [figures(data, sales, np.log(sales.price) + shift, outcome([0.0])) for shift in (0.1, 0.3)]
    assert mean(each).log_rmse == pytest.approx(0.2)
    assert mean(each).train_seconds == 2.0


def test_the_published_split_has_the_published_sizes_and_each_row_once() -> None:
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


def test_a_data_set_that_is_absent_is_left_out_and_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(california, "ROWS", tmp_path / "housing.csv.gz")
    jobs.data_of.cache_clear()
    result = CliRunner().invoke(cli.cli, ["table", "--rows", "california"])
    assert result.exit_code == 0
    assert "California Housing is absent" in result.stderr


def test_the_story_has_its_facts_alone_and_the_same_division() -> None:
    whole, part = datasets.read_market("king_county", "random"), datasets.story("king_county", "random")
    assert {feature.name for feature in part.market.features} == set(datasets.STORY)
    assert part.market.areas is None
    for one, other in zip(vars(whole.parts).values(), vars(part.parts).values(), strict=True):
        np.testing.assert_array_equal(one.price, other.price)
        assert set(other.facts.columns) == set(datasets.STORY)
        for name in ("crime_rate", "population"):
            assert other.facts.known(name).all(), "looked up before the postal code went"


def test_the_digest_tells_facts_prices_and_parts_apart() -> None:
    data = town()
    dearer = replace(data.parts.test, price=data.parts.test.price * 2)
    swapped = replace(data, parts=Parts(data.parts.validation, data.parts.train, data.parts.test))
    digests = {data.digest(), replace(data, parts=replace(data.parts, test=dearer)).digest(), swapped.digest()}
    assert len(digests) == 3
    assert data.digest() == town().digest()


def test_no_test_price_and_no_future_sale_reaches_a_model(recorder: Recorder, tmp_path: Path) -> None:
    data = jobs.data_of("town")
    jobs.run(Job("town", "peer", "plain", 0), tmp_path)
    (lesson,), (validation, test) = recorder.lessons, recorder.asked
    hidden = set(data.parts.test.price)
    given = [lesson.sales.price, lesson.validation_sales.price, validation.sold.price, test.sold.price]
    for homes in (lesson.train, lesson.validation, validation.frame, test.frame):
        given += [homes[column].to_numpy() for column in homes.select_dtypes("number")]
    assert not hidden & set(np.concatenate(given).tolist())
    np.testing.assert_array_equal(validation.sold.price, data.parts.train.price)
    assert len(test.sold) == 20, "of the training and the validation sales"
    assert not hasattr(test, "price")
    assert not set(data.parts.validation.price) & set(lesson.sales.price), "no refit on validation sales"


class FakeComparables:
    """Stands for `estimator.features.comparables.Comparables`: the one fact is how many sales are known."""

    names = ("known",)

    def __init__(self, sold: Sales) -> None:
        self._sold = sold

    @classmethod
    def fit(cls, market: Market, sales: Sales, rng: np.random.Generator) -> "FakeComparables":
        return cls(sales)

    def with_sales(self, sales: Sales) -> "FakeComparables":
        return FakeComparables(sales)

    def facts(self, facts: Facts, date: Any, home: Any) -> Any:
        assert len(facts) == len(date) == len(home)
        return np.full((len(facts), 1), len(self._sold), np.float32)


def test_comparables_are_added_and_test_homes_have_those_of_validation_sales_too(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparables, "Comparables", FakeComparables)
    jobs.run(Job("town", "peer", "comparables", 0), tmp_path)
    (lesson,), (validation, test) = recorder.lessons, recorder.asked
    assert [set(homes["known"]) for homes in (lesson.train, validation.frame, test.frame)] == [{10}, {10}, {20}]
    monkeypatch.delattr(comparables, "Comparables")  # the second job takes the facts that were kept
    jobs.run(Job("town", "peer", "comparables", 1), tmp_path)
    np.testing.assert_array_equal(recorder.lessons[1].train["known"], lesson.train["known"])


def test_a_job_that_is_done_is_not_done_again(recorder: Recorder, tmp_path: Path) -> None:
    job = Job("town", "peer", "plain", 1)
    first = jobs.run(job, tmp_path)
    again = jobs.run(job, tmp_path)
    assert len(recorder.lessons) == 1
    np.testing.assert_array_equal(first.test, again.test)
    assert again.depended_on["seed"] == 1
    assert recorder.lessons[0].seed == 1


def test_a_job_that_breaks_leaves_nothing_behind(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    job = Job("town", "peer", "plain", 0)
    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(OSError, match="full"):
        jobs.run(job, tmp_path)
    assert not job.path(tmp_path).exists()


def test_a_job_is_another_with_other_settings_or_versions(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job("town", "peer", "plain", 0)
    paths = {job.path(tmp_path)}
    monkeypatch.setattr(jobs, "settings_for", lambda *_: {"depth": 3})
    paths.add(job.path(tmp_path))
    monkeypatch.setattr(peers, "_version", lambda _: "0.0")
    paths.add(job.path(tmp_path))
    assert len(paths) == 3


def test_the_table_shows_validation_figures_and_keeps_test_figures_for_the_end(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made-up outcomes: on validation sales the peer misses by 10%, on test sales by 20%; ours by 5% and 30%."""
    data = jobs.data_of("town")
    chosen, asked = np.log(data.parts.validation.price), np.log(data.parts.test.price)
    made_up = {Job("town", "ours", "whole", 0): (0.05, 0.3)}
    made_up |= {Job("town", "peer", "plain", seed): (0.1, 0.2) for seed in (0, 1)}
    for job, (seen, unseen) in made_up.items():
        Outcome(chosen + seen, asked + unseen, 1.0, 1.0, job.depends_on()).save(job.path(tmp_path / "cache"))
    for module, name, value in (
        (cli, "CACHE", tmp_path / "cache"),
        (cli, "RESULTS", tmp_path / "RESULTS.md"),
    ):
        monkeypatch.setattr(module, name, value)
    jobs_of_town = [*made_up, Job("town", "ours", "whole", 1)]  # the last is not done yet
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


def test_the_jobs_are_what_was_asked_for(recorder: Recorder) -> None:
    chosen = cli.select(["town"], ["ours", "peer"], peers.VARIANTS, 3)
    assert chosen == [Job("town", "ours", "whole", seed) for seed in range(3)] + [
        Job("town", "peer", variant, seed) for variant in ("plain", "comparables") for seed in range(2)
    ], "two seeds at most"


def test_a_model_that_is_to_be_trained_again_is_forgotten_and_no_other(
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
    assert len(recorder.lessons) == 3, "the peer once, ours twice"


def test_a_frame_has_facts_as_they_are_and_no_label_that_training_lacks() -> None:
    data = town()
    labels = labels_of(MARKET, data.parts.train.facts)
    homes = frame(MARKET, data.parts.test.facts, data.parts.test.date, labels)
    assert list(homes["quarter"].cat.categories) == ["east"]
    assert homes["quarter"].isna().all(), "the test homes' quarter is new"
    np.testing.assert_array_equal(homes["square_footage"], data.parts.test.facts["square_footage"])
    assert homes[DATE].iloc[0] == (np.datetime64("2020-01-21") - np.datetime64("1970-01-01")).astype(int)


def test_missing_numbers_become_the_training_median_with_a_flag() -> None:
    train = pd.DataFrame({"a": [1.0, 2.0, 9.0, np.nan], "b": [1.0, 1.0, 1.0, 1.0]})
    filled = Imputation.fit(train).apply(pd.DataFrame({"a": [np.nan, 5.0], "b": [np.nan, 3.0]}))
    assert filled.to_dict("list") == {"a": [2.0, 5.0], "b": [1.0, 3.0], "a_unknown": [1.0, 0.0]}


def test_the_nearest_comparables_are_the_nearest() -> None:
    """Against every distance, one by one."""
    data = town(60)
    train = data.parts.train.take(np.flatnonzero(data.parts.train.facts.known("square_footage")))
    asked = data.parts.test.take(np.flatnonzero(data.parts.test.facts.known("square_footage"))).facts
    likeness = nearest.Likeness(count=3, kilometres=4.0, slope=0.5)
    values = nearest.value(MARKET, "square_footage", train, asked, likeness)
    shrink = np.cos(np.radians(train.facts["latitude"].mean()))
    for row, found in enumerate(values):
        north = 111.2 * (train.facts["latitude"] - asked["latitude"][row])
        east = 111.2 * shrink * (train.facts["longitude"] - asked["longitude"][row])
        larger = np.log(train.facts["square_footage"] / asked["square_footage"][row])
        distance = np.sqrt(north**2 + east**2 + (4 * larger) ** 2)
        three = np.argsort(distance)[:3]
        levels = np.log(train.price) - 0.5 * larger
        assert found == pytest.approx(np.average(levels[three], weights=1 / (distance[three] + 0.1)))


def test_a_curve_says_when_it_passes_an_error() -> None:
    curve = Curve([1.0, 2.0, 3.0], [0.5, 0.3, 0.4], total_seconds=4.0, final=0.2)
    assert curve.passes(0.3) == 2.0
    assert curve.passes(0.25) == 4.0
    assert curve.passes(0.1) is None


def test_only_what_is_compared_is_tuned() -> None:
    assert set(tuning.SPACES) < set(peers.PEERS)
    for key, found in tuning._read().items():
        data_set, peer, variant = key.split("/")
        assert data_set in datasets.DATA_SETS
        assert peer in tuning.SPACES
        assert variant in peers.PEERS[peer].variants
        assert found["settings"]


def test_what_a_search_found_is_kept_beside_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "TUNED", tmp_path / "tuned.json")
    tuning._tuned.cache_clear()
    assert tuning.settings_for("town", "peer", "plain") == {}
    tuning.keep("town", "peer", "plain", {"settings": {"depth": 3}})
    tuning.keep("town", "peer", "comparables", {"settings": {"depth": 5}})
    assert tuning.settings_for("town", "peer", "plain") == {"depth": 3}
    assert tuning.settings_for("town", "peer", "comparables") == {"depth": 5}
    tuning._tuned.cache_clear()


def test_a_market_of_few_sales_is_judged_on_homes_that_it_does_not_know(
    recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(few_sales, "PEERS", {"ours": Peer("ours", recorder, (), ("whole",))})
    monkeypatch.setattr(few_sales, "CONTENDERS", ("ours",))
    monkeypatch.setattr(jobs, "settings_for", lambda *_: {"depth": 9})
    data = town()
    data = replace(data, parts=replace(data.parts, test=data.parts.test.take(np.arange(0))))
    found = few_sales.compare(data, (5, 10), 2, tmp_path, tell=lambda _: None)
    assert {n: len(errors) for n, errors in found["ours", "whole"].items()} == {5: 2, 10: 2}
    for lesson, asked, n in zip(recorder.lessons, recorder.asked, (5, 5, 10, 10), strict=True):
        known = [*lesson.sales.home, *lesson.validation_sales.home]
        assert (len(known), len(lesson.validation_sales)) == (n, n // 5)
        assert set(known) <= set(data.parts.train.home.tolist())
        assert asked.home.tolist() == data.parts.validation.home.tolist()
        assert lesson.settings == {"depth": 9}, "as found for all of the sales"
    first, second = (sorted(lesson.sales.home.tolist()) for lesson in recorder.lessons[:2])
    assert first != second, "another draw with another seed"


def test_the_page_of_few_sales_holds_us_against_the_best_peer() -> None:
    found: few_sales.Found = {
        ("ours", "whole"): {500: [0.19, 0.17], 5000: [0.12, 0.12]},
        ("ridge", "plain"): {500: [0.31, 0.29], 5000: [0.15, 0.15]},
        ("ridge", "comparables"): {500: [0.2, 0.2], 5000: [0.16, 0.16]},
    }
    page = few_sales.page(found, 1234, "the command")
    assert "| this project | the facts | 0.1800 ± 0.0141 | 0.1200 ± 0.0000 |" in page
    assert page.endswith("| ours ÷ the best of them | | 0.900 | 0.800 |\n")
