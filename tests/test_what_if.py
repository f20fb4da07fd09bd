"""What if: every point is the valuation that the moved home gets by itself."""

import copy
import json
from dataclasses import replace

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.checks import check_value
from estimator.market.fact_ranges import FactRanges, NumberRange
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.sales import Parts
from estimator.market.values import Value
from estimator.what_if import MAX_POINTS, what_if

HOME = {"latitude": 47.63, "longitude": -122.34, "square_footage": 1801.0, "grade": 8.0}


def subject(appraiser: Appraiser, **more: float | str) -> Facts:
    return Facts.of(appraiser.market, [HOME | more])


def values(appraiser: Appraiser, feature: Feature, **more: float | str) -> list[Value]:
    (points,) = what_if(appraiser, subject(appraiser, **more), feature)
    return [point.value for point in points]


@pytest.mark.parametrize(
    "name",
    ["latitude", "square_footage", "postal_code", "crime_rate", "bedrooms", "year_built", "grade", "waterfront"],
)
def test_every_point_is_the_valuation_of_the_home_with_that_value(appraiser: Appraiser, name: str) -> None:
    feature = appraiser.market.by_name[name]
    (points,) = what_if(appraiser, subject(appraiser), feature)
    assert len(points) > 1
    for point in points[:: max(len(points) // 5, 1)]:
        alone = appraiser.value(subject(appraiser, **{name: check_value(feature, point.value)})).as_dict(0)
        assert point.as_dict() == {"value": point.value} | {
            key: alone[key] for key in ("price", "price_low", "price_high")
        }


def test_a_number_runs_evenly_over_nearly_all_sold_homes_and_through_the_subjects_own(
    appraiser: Appraiser, parts: Parts
) -> None:
    found = values(appraiser, appraiser.market.by_name["square_footage"])
    assert found == sorted(found)
    assert len(found) == MAX_POINTS + 1
    assert 1801 in found
    spread = np.array([value for value in found if value != 1801], np.float64)
    np.testing.assert_allclose(np.diff(spread), np.diff(spread).mean(), rtol=0.05)
    sizes = np.concatenate([part.facts["square_footage"] for part in (parts.train, parts.validation)])
    assert np.mean((spread[0] <= sizes) & (sizes <= spread[-1])) == pytest.approx(0.99, abs=0.005)


def test_whole_numbers_are_taken_once_each_and_spread_where_they_are_many(appraiser: Appraiser) -> None:
    by_name = appraiser.market.by_name
    grades = values(appraiser, by_name["grade"])
    assert grades == list(range(int(grades[0]), int(grades[-1]) + 1))
    years = values(appraiser, by_name["year_built"])
    assert len(years) == MAX_POINTS
    assert all(isinstance(year, int) for year in years)


def test_a_boolean_is_false_or_true_and_labels_are_the_commonest_and_the_subjects_own(
    appraiser: Appraiser,
) -> None:
    by_name = appraiser.market.by_name
    assert values(appraiser, by_name["waterfront"]) == [False, True]
    rare = "00000"
    found = values(appraiser, by_name["postal_code"], postal_code=rare)
    assert found == sorted({*appraiser.fact_ranges.labels["postal_code"], rare})


def test_more_of_what_raises_the_price_never_lowers_it(appraiser: Appraiser) -> None:
    for name, way in (("square_footage", 1), ("grade", 1), ("crime_rate", -1)):
        (points,) = what_if(appraiser, subject(appraiser), appraiser.market.by_name[name])
        prices = np.array([point.price for point in points])
        assert (way * np.diff(prices) >= 0).all()
        assert prices[0] != prices[-1]


def test_a_subjects_points_do_not_depend_on_the_others(appraiser: Appraiser, parts: Parts) -> None:
    assert parts.test.date is not None
    rows = np.arange(0, 400, 80)
    feature = appraiser.market.by_name["lot_size"]
    facts = parts.test.facts.take(rows).without({"lot_size": rows == 80})
    together = what_if(appraiser, facts, feature, parts.test.date[rows])
    assert [len(points) for points in together].count(MAX_POINTS) == 1, "the one whose own is unknown"
    for place in range(len(rows)):
        one = np.array([place])
        assert what_if(appraiser, facts.take(one), feature, parts.test.date[rows][one]) == [together[place]]
    assert what_if(appraiser, facts.take(rows[:0]), feature) == []


def with_range(appraiser: Appraiser, name: str, found: NumberRange | None) -> Appraiser:
    numbers = {key: value for key, value in appraiser.fact_ranges.numbers.items() if key != name}
    ranges = FactRanges(numbers if found is None else numbers | {name: found}, appraiser.fact_ranges.labels)
    changed = copy.copy(appraiser)
    changed.fact_ranges = ranges
    return changed


def test_a_fact_that_never_varied_or_was_never_known_has_the_subjects_own_value_besides(
    appraiser: Appraiser,
) -> None:
    feature = appraiser.market.by_name["lot_size"]
    always = with_range(appraiser, "lot_size", NumberRange(5000, 5000, 5000, 5000, 5000))
    assert values(always, feature) == [5000]
    assert values(always, feature, lot_size=6000.0) == [5000, 6000]
    never = with_range(appraiser, "lot_size", None)
    assert values(never, feature) == []
    assert values(never, feature, lot_size=6000.0) == [6000]


def test_a_date_moves_in_whole_days_and_is_told_as_a_day(appraiser: Appraiser) -> None:
    """No market at hand is declared so: the same values, read as days since 1970."""
    feature = replace(appraiser.market.by_name["year_built"], kind="date")
    (points,) = what_if(appraiser, subject(appraiser), feature)
    assert points[-1].value == str(
        np.datetime64("1970-01-01") + int(values(appraiser, appraiser.market.by_name["year_built"])[-1])
    )
    assert json.loads(json.dumps(points[0].as_dict())) == points[0].as_dict()


def test_every_value_is_one_that_a_request_may_name(appraiser: Appraiser, market: Market) -> None:
    for feature in market.features:
        for value in values(appraiser, feature):
            check_value(feature, value)
