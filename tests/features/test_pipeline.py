import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.kriging import LeaveHomeOut
from estimator.features.pipeline import FeaturePipeline, Seen
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

TrainedEnsemble = tuple[FeaturePipeline, LeaveHomeOut, Seen]


@pytest.fixture(scope="module")
def sold(parts: Parts) -> Sales:
    """Whose crime rate nobody looked up, and whose condition is known of nine in ten."""
    hidden = np.arange(len(parts.train)) % 10 == 0
    return replace(parts.train, facts=parts.train.facts.without({"condition": hidden}))


@pytest.fixture(scope="module")
def learned(market: Market, sold: Sales) -> TrainedEnsemble:
    return FeaturePipeline.fit(market, sold, np.random.default_rng(0))


def test_a_home_is_complete_that_lacks_only_what_sales_often_lack(learned: TrainedEnsemble, parts: Parts) -> None:
    some = parts.test.facts.take(np.arange(3))
    lacks = some.without({"grade": np.array([True, False, False]), "condition": np.array([False, True, False])})
    assert not some.known("crime_rate").any()
    assert learned[0].seen(lacks, parts.test.date[:3]).complete.tolist() == [False, True, True]  # type: ignore[index]


def test_a_sale_learned_from_is_seen_without_its_own_price(learned: TrainedEnsemble, parts: Parts) -> None:
    evidence, left_out, _ = learned
    train = parts.train
    log_price = np.log(train.price)
    seen = [evidence.seen(train.facts, train.date, train.home, each).by_kriging for each in (left_out, None)]
    miss = [np.std(log_price - each) for each in seen]
    assert miss[0] > 1.1 * miss[1]


def test_what_is_seen_of_the_sales_learned_from_is_what_anyone_would_see(
    learned: TrainedEnsemble, sold: Sales
) -> None:
    evidence, left_out, seen = learned
    again = evidence.seen(sold.facts, sold.date, sold.home, left_out)
    for name in ("columns", "by_kriging", "clues", "complete"):
        np.testing.assert_array_equal(getattr(seen, name), getattr(again, name))


def test_numbers_come_first_and_nothing_is_unknown_to_a_network(learned: TrainedEnsemble, parts: Parts) -> None:
    evidence = learned[0]
    seen = evidence.seen(parts.test.facts, parts.test.date)
    assert np.isfinite(seen.columns).all()
    assert seen.columns.shape == (
        len(parts.test),
        evidence.numbers + evidence.encoding.width - evidence.encoding.numbers + evidence.directed.width,
    )


def test_newer_sales_change_what_is_said_and_not_what_is_learned_of_columns(
    learned: TrainedEnsemble, parts: Parts
) -> None:
    with_sales = learned[0].with_sales(parts.train.joined(parts.validation))
    before, after = (each.seen(parts.test.facts, parts.test.date) for each in (learned[0], with_sales))
    said = learned[0].numbers - learned[0].encoding.numbers
    np.testing.assert_array_equal(after.columns[:, said:], before.columns[:, said:])
    assert (after.columns[:, :said] != before.columns[:, :said]).any(axis=0).all()


def test_evidence_comes_back_from_its_state(learned: TrainedEnsemble, market: Market, parts: Parts) -> None:
    again = FeaturePipeline.from_state(market, pickle.loads(pickle.dumps(learned[0].state())))
    before, after = (each.seen(parts.test.facts, parts.test.date) for each in (learned[0], again))
    for name in ("columns", "by_kriging", "complete"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
