import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.leave_home_out import LeaveHomeOut
from estimator.features.pipeline import FeaturePipeline, Features
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

Fitted = tuple[FeaturePipeline, LeaveHomeOut, Features]


@pytest.fixture(scope="module")
def sold(parts: Parts) -> Sales:
    """Sales without crime rates, and with the condition known for nine in ten."""
    hidden = np.arange(len(parts.train)) % 10 == 0
    return replace(parts.train, facts=parts.train.facts.without({"condition": hidden}))


@pytest.fixture(scope="module")
def fitted(market: Market, sold: Sales) -> Fitted:
    return FeaturePipeline.fit(market, sold, np.log(sold.price), np.random.default_rng(0))


def test_a_home_is_complete_if_it_lacks_only_facts_that_sales_often_lack(fitted: Fitted, parts: Parts) -> None:
    facts = parts.test.facts.take(np.arange(3))
    hidden = {"grade": np.array([True, False, False]), "condition": np.array([False, True, False])}
    assert not facts.known("crime_rate").any()
    assert parts.test.date is not None
    assert fitted[0].transform(facts.without(hidden), parts.test.date[:3]).complete.tolist() == [False, True, True]


def test_features_of_a_training_sale_do_not_use_its_own_price(fitted: Fitted, parts: Parts) -> None:
    pipeline, left_out, _ = fitted
    train = parts.train
    with_own, without_own = (
        pipeline.transform(train.facts, train.date, train.home, train.date, leave_out).kriging_log_price
        for leave_out in (None, left_out)
    )
    log_price = np.log(train.price)
    assert np.std(log_price - without_own) > 1.1 * np.std(log_price - with_own)


def test_fit_returns_the_features_that_transform_gives(fitted: Fitted, sold: Sales) -> None:
    pipeline, left_out, features = fitted
    transformed = pipeline.transform(sold.facts, sold.date, sold.home, sold.date, left_out)
    for name in ("columns", "kriging_log_price", "error_features", "complete"):
        np.testing.assert_array_equal(getattr(features, name), getattr(transformed, name))


def test_columns_are_finite_and_as_many_as_their_blocks(fitted: Fitted, parts: Parts) -> None:
    pipeline = fitted[0]
    columns = pipeline.transform(parts.test.facts, parts.test.date).columns
    assert np.isfinite(columns).all()
    n_other = pipeline.encoding.n_columns - pipeline.encoding.n_numeric
    assert columns.shape == (len(parts.test), pipeline.n_numeric + n_other + pipeline.n_monotone)


def test_a_date_changes_the_columns_of_years_only(fitted: Fitted, parts: Parts) -> None:
    """So the value of a finished home moves with the price index alone, and never jumps at a new sale nearby."""
    pipeline, facts = fitted[0], parts.test.facts
    first, last = (
        pipeline.transform(facts, np.full(len(facts), np.datetime64(day, "D"))).columns
        for day in ("2016-01-01", "2017-06-30")
    )
    np.testing.assert_array_equal(first, last)


def test_with_sales_changes_the_price_features_only(fitted: Fitted, parts: Parts) -> None:
    known = parts.train.joined(parts.validation)
    pipelines = fitted[0], fitted[0].with_sales(known, np.log(known.price))
    before, after = (pipeline.transform(parts.test.facts, parts.test.date).columns for pipeline in pipelines)
    names = fitted[0].price_feature_names
    np.testing.assert_array_equal(after[:, len(names) :], before[:, len(names) :])
    assert (after[:, : len(names)] != before[:, : len(names)]).any(axis=0).all()


def test_a_pipeline_is_restored_from_its_state(fitted: Fitted, market: Market, sold: Sales, parts: Parts) -> None:
    restored = FeaturePipeline.from_state(market, pickle.loads(pickle.dumps(fitted[0].state())), sold)
    before, after = (pipeline.transform(parts.test.facts, parts.test.date) for pipeline in (fitted[0], restored))
    for name in ("columns", "kriging_log_price", "complete"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
