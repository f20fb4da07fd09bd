import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from estimator.appraiser import CONFIDENCE, STATE_FORMAT, Appraiser
from estimator.errors import SavedVersionError
from estimator.market.areas import Areas
from estimator.market.checks import check_value
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, split_sales
from estimator.valuations import Valuations
from tests.conftest import PAIR

BASIC_FACTS = {
    "latitude": 47.63,
    "longitude": -122.34,
    "crime_rate": 5000,
    "square_footage": 1800,
    "population": 21000,
}
PLACE_AND_SIZE = {name: BASIC_FACTS[name] for name in ("latitude", "longitude", "square_footage")}
FIGURES = ("price", "low", "high", "fsd")


def value(appraiser: Appraiser, *subjects: dict[str, Any], date: str | None = None) -> Valuations:
    market = appraiser.market
    subjects_facts = [
        {name: check_value(market.by_name[name], fact) for name, fact in home.items()} for home in subjects
    ]
    days = None if date is None else np.full(len(subjects), np.datetime64(date, "D"))
    return appraiser.value(Facts.of(market, subjects_facts), days)


def test_the_four_basic_facts_alone_get_a_price_and_a_range(appraiser: Appraiser) -> None:
    answer = value(appraiser, BASIC_FACTS).as_dict(0)
    assert 100_000 < answer["price_low"] < answer["price"] < answer["price_high"] < 5_000_000
    assert answer["currency"] == "USD"
    assert answer["confidence"] == CONFIDENCE == 0.9
    assert answer["looked_up"] == ["postal_code"]
    assert answer["warnings"] == []
    assert {"bedrooms", "grade", "waterfront"} <= set(answer["unknown"])
    assert not set(BASIC_FACTS) & set(answer["unknown"])


def test_place_and_size_alone_get_a_wider_range_and_the_looked_up_facts(appraiser: Appraiser) -> None:
    basic, minimal = value(appraiser, BASIC_FACTS).as_dict(0), value(appraiser, PLACE_AND_SIZE).as_dict(0)
    assert minimal["price_high"] / minimal["price_low"] > basic["price_high"] / basic["price_low"]
    assert minimal["fsd"] > basic["fsd"]
    assert minimal["looked_up"] == ["postal_code", "crime_rate", "population"]
    assert minimal["unknown"] == basic["unknown"]


def test_what_is_looked_up_is_the_figure_of_the_postal_code(appraiser: Appraiser) -> None:
    looked_up = value(appraiser, PLACE_AND_SIZE | {"postal_code": "98109"})
    given = value(
        appraiser, PLACE_AND_SIZE | {"postal_code": "98109", "crime_rate": 345.0 + 6384.1, "population": 20715}
    )
    assert looked_up.price == given.price
    assert set(looked_up.looked_up) == {"crime_rate", "population"}
    assert given.looked_up == {}


def test_a_price_does_not_depend_on_the_other_homes_of_the_batch(appraiser: Appraiser, parts: Parts) -> None:
    facts, date = parts.test.facts, parts.test.date
    assert date is not None
    together = appraiser.value(facts, date)
    shuffled = np.random.default_rng(0).permutation(len(date))
    in_other_order = appraiser.value(facts.take(shuffled), date[shuffled])
    for name in FIGURES:
        np.testing.assert_array_equal(getattr(in_other_order, name), getattr(together, name)[shuffled])
    for row in range(0, len(date), 3):
        alone = appraiser.value(facts.take(np.array([row])), date[[row]])
        assert alone.as_dict(0) == together.as_dict(row)


def test_no_subjects_give_no_valuations(appraiser: Appraiser) -> None:
    assert len(value(appraiser)) == 0


def test_prices_are_in_whole_cents_and_inside_their_ranges(appraiser: Appraiser, parts: Parts) -> None:
    values = appraiser.value(parts.test.facts, parts.test.date)
    for amount in (values.price, values.low, values.high):
        np.testing.assert_array_equal(amount, np.round(amount, 2))
    assert (values.low < values.price).all()
    assert (values.price < values.high).all()
    narrow, wide = (appraiser.value(parts.test.facts, parts.test.date, share) for share in (0.5, 0.99))
    assert (values.low < narrow.low).all()
    assert (narrow.high < values.high).all()
    assert (wide.low < values.low).all()
    assert (values.high < wide.high).all()
    assert (narrow.confidence, values.confidence, wide.confidence) == (0.5, 0.9, 0.99)


def test_a_confidence_out_of_bounds_is_refused(appraiser: Appraiser, parts: Parts) -> None:
    with pytest.raises(ValueError, match=r"0.999 is not from 0.5 to 0.99"):
        appraiser.value(parts.test.facts, parts.test.date, 0.999)


subsets = st.sets(
    st.sampled_from(["bedrooms", "bathrooms", "grade", "view", "waterfront", "crime_rate", "population"])
)


@given(subsets, subsets, st.integers(0, 400))
def test_a_known_fact_never_widens_the_range(
    appraiser: Appraiser, parts: Parts, known: set[str], added: set[str], row: int
) -> None:
    market = appraiser.market
    home = appraiser.areas.complete(parts.test.facts.take(np.array([row])))[0].as_values(market, 0)

    def value_with(names: set[str]) -> Valuations:
        return value(appraiser, {name: fact for name, fact in home.items() if name in names | set(PLACE_AND_SIZE)})

    assume(not appraiser.domain.check(Facts.of(market, [home]))[1])  # a fact outside the usual range widens it
    fsd_before, fsd_after = value_with(known).fsd[0], value_with(known | added).fsd[0]
    assert fsd_after <= fsd_before
    assert (added <= known) == (fsd_after == fsd_before)


