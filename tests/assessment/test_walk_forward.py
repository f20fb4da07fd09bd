import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.evaluation import ALL_FACTS, evaluate
from estimator.assessment.walk_forward import WalkForward, walk_forward
from estimator.errors import DataError
from estimator.market.arrays import FloatArray
from estimator.market.sales import Parts, Sales

FIRST, JUMP, LAST = "2015-03", "2015-04", "2015-05"
"""The months of the test sales; the sales that the appraiser knows end in the first of them."""


def walk(appraiser: Appraiser, sales: Sales) -> WalkForward:
    return walk_forward(appraiser, sales, np.random.default_rng(0))


@pytest.fixture(scope="module")
def walked(appraiser: Appraiser, parts: Parts) -> WalkForward:
    return walk(appraiser, parts.test)


def months_of(sales: Sales) -> "pd.Series[str]":
    """The month in which each sale is valued: the early ones, of homes sold again later, in the first one."""
    assert sales.date is not None
    return pd.Series([max(str(day)[:7], FIRST) for day in sales.date])


def raised(sales: Sales, *months: str, factor: float) -> Sales:
    """The sales with the prices of some months multiplied."""
    return replace(sales, price=np.where(months_of(sales).isin(months), factor * sales.price, sales.price))


def log_ratios(sales: Sales, value: FloatArray) -> "pd.Series[float]":
    return pd.Series(np.log(sales.price / value))


def test_every_sale_is_valued_once_and_the_early_ones_in_the_first_month(
    walked: WalkForward, parts: Parts
) -> None:
    counts = months_of(parts.test).value_counts().sort_index()
    assert [entry.month for entry in walked.months] == counts.index.tolist() == [FIRST, JUMP, LAST]
    for name in ("refreshed", "frozen"):
        figures = [getattr(entry, name) for entry in walked.months]
        sales = [round(100 * entry.n / entry.hit_rate) for entry in figures]
        assert sales == counts.tolist()
        assert getattr(walked, name).n == sum(entry.n for entry in figures)


def test_the_frozen_models_figures_are_those_of_an_evaluation(
    walked: WalkForward, appraiser: Appraiser, parts: Parts
) -> None:
    expected = evaluate(appraiser, parts.test).figures[ALL_FACTS]
    for name in ("n", "hit_rate", "log_rmse", "mdape", "ppe10", "coverage"):
        assert getattr(walked.frozen, name) == pytest.approx(getattr(expected, name)), name
    assert walked.frozen.bias == pytest.approx(-math.log(expected.median_ratio), abs=1e-3)
    assert walked.confidence == expected.confidence


def test_each_month_is_valued_by_the_model_that_was_told_the_months_before(
    walked: WalkForward, appraiser: Appraiser, parts: Parts
) -> None:
    month, errors = months_of(parts.test), []
    for number, entry in enumerate(walked.months):
        own = parts.test.take(np.flatnonzero(month == entry.month))
        error = log_ratios(own, appraiser.value(own.facts, own.date, earlier_sales_only=True).price)
        errors.append(error)
        assert entry.refreshed.bias == pytest.approx(error.median())
        assert entry.refreshed.log_rmse == pytest.approx((error**2).mean() ** 0.5)
        appraiser = appraiser.with_sales(own, np.random.default_rng(number))
    everything = pd.concat(errors)
    percent = everything.map(lambda error: 100 * abs(math.exp(-error) - 1))
    assert walked.refreshed.bias == pytest.approx(everything.median())
    assert walked.refreshed.mdape == pytest.approx(percent.median())
    assert walked.refreshed.ppe10 == pytest.approx(100 * (percent <= 10).mean())


def test_the_first_month_is_the_frozen_models(walked: WalkForward) -> None:
    assert walked.months[0].refreshed == walked.months[0].frozen


def test_values_never_depend_on_prices_of_their_month_or_later(
    walked: WalkForward, appraiser: Appraiser, parts: Parts
) -> None:
    dearer = walk(appraiser, raised(parts.test, LAST, factor=3))
    for entry, before in zip(dearer.months[:2], walked.months[:2], strict=True):
        assert entry.refreshed == before.refreshed
    for name in ("refreshed", "frozen"):
        entry, before = (getattr(result.months[2], name) for result in (dearer, walked))
        assert entry.bias == pytest.approx(before.bias + math.log(3)), name


def test_values_follow_a_jump_of_prices_a_month_later_and_the_frozen_ones_never_do(
    walked: WalkForward, appraiser: Appraiser, parts: Parts
) -> None:
    jumped = walk(appraiser, raised(parts.test, JUMP, LAST, factor=1.1))

    def missed(month: int, name: str) -> float:
        entry, before = (getattr(result.months[month], name) for result in (jumped, walked))
        return float(entry.bias - before.bias)

    assert missed(0, "refreshed") == 0
    assert missed(1, "refreshed") == pytest.approx(math.log(1.1))
    assert missed(2, "refreshed") == pytest.approx(0, abs=0.03)
    assert [missed(1, "frozen"), missed(2, "frozen")] == pytest.approx([math.log(1.1)] * 2)


def test_progress_is_reported_after_each_month(appraiser: Appraiser, parts: Parts) -> None:
    seen: list[tuple[int, int]] = []
    walk_forward(appraiser, parts.test, np.random.default_rng(0), lambda done, count: seen.append((done, count)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_month_in_which_no_home_can_be_valued_has_no_errors(appraiser: Appraiser, parts: Parts) -> None:
    late = np.asarray(months_of(parts.test) == LAST)
    size = np.where(late, 19_999.0, parts.test.facts["square_footage"])
    sales = replace(parts.test, facts=parts.test.facts.replace({"square_footage": size}))
    result = walk(appraiser, sales)
    month = result.months[2].refreshed.to_dict()
    assert (month["n"], month["hit_rate"]) == (0, 0)
    assert {month[name] for name in ("log_rmse", "mdape", "ppe10", "bias", "coverage")} == {None}
    assert result.refreshed.n == result.frozen.n == sum(entry.refreshed.n for entry in result.months[:2])


def test_the_figures_are_written_rounded(walked: WalkForward) -> None:
    written = walked.to_dict()
    assert [month["month"] for month in written["months"]] == [FIRST, JUMP, LAST]
    assert written["months"][1]["refreshed"]["bias"] == round(walked.months[1].refreshed.bias or 0, 4)
    assert written["frozen"]["log_rmse"] == round(walked.frozen.log_rmse or 0, 4)


def test_sales_without_dates_are_refused(appraiser: Appraiser, parts: Parts) -> None:
    with pytest.raises(DataError, match="the sales of market 'king_county' have no dates"):
        walk(appraiser, replace(parts.test, date=None))


def test_sales_of_which_none_can_be_valued_are_refused(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.take(np.arange(3))
    huge = replace(homes, facts=homes.facts.replace({"square_footage": np.full(3, 19_999.0)}))
    with pytest.raises(DataError, match="none of the 3 homes can be valued"):
        walk(appraiser, huge)
