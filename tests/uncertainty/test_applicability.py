import pickle

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.market.checks import check_value
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import KM_PER_DEGREE
from estimator.market.sales import Parts, Sales
from estimator.uncertainty.applicability import ApplicabilityDomain, Refusal
from estimator.uncertainty.domain_check import MIN_HOMES
from estimator.uncertainty.price_distribution import NEAR_BOUNDARY_FACTOR

LAURELHURST = {"latitude": 47.6605, "longitude": -122.2793, "square_footage": 2400.0}
"""A neighbourhood of Seattle."""


def home(market: Market, **facts: float | str) -> Facts:
    return Facts.of(market, [{name: check_value(market.by_name[name], value) for name, value in facts.items()}])


def refusals(appraiser: Appraiser, **facts: float | str) -> list[Refusal]:
    values = appraiser.value(home(appraiser.market, **facts))
    refused = list(values.refusals.get(0, []))
    assert bool(refused) == bool(np.isnan(values.price[0]))
    return refused


def test_a_home_similar_to_sold_ones_is_not_refused(appraiser: Appraiser) -> None:
    assert refusals(appraiser, **LAURELHURST, bathrooms=2.5, bedrooms=4, grade=8, year_built=1950) == []


def test_a_home_far_from_every_sold_one_is_refused_with_the_distance(appraiser: Appraiser) -> None:
    refused = refusals(appraiser, **LAURELHURST | {"latitude": 47.89, "longitude": -121.01})
    assert [refusal.field for refusal in refused] == ["latitude"]
    assert " km from 47.89, -121.01; homes there are valued within " in refused[0].message


def test_a_number_outside_the_range_of_sold_homes_is_refused_with_the_range(appraiser: Appraiser) -> None:
    refused = refusals(appraiser, **LAURELHURST | {"square_footage": 19_999.0})
    sizes = appraiser.domain.numbers.ranges["square_footage"]
    (message,) = (
        message for field, message in refused if message.startswith("19,999 ft² is outside the range of ")
    )
    assert message.endswith(f"sold homes: {sizes.low:,g} ft² to {sizes.high:,g} ft²")


def test_a_combination_of_facts_that_no_sold_home_has_is_refused(appraiser: Appraiser) -> None:
    size = appraiser.domain.numbers.ranges["square_footage"].high
    refused = refusals(appraiser, **LAURELHURST | {"square_footage": size, "bathrooms": 0.5})
    assert [refusal.field for refusal in refused] == ["bathrooms"]
    assert refused[0].message.startswith(
        f"0.5 is outside the range of sold homes with square_footage {size:,g} ft²: "
    )
    assert refusals(appraiser, **LAURELHURST | {"square_footage": 800.0, "bathrooms": 0.75}) == []
    assert refusals(appraiser, **LAURELHURST | {"square_footage": size, "bathrooms": 5}) == []


def test_a_home_just_outside_gets_a_price_with_a_warning_and_a_wider_range(appraiser: Appraiser) -> None:
    newest = appraiser.domain.numbers.ranges["year_built"].high
    inside, outside = (
        appraiser.value(home(appraiser.market, **LAURELHURST, year_built=year)) for year in (newest, newest + 2)
    )
    assert outside.as_dict(0)["warnings"] == ["Few sold homes have a year_built like this, so the range is wider"]
    assert inside.as_dict(0)["warnings"] == []
    assert outside.fsd[0] == pytest.approx(NEAR_BOUNDARY_FACTOR * inside.fsd[0])
    assert outside.high[0] / outside.low[0] > inside.high[0] / inside.low[0]


def test_almost_no_real_sale_is_refused(market: Market, parts: Parts, sales: Sales) -> None:
    domain = ApplicabilityDomain.fit(market, parts.train.facts)
    refused, near_boundary = domain.check(sales.facts)
    assert len(refused) < 0.01 * len(sales)
    assert sum(where.sum() for where in near_boundary.values()) < 0.05 * len(sales)


def test_a_mansion_with_one_bathroom_is_refused_and_no_sold_home(market: Market, sales: Sales) -> None:
    domain = ApplicabilityDomain.fit(market, sales.facts)
    mansion = home(market, **LAURELHURST | {"square_footage": 13_000.0, "bathrooms": 1})
    refused, _ = domain.check(mansion)
    assert [refusal.field for refusal in refused[0]] == ["bathrooms"]
    assert domain.check(sales.facts)[0] == {}


def test_where_every_second_of_the_newest_far_sales_is_known_the_others_are_valued(
    market: Market, sales: Sales
) -> None:
    """With all their facts; `test_place_domain` has more places."""
    for seed in range(3):
        rows = np.random.default_rng(seed).permutation(len(sales))[:5000]
        facts, is_far = sales.facts.take(rows), np.arange(5000) >= 4000
        facts = facts.replace({"longitude": facts["longitude"] + np.where(is_far, 1.5, 0.0)})
        left_out = is_far & (np.arange(5000) % 2 == 1)
        domain = ApplicabilityDomain.fit(market, facts.take(~left_out))
        assert len(domain.check(facts.take(left_out))[0]) <= 0.03 * left_out.sum()


