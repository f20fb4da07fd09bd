"""Which sales count as made since the training, and as what they are kept."""

import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.market.sales import Parts
from estimator.model.price_model import PriceModel
from tests.model.refreshes import sold_above_value

pytestmark = pytest.mark.training


def test_sales_since_the_training_are_kept_as_they_were_before_their_prices_were_known(
    model: PriceModel, completed: Parts
) -> None:
    sales = completed.validation
    dearer = [sold_above_value(model, sales, np.full(len(sales), above)).since for above in (0.0, 1.0)]
    np.testing.assert_array_equal(dearer[0].columns, dearer[1].columns)
    np.testing.assert_array_equal(dearer[0].log_worth, dearer[1].log_worth)


def test_sales_before_the_last_one_of_the_training_are_none_since(model: PriceModel, completed: Parts) -> None:
    assert completed.train.date is not None
    older = replace(completed.validation, date=np.full(len(completed.validation), completed.train.date.max()))
    known = sold_above_value(model, older, np.full(len(older), 0.2))
    assert len(known.since) == 0
    assert known.networks is model.networks


def test_only_the_newest_sales_are_kept_oldest_first(
    model: PriceModel, completed: Parts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("estimator.model.sales_since_training.MAX_SALES", 40)
    n = len(completed.validation)
    assert completed.train.date is not None
    order = np.random.default_rng(0).permutation(n)
    sales = replace(completed.validation, date=completed.train.date.max() + 1 + order)
    known = sold_above_value(model, sales, np.zeros(n))
    row = known.since.row - len(completed.train)
    np.testing.assert_array_equal(order[row], np.arange(n - 40, n))


def test_forgotten_sales_are_not_learned_from(model: PriceModel, completed: Parts) -> None:
    sales = completed.validation
    known = sold_above_value(model, sales, np.zeros(len(sales)))
    forgotten = np.zeros(len(known.sales), np.bool_)
    forgotten[[3, *known.since.row[:10]]] = True
    shorter = known.without_sales(forgotten)
    kept = known.since.row[10:]
    np.testing.assert_array_equal(shorter.sales.price[shorter.since.row], known.sales.price[kept])
    np.testing.assert_array_equal(shorter.since.columns, known.since.columns[10:])


def test_sales_that_lack_a_usual_fact_move_neither_the_index_nor_the_networks(
    model: PriceModel, completed: Parts
) -> None:
    """Their values are too high or too low together."""
    sales = completed.validation
    assert "square_footage" in model.pipeline.rarely_missing
    unknown = np.full(len(sales), np.nan)
    lacking = replace(sales, facts=type(sales.facts)({**sales.facts.columns, "square_footage": unknown}))
    none, lower = (sold_above_value(model, lacking, np.full(len(sales), above)) for above in (0.0, -0.3))
    assert pickle.dumps(lower.index.state()) == pickle.dumps(none.index.state())
    assert lower.networks is model.networks
    assert lower.recent_errors is None
    assert len(lower.since) == 0
