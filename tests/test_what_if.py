"""What-if curves: every point is the valuation of the changed home by itself."""

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


def subject(appraiser: Appraiser, **changes: float | str) -> Facts:
    return Facts.of(appraiser.market, [HOME | changes])


def values(appraiser: Appraiser, feature: Feature, **changes: float | str) -> list[Value]:
    (points,) = what_if(appraiser, subject(appraiser, **changes), feature)
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


def test_a_number_varies_evenly_over_nearly_all_sold_homes_and_includes_the_subjects_own(
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


def test_few_whole_numbers_are_all_included_and_many_are_spread(appraiser: Appraiser) -> None:
    by_name = appraiser.market.by_name
    grades = values(appraiser, by_name["grade"])
    assert grades == list(range(int(grades[0]), int(grades[-1]) + 1))
    years = values(appraiser, by_name["year_built"])
    assert len(years) == MAX_POINTS
    assert all(isinstance(year, int) for year in years)


def test_no_value_is_tried_that_no_home_can_have(appraiser: Appraiser, parts: Parts) -> None:
    by_name = appraiser.market.by_name
    sold = appraiser.model.sales.facts
    renovated = values(appraiser, by_name["year_renovated"])
    never, *years = renovated
    assert never == 0
    assert len(years) > 5
    assert min(years) >= sold["year_renovated"][sold["year_renovated"] > 0].min(), "not in the year 252"
    assert set(values(appraiser, by_name["bathrooms"])) <= set(sold["bathrooms"].tolist()), "not 1.47 bathrooms"


def test_a_boolean_is_false_or_true_and_labels_are_the_most_common_and_the_subjects_own(
    appraiser: Appraiser,
) -> None:
    by_name = appraiser.market.by_name
    assert values(appraiser, by_name["waterfront"]) == [False, True]
    rare = "00000"
    found = values(appraiser, by_name["postal_code"], postal_code=rare)
    assert found == sorted({*appraiser.fact_ranges.labels["postal_code"], rare})


def test_more_of_what_raises_the_price_never_lowers_it(appraiser: Appraiser) -> None:
    for name, sign in (("square_footage", 1), ("grade", 1), ("crime_rate", -1)):
        (points,) = what_if(appraiser, subject(appraiser), appraiser.market.by_name[name])
        prices = np.array([point.price for point in points])
        assert (sign * np.diff(prices) >= 0).all()
        assert prices[0] != prices[-1]


def test_a_subjects_points_do_not_depend_on_the_others(appraiser: Appraiser, parts: Parts) -> None:
    assert parts.test.date is not None
    rows = np.arange(0, 400, 80)
    feature = appraiser.market.by_name["lot_size"]
    facts = parts.test.facts.take(rows).without({"lot_size": rows == 80})
    together = what_if(appraiser, facts, feature, parts.test.date[rows])
    assert [len(points) for points in together].count(MAX_POINTS) == 1, "the subject without a lot size"
    for index in range(len(rows)):
        one = np.array([index])
        assert what_if(appraiser, facts.take(one), feature, parts.test.date[rows][one]) == [together[index]]
    assert what_if(appraiser, facts.take(rows[:0]), feature) == []


def with_range(appraiser: Appraiser, name: str, number_range: NumberRange | None) -> Appraiser:
    numbers = {key: value for key, value in appraiser.fact_ranges.numbers.items() if key != name}
    ranges = FactRanges(
        numbers if number_range is None else numbers | {name: number_range}, appraiser.fact_ranges.labels
    )
    return replace(appraiser, fact_ranges=ranges)


def test_a_constant_or_never_known_fact_still_includes_the_subjects_own_value(
    appraiser: Appraiser,
) -> None:
    feature = appraiser.market.by_name["lot_size"]
    constant = with_range(appraiser, "lot_size", NumberRange(5000, 5000, 5000, 5000, 5000))
    assert values(constant, feature) == [5000]
    assert values(constant, feature, lot_size=6000.0) == [5000, 6000]
    never_known = with_range(appraiser, "lot_size", None)
    assert values(never_known, feature) == []
    assert values(never_known, feature, lot_size=6000.0) == [6000]


def test_a_date_varies_in_whole_days_and_is_given_as_a_date(appraiser: Appraiser) -> None:
    """No market here has such a fact: `year_built` is read as days since 1970."""
    feature = replace(appraiser.market.by_name["year_built"], kind="date")
    (points,) = what_if(appraiser, subject(appraiser), feature)
    assert points[-1].value == str(
        np.datetime64("1970-01-01") + int(values(appraiser, appraiser.market.by_name["year_built"])[-1])
    )
    assert json.loads(json.dumps(points[0].as_dict())) == points[0].as_dict()


def test_every_value_is_valid_in_a_request(appraiser: Appraiser, market: Market) -> None:
    for feature in market.features:
        for value in values(appraiser, feature):
            check_value(feature, value)