def test_a_refusal_does_not_affect_the_other_homes(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.facts.take(np.arange(8))
    changed = homes.replace({"square_footage": np.where(np.arange(8) == 3, 19_999.0, homes["square_footage"])})
    before, after = (appraiser.value(facts, parts.test.date[:8]) for facts in (homes, changed))  # type: ignore[index]
    other_rows = np.arange(8) != 3
    np.testing.assert_array_equal(after.price[other_rows], before.price[other_rows])
    assert after.priced.tolist() == other_rows.tolist()
    assert len(after.take(after.priced)) == 7


def test_a_market_without_locations_has_bounds_only_for_facts_that_many_homes_have() -> None:
    features = [
        {"name": "size", "kind": "number", "required": True},
        {"name": "rooms", "kind": "integer"},
        {"name": "lift", "kind": "boolean"},
    ]
    market = Market.from_dict(
        {"name": "town", "currency": "SEK", "sales": "sales.csv", "price": "price", "features": features}
    )
    rooms = np.where(np.arange(200) < MIN_HOMES - 1, 3.0, np.nan)
    facts = Facts({"size": np.linspace(50, 150, 200), "rooms": rooms, "lift": np.zeros(200)})
    domain = ApplicabilityDomain.fit(market, facts)
    assert {name: (found.low, found.high) for name, found in domain.numbers.ranges.items()} == {
        "size": (50.0, 150.0)
    }
    subjects = Facts({"size": np.array([35.0, 100, 200]), "rooms": np.array([1.0, 2, 9]), "lift": np.ones(3)})
    refused, near_boundary = domain.check(subjects)
    assert refused == {2: [Refusal("size", "200 is outside the range of sold homes: 50 to 150")]}
    assert [where.tolist() for where in near_boundary.values()] == [[True, False, False]]


def test_warnings_have_the_order_of_the_market_whichever_homes_are_checked_together() -> None:
    """Tables are valued in chunks. Two chunks with warnings in opposite orders could not be joined."""
    features = [
        {"name": name, "kind": "number", "required": name == "size"} for name in ("size", "rooms", "garden")
    ]
    market = Market.from_dict(
        {"name": "town", "currency": "SEK", "sales": "sales.csv", "price": "price", "features": features}
    )
    size = np.linspace(50, 150, 200)
    wave = np.sin(np.arange(200))
    domain = ApplicabilityDomain.fit(market, Facts({"size": size, "rooms": size / 20 + wave, "garden": 9 * wave}))
    rng = np.random.default_rng(0)
    subjects = Facts(
        {"size": rng.uniform(35, 165, 300), "rooms": rng.uniform(-1, 11, 300), "garden": rng.uniform(-12, 12, 300)}
    )
    order = list(domain.check(subjects)[1])
    assert len(order) == 3
    for _ in range(50):
        found = list(domain.check(subjects.take(rng.choice(300, 20)))[1])
        assert found == [text for text in order if text in found]


def test_with_few_sold_homes_no_number_is_refused(market: Market, parts: Parts) -> None:
    domain = ApplicabilityDomain.fit(market, parts.train.facts.take(np.arange(MIN_HOMES - 1)))
    assert domain.check(home(market, **LAURELHURST | {"square_footage": 19_999.0})) == ({}, {})


def test_it_is_restored_from_its_state(appraiser: Appraiser, market: Market, sales: Sales) -> None:
    again = ApplicabilityDomain.from_state(market, pickle.loads(pickle.dumps(appraiser.domain.state())))
    before, after = (domain.check(sales.facts) for domain in (appraiser.domain, again))
    assert after[0] == before[0]
    assert {text: where.sum() for text, where in after[1].items()} == {
        text: where.sum() for text, where in before[1].items()
    }


def test_warnings_use_the_right_article_and_the_location_comes_last() -> None:
    features = [
        *({"name": name, "kind": kind} for name, kind in (("north", "latitude"), ("east", "longitude"))),
        *({"name": name, "kind": "integer"} for name in ("age", "rooms", "grade")),
    ]
    market = Market.from_dict(
        {"name": "town", "currency": "SEK", "sales": "sales.csv", "price": "price", "features": features}
    )
    rng = np.random.default_rng(0)
    sold = Facts(
        {
            "north": rng.uniform(59, 59.1, 200),
            "east": rng.uniform(17, 17.1, 200),
            **{name: np.tile([2.0, 30.0], 100) for name in ("age", "rooms", "grade")},
        }
    )
    domain = ApplicabilityDomain.fit(market, sold)
    easternmost = int(sold["east"].argmax())
    subject = Facts(
        {
            "north": sold["north"][[easternmost]],
            "east": sold["east"][[easternmost]] + 1.9 / (KM_PER_DEGREE * np.cos(np.radians(59.05))),
            **{name: np.array([33.0]) for name in ("age", "rooms", "grade")},
        }
    )
    refused, near_boundary = domain.check(subject)
    assert refused == {}
    assert list(near_boundary) == [
        "Few sold homes have an age like this, so the range is wider",
        "Few sold homes have rooms like this, so the range is wider",
        "Few sold homes have a grade like this, so the range is wider",
        "The nearest sold home is 1.9 km away, so the range is wider",
    ]
