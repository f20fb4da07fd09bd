"""Comparables for people to read: exact sums, correct reasons, the date and the facts of the valuation."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.appraiser import Appraiser
from estimator.explanation.comparable_sales import (
    MAX_LEFT_OUT,
    MAX_USED,
    MIN_RELATIVE_WEIGHT,
    ComparableSales,
    adjust,
    comparable_sales,
)
from estimator.features.comparables import N_COMPARABLES, Comparables
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales

TABLE = {
    "name": "plain",
    "currency": "EUR",
    "sales": "sales.csv",
    "price": "price",
    "sale_date": "date",
    "features": [
        {"name": "latitude", "kind": "latitude"},
        {"name": "longitude", "kind": "longitude"},
        {"name": "size", "kind": "number", "unit": "m²"},
        {"name": "garden", "kind": "boolean"},
    ],
}
MARKET = Market.from_dict(TABLE)
KM = 1 / 111.2
"""Degrees of latitude in a kilometre."""
THETA = np.concatenate(([-20, -20], np.log([9.0, 9.0, 1.0, 2.0]), [0, 0, 0.1, 0.2], np.zeros(4)))
"""Half a spread of size, or a garden, has the penalty of ten times the distance or of more than a year."""


def street(**nearest: float | str) -> Comparables:
    """Forty equal homes in a row; `km`, `size`, `garden` or `date` of the nearest one can be changed."""
    n = 40
    km = np.concatenate(([float(nearest.get("km", 0.05))], np.linspace(0.1, 0.4, n - 1)))
    # Different homes far from the subject give the facts a spread.
    far, size = np.full(n, 50.0), np.tile([60.0, 140.0], n // 2)
    facts = Facts(
        {
            "latitude": np.concatenate((km, far)) * KM + 50,
            "longitude": np.full(2 * n, 7.0),
            "size": np.concatenate(([float(nearest.get("size", 100.0))], np.full(n - 1, 100.0), size)),
            "garden": np.concatenate(
                ([float(nearest.get("garden", 1.0))], np.full(n - 1, 1.0), np.tile([0.0, 1.0], n // 2))
            ),
        }
    )
    date = np.full(2 * n, np.datetime64("2020-06-01"))
    date[0] = np.datetime64(str(nearest.get("date", "2020-06-01")))
    price = np.full(2 * n, 200_000.0)
    sales = Sales(facts, price, date, np.arange(2 * n))
    fitted = Comparables.fit(MARKET, sales, np.log(price), np.random.default_rng(0))
    assert fitted is not None
    return replace(fitted, theta=THETA, display_theta=THETA)


SUBJECT = Facts(
    {"latitude": np.array([50.0]), "longitude": np.array([7.0]), "size": np.array([100.0]), "garden": np.ones(1)}
)
TODAY = np.array(["2020-06-11"], "datetime64[D]")
NO_INDEX = np.zeros(1)


@pytest.fixture(scope="module")
def sold_comparables(appraiser: Appraiser, parts: Parts) -> list[ComparableSales]:
    found = appraiser.comparables(parts.test.facts, parts.test.date)
    assert found is not None
    return list(found)


@given(
    st.lists(st.integers(100, 10**11).map(lambda cents: cents / 100), min_size=1, max_size=4),
    st.lists(st.floats(-0.5, 0.5), min_size=1, max_size=6),
)
def test_price_and_adjustments_are_the_adjusted_price_to_the_cent(price: list[float], parts: list[float]) -> None:
    adjustment = np.outer(np.linspace(1, -1, len(price)), parts)
    amounts, adjusted = adjust(np.array(price), adjustment)
    for row, before in enumerate(price):
        assert round(round(before, 2) + sum(amounts[row]), 2) == pytest.approx(adjusted[row], abs=1e-6)
        assert adjusted[row] == pytest.approx(before * np.exp(sum(adjustment[row])), abs=0.011)
        assert all(
            amount * part >= 0 or abs(amount) <= 0.01 * len(parts)
            for amount, part in zip(amounts[row], adjustment[row], strict=True)
        )


def test_two_equal_differences_share_the_money_equally() -> None:
    amounts, adjusted = adjust(np.array([100_000.0]), np.log([[1.1, 1.1, 1 / 1.21, 1.5]]))
    assert adjusted[0] == 150_000
    assert amounts[0, 0] == amounts[0, 1] == pytest.approx(-amounts[0, 2] / 2, abs=0.01)
    assert amounts[0, 3] == pytest.approx(50_000, abs=0.05)


def test_amounts_sum_exactly_in_the_answer(sold_comparables: list[ComparableSales]) -> None:
    for sales in sold_comparables[::7]:
        assert 0 < len(sales.used) <= MAX_USED
        assert len(sales.left_out) <= MAX_LEFT_OUT
        for sale in sales.used:
            assert round(sale.price + sum(sale.adjustments.values()), 2) == sale.adjusted_price
            assert all(amount and amount == round(amount, 2) for amount in sale.adjustments.values())
        weights = [sale.weight for sale in sales.used]
        assert weights == sorted(weights, reverse=True)
        assert sum(weights) <= 1.00001
        assert min(weights) >= MIN_RELATIVE_WEIGHT * max(weights)
        assert [sale.distance_km for sale in sales.left_out] == sorted(sale.distance_km for sale in sales.left_out)
    assert any(sales.left_out for sales in sold_comparables)


def test_weights_and_adjustments_are_the_formula_written_out(appraiser: Appraiser, parts: Parts) -> None:
    """All steps written out for one sale at a time: distance, scaling, score, softmax, adjustment."""
    comparables, market, row = appraiser.model.comparables, appraiser.market, 77
    assert comparables is not None
    assert parts.test.date is not None
    subject, day = appraiser.areas.complete(parts.test.facts.take(np.array([row])))[0], parts.test.date[row]
    names = [feature.name for feature in market.numbers]
    median, spread, logarithmic = comparables.scales.state().values()
    sales, f, theta = comparables.sold, len(names), comparables.display_theta
    sold = sales.facts
    assert sales.date is not None

    def scaled(value: float, column: int) -> float:
        size = np.log1p(max(value, 0)) if logarithmic[column] else value
        z = (size - median[column]) / spread[column]
        return float(z / np.sqrt(1 + (z / 3) ** 2))

    shrink = np.cos(np.radians(comparables.mean_latitude))
    km = (
        np.hypot(sold["latitude"] - subject["latitude"], (sold["longitude"] - subject["longitude"]) * shrink)
        * 111.2
    )
    days = sales.date
    nearest = np.argsort(km, kind="stable")[:N_COMPARABLES].tolist()
    today = appraiser.model.index.at(market, subject, np.array([day]))
    then = appraiser.model.index.at(market, sold, days)
    score, adjustment = {}, {}
    for index in nearest:
        age = float((days.max() - days[index]).astype(int)) / 100
        score[index] = -np.exp(theta[f]) * np.log(km[index] + 0.05) - np.exp(theta[f + 1]) * age
        adjustment[index] = {"valuation_date": today[0] - then[index]}
        for column, name in enumerate(names):
            x, y = scaled(subject[name][0], column), scaled(sold[name][index], column)
            score[index] -= np.exp(theta[column]) * (x - y) ** 2
            adjustment[index][name] = theta[f + 2 + column] * (x - y) + theta[2 * f + 2 + column] * (x**2 - y**2)
    total = sum(np.exp(value) for value in score.values())
    by_weight = sorted(nearest, key=lambda index: -score[index])

    (answer,) = comparable_sales(comparables, subject, np.array([day]), today)
    assert [sale.price for sale in answer.used[:3]] == [sales.price[index] for index in by_weight[:3]]
    for sale, index in zip(answer.used, by_weight, strict=False):
        assert sale.weight == pytest.approx(np.exp(score[index]) / total, rel=1e-3)
        assert sale.distance_km == pytest.approx(km[index], abs=6e-4)
        assert sale.date == days[index].astype(object)
        change = sum(adjustment[index].values())
        assert sale.adjusted_price == pytest.approx(sale.price * np.exp(change), rel=1e-4)
        for name, part in adjustment[index].items():
            expected = sale.price * np.expm1(change) / change * part
            assert sale.adjustments.get(name, 0.0) == pytest.approx(expected, rel=1e-3, abs=sale.price * 1e-5)


@pytest.mark.parametrize(
    ("nearest", "reason"),
    [
        ({"size": 140.0}, "Its size is 140 m², the subject's is 100 m²."),
        ({"garden": 0.0}, "Its garden is false, the subject's is true."),
        ({"date": "2012-06-11"}, "It was sold 2922 days before the valuation date."),
    ],
)
def test_a_home_with_little_weight_is_listed_with_its_largest_difference(
    nearest: dict[str, float | str], reason: str
) -> None:
    (answer,) = comparable_sales(street(**nearest), SUBJECT, TODAY, NO_INDEX)
    assert answer.left_out[0].reason == reason
    assert answer.left_out[0].distance_km == 0.05
    assert 0.05 not in [sale.distance_km for sale in answer.used]


def test_distant_homes_are_left_out_because_of_the_distance() -> None:
    few_facts = SUBJECT.without({"size": np.array([True]), "garden": np.array([True])})
    (answer,) = comparable_sales(street(), few_facts, TODAY, NO_INDEX)
    assert answer.used[0].distance_km == 0.05
    far = [sale for sale in answer.left_out if sale.reason.startswith("It is 50 km away")]
    assert far
    assert all(sale.distance_km == pytest.approx(50) for sale in far)


def test_later_sales_are_comparables_adjusted_back_in_time() -> None:
    """Prices are adjusted for time, so the value on a day does not jump when a sale nearby follows."""
    later = street(date="2021-06-11", km=0.01)
    (answer,) = comparable_sales(later, SUBJECT, TODAY, NO_INDEX)
    (next_day,) = comparable_sales(later, SUBJECT, TODAY + 1, NO_INDEX)
    assert answer.used == next_day.used
    assert answer.used[0].distance_km == 0.01


def test_a_sale_long_after_the_valuation_date_says_so_where_others_are_newer_still() -> None:
    newest = np.datetime64("2030-06-01")
    comparables = street(date="2022-06-11")
    assert comparables.sold.date is not None
    is_first = comparables.sold.date == np.datetime64("2022-06-11")
    comparables = replace(
        comparables, sold=replace(comparables.sold, date=np.where(is_first, comparables.sold.date, newest))
    )
    (answer,) = comparable_sales(comparables, SUBJECT, TODAY, NO_INDEX)
    assert answer.left_out[0].reason == "It was sold 730 days after the valuation date."


def test_the_adjustment_for_the_date_is_what_the_price_index_moved() -> None:
    """The index was .02 on the days of the sales, and is .05 on the valuation date."""
    comparables = replace(street(), log_price=np.log(street().sold.price) - 0.02)
    (answer,) = comparable_sales(comparables, SUBJECT, TODAY, np.array([0.05]))
    for sale in answer.used:
        if set(sale.adjustments) == {"valuation_date"}:
            assert sale.adjusted_price == pytest.approx(200_000 * np.exp(0.03), abs=0.01)
    assert {"valuation_date"} in [set(sale.adjustments) for sale in answer.used]


def test_there_are_none_without_a_location() -> None:
    unlocated = SUBJECT.without({"latitude": np.array([True])})
    assert comparable_sales(street(), unlocated, TODAY, NO_INDEX) == [ComparableSales((), ())]


def test_without_dates_there_is_neither_a_sale_date_nor_a_time_adjustment() -> None:
    rng = np.random.default_rng(0)
    n = 300
    place = {"latitude": rng.uniform(50, 50.1, n), "longitude": rng.uniform(7, 7.1, n)}
    facts = Facts(place | {"size": rng.normal(100, 20, n), "garden": rng.integers(0, 2, n) * 1.0})
    market = Market.from_dict({key: value for key, value in TABLE.items() if key != "sale_date"})
    sales = Sales(facts, rng.lognormal(12, 0.2, n), None, np.arange(n))
    comparables = Comparables.fit(market, sales, np.log(sales.price), rng)
    assert comparables is not None
    (answer,) = comparable_sales(comparables, SUBJECT.replace({"latitude": np.array([50.05])}), None, NO_INDEX)
    assert answer.used
    assert all(sale.date is None and "valuation_date" not in sale.adjustments for sale in answer.used)
    assert json.loads(json.dumps(answer.as_dict(), allow_nan=False)) == answer.as_dict()


def test_the_appraiser_uses_the_same_date_and_facts_as_for_the_value(appraiser: Appraiser, parts: Parts) -> None:
    assert appraiser.sale_dates is not None
    home = parts.test.facts.take(np.array([5]))
    incomplete = home.without({"crime_rate": np.array([True]), "population": np.array([True])})
    newest = np.array([appraiser.sale_dates[1]])
    assert appraiser.comparables(incomplete) == appraiser.comparables(appraiser.areas.complete(home)[0], newest)
    after = np.array(["2999-01-01"], "datetime64[D]")
    assert appraiser.last_valuation_date is not None
    last = np.array([appraiser.last_valuation_date])
    assert appraiser.comparables(incomplete, after) == appraiser.comparables(incomplete, last)
    assert appraiser.comparables(incomplete, after) != appraiser.comparables(incomplete, newest)


def test_a_subjects_comparables_do_not_depend_on_the_others(
    appraiser: Appraiser, parts: Parts, sold_comparables: list[ComparableSales]
) -> None:
    assert parts.test.date is not None
    for row in range(0, len(sold_comparables), 50):
        one = np.array([row])
        assert appraiser.comparables(parts.test.facts.take(one), parts.test.date[one]) == [sold_comparables[row]]


def test_more_of_what_raises_the_price_never_lowers_what_a_comparable_suggests(
    appraiser: Appraiser, parts: Parts
) -> None:
    facts = parts.test.facts.take(np.arange(0, 400, 20))
    smaller, larger = (
        appraiser.comparables(facts.replace({"square_footage": np.full(len(facts), size)}))
        for size in (1500.0, 2500.0)
    )
    assert smaller is not None
    assert larger is not None
    for of_smaller, of_larger in zip(smaller, larger, strict=True):
        assert [sale.weight for sale in of_smaller.used] == [sale.weight for sale in of_larger.used]
        for before, after in zip(of_smaller.used, of_larger.used, strict=True):
            assert after.adjusted_price > before.adjusted_price


def test_an_answer_is_plain_json(sold_comparables: list[ComparableSales]) -> None:
    answer = sold_comparables[3].as_dict()
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert answer["used"][0]["facts"]["square_footage"] > 0


def test_a_market_without_locations_has_none(appraiser: Appraiser) -> None:
    model = appraiser.model
    without_comparables = replace(model, pipeline=replace(model.pipeline, comparables=None))
    assert replace(appraiser, model=without_comparables).comparables(SUBJECT) is None