def test_without_a_date_homes_are_valued_at_the_newest_sales(appraiser: Appraiser) -> None:
    assert appraiser.sale_dates is not None
    newest = str(appraiser.sale_dates[1])
    facts = Facts.of(appraiser.market, [PLACE_AND_SIZE, PLACE_AND_SIZE])
    values = appraiser.value(facts, np.array(["NaT", "2014-06-01"], "datetime64[D]"))
    assert value(appraiser, PLACE_AND_SIZE).as_dict(0) == values.as_dict(0)
    assert values.as_dict(0)["valuation_date"] == newest
    assert values.as_dict(1)["valuation_date"] == "2014-06-01"
    assert values.price[0] != values.price[1]


@pytest.mark.parametrize(
    ("date", "end", "side"), [("1066-10-14", 0, "before the oldest"), ("2999-01-01", 1, "after the newest")]
)
def test_a_date_outside_the_sales_is_replaced_by_the_nearest_one_inside(
    appraiser: Appraiser, date: str, end: int, side: str
) -> None:
    assert appraiser.sale_dates is not None
    nearest = str(appraiser.sale_dates[end])
    answer = value(appraiser, BASIC_FACTS, date=date).as_dict(0)
    assert answer["warnings"] == [f"valuation_date is {side} sale, so the home is valued as of {nearest}"]
    inside = value(appraiser, BASIC_FACTS, date=nearest).as_dict(0)
    assert inside["warnings"] == []
    assert answer | {"warnings": []} == inside


def test_an_answer_is_plain_json(appraiser: Appraiser) -> None:
    answer = value(appraiser, BASIC_FACTS).as_dict(0)
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert list(answer) == [
        "price",
        "price_low",
        "price_high",
        "confidence",
        "fsd",
        "currency",
        "valuation_date",
        "looked_up",
        "unknown",
        "warnings",
    ]


@pytest.mark.training
def test_the_test_sales_prices_and_facts_are_not_used(market: Market, areas: Areas, parts: Parts) -> None:
    fewer = Parts(*(part.take(np.arange(0, len(part), 5)) for part in (parts.train, parts.validation, parts.test)))
    other = replace(
        fewer,
        test=replace(
            fewer.test, price=fewer.test.price[::-1] * 3, facts=parts.test.facts.take(slice(len(fewer.test)))
        ),
    )
    one, same = (
        Appraiser.fit(market, areas, divided, np.random.default_rng(0), recipe=PAIR) for divided in (fewer, other)
    )
    answer = one.value(parts.test.facts, parts.test.date), same.value(parts.test.facts, parts.test.date)
    for name in FIGURES:
        np.testing.assert_array_equal(*(getattr(values, name) for values in answer))


def test_several_confidences_at_once_give_the_same_ranges_as_one_by_one(
    appraiser: Appraiser, parts: Parts
) -> None:
    facts, date = parts.test.facts, parts.test.date
    together = appraiser.value_by_confidence(facts, date, (0.95, 0.5, 0.9))
    for confidence, values in zip((0.95, 0.5, 0.9), together, strict=True):
        alone = appraiser.value(facts, date, confidence)
        assert values.confidence == alone.confidence == confidence
        for name in FIGURES:
            np.testing.assert_array_equal(getattr(values, name), getattr(alone, name))
    with pytest.raises(ValueError, match=r"1\.0 is not from"):
        appraiser.value_by_confidence(facts, date, (0.9, 1.0))


def test_an_appraiser_is_restored_from_its_state(appraiser: Appraiser, parts: Parts) -> None:
    again = Appraiser.from_state(appraiser.state())
    one, other = (a.value(parts.test.facts, parts.test.date) for a in (appraiser, again))
    assert [one.as_dict(row) for row in range(len(one))] == [other.as_dict(row) for row in range(len(other))]


def test_its_state_is_plain_values_and_arrays(appraiser: Appraiser) -> None:
    def check(value: object) -> None:
        if isinstance(value, dict):
            assert all(isinstance(key, str) for key in value)
            for entry in value.values():
                check(entry)
        elif isinstance(value, (list, tuple)):
            for entry in value:
                check(entry)
        else:
            assert value is None or isinstance(value, (bool, int, float, str, np.ndarray)), type(value)
            assert not isinstance(value, np.ndarray) or value.dtype != object

    check(appraiser.state())


def test_a_state_of_another_format_is_refused(appraiser: Appraiser) -> None:
    with pytest.raises(
        SavedVersionError, match=f"has format {STATE_FORMAT + 1} .* train it again with `house-price train`"
    ):
        Appraiser.from_state(appraiser.state() | {"format": STATE_FORMAT + 1})


@pytest.mark.training
def test_ranges_cover_their_share_of_a_random_split(market: Market, areas: Areas, parts: Parts) -> None:
    """Calibration and test sales of a random split are exchangeable, so the coverage is as stated."""
    sales = parts.train.take(np.arange(len(parts.train)))
    covered = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        divided = split_sales(sales, "random", rng)
        values = Appraiser.fit(market, areas, divided, rng, recipe=PAIR).value(
            divided.test.facts, divided.test.date
        )
        covered.append((values.low <= divided.test.price) & (divided.test.price <= values.high))
    assert np.mean(np.concatenate(covered)) == pytest.approx(0.9, abs=0.04)
