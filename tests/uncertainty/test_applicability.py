import pickle

import numpy as np
import pytest

from estimator.appraiser import AT_THE_EDGE, Appraiser
from estimator.market.checks import check_value
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Parts, Sales
from estimator.uncertainty.applicability import FEWEST, ApplicabilityDomain, Refusal

LAURELHURST = {"latitude": 47.6605, "longitude": -122.2793, "square_footage": 2400.0}
"""A quarter of Seattle."""


def home(market: Market, **facts: float | str) -> Facts:
    return Facts.of(market, [{name: check_value(market.by_name[name], value) for name, value in facts.items()}])


def refusals(appraiser: Appraiser, **facts: float | str) -> list[Refusal]:
    values = appraiser.value(home(appraiser.market, **facts))
    refused = list(values.refusals.get(0, []))
    assert bool(refused) == bool(np.isnan(values.price[0]))
    return refused


def test_a_home_like_those_sold_is_not_refused(appraiser: Appraiser) -> None:
    assert refusals(appraiser, **LAURELHURST, bathrooms=2.5, bedrooms=4, grade=8, year_built=1950) == []


def test_a_home_far_from_every_sold_one_is_refused_with_the_distance(appraiser: Appraiser) -> None:
    refused = refusals(appraiser, **LAURELHURST | {"latitude": 47.89, "longitude": -121.01})
    assert [each.field for each in refused] == ["latitude"]
    assert "km from 47.89, -121.01; no sold home is farther than" in refused[0].message


def test_a_number_beyond_any_sold_homes_is_refused_with_the_learned_range(appraiser: Appraiser) -> None:
    refused = refusals(appraiser, **LAURELHURST | {"square_footage": 19_999.0})
    least, greatest = appraiser.reach.ends["square_footage"]
    assert (
        Refusal("square_footage", f"19,999 ft² is beyond what was learned: {least:,g} ft² to {greatest:,g} ft²")
        in refused
    )


def test_facts_that_no_sold_home_has_together_are_refused(appraiser: Appraiser) -> None:
    size = appraiser.reach.ends["square_footage"][1]
    refused = refusals(appraiser, **LAURELHURST | {"square_footage": size, "bathrooms": 0.5})
    assert [each.field for each in refused] == ["bathrooms"]
    assert refused[0].message.startswith(
        f"0.5 is beyond what was learned of homes with square_footage {size:,g} ft²: "
    )
    assert refusals(appraiser, **LAURELHURST | {"square_footage": 800.0, "bathrooms": 0.75}) == []
    assert refusals(appraiser, **LAURELHURST | {"square_footage": size, "bathrooms": 5}) == []


def test_at_the_edge_there_is_a_price_with_a_warning_and_a_wider_range(appraiser: Appraiser) -> None:
    newest = appraiser.reach.ends["year_built"][1]
    inside, edge = (
        appraiser.value(home(appraiser.market, **LAURELHURST, year_built=year)) for year in (newest, newest + 2)
    )
    assert edge.as_dict(0)["warnings"] == ["year_built is at the edge of what was learned: the range is wider"]
    assert inside.as_dict(0)["warnings"] == []
    assert edge.fsd[0] == pytest.approx(AT_THE_EDGE * inside.fsd[0])
    assert edge.high[0] / edge.low[0] > inside.high[0] / inside.low[0]


def test_nearly_no_home_that_was_really_sold_is_refused(market: Market, parts: Parts, sales: Sales) -> None:
    reach = ApplicabilityDomain.fit(market, parts.train.facts)
    refused, edges = reach.judge(sales.facts)
    assert len(refused) < 0.01 * len(sales)
    assert sum(where.sum() for where in edges.values()) < 0.05 * len(sales)


def test_a_mansion_with_a_single_bathroom_is_refused_and_no_more_than_one_real_home_in_a_thousand(
    market: Market, sales: Sales
) -> None:
    reach = ApplicabilityDomain.fit(market, sales.facts)
    mansion = home(market, **LAURELHURST | {"square_footage": 13_000.0, "bathrooms": 1})
    refused, _ = reach.judge(mansion)
    assert [each.field for each in refused[0]] == ["bathrooms"]
    assert len(reach.judge(sales.facts)[0]) < 0.001 * len(sales)


def test_a_refusal_does_not_touch_the_other_homes(appraiser: Appraiser, parts: Parts) -> None:
    homes = parts.test.facts.take(np.arange(8))
    spoiled = homes.replace({"square_footage": np.where(np.arange(8) == 3, 19_999.0, homes["square_footage"])})
    before, after = (appraiser.value(facts, parts.test.date[:8]) for facts in (homes, spoiled))  # type: ignore[index]
    others = np.arange(8) != 3
    np.testing.assert_array_equal(after.price[others], before.price[others])
    assert after.priced.tolist() == others.tolist()
    assert len(after.take(after.priced)) == 7


def test_a_market_without_places_has_ends_of_what_enough_homes_know_alone() -> None:
    features = [
        {"name": "size", "kind": "number", "required": True},
        {"name": "rooms", "kind": "integer"},
        {"name": "lift", "kind": "boolean"},
    ]
    market = Market.from_dict(
        {"name": "town", "currency": "SEK", "sales": "sales.csv", "price": "price", "features": features}
    )
    rooms = np.where(np.arange(200) < FEWEST - 1, 3.0, np.nan)
    facts = Facts({"size": np.linspace(50, 150, 200), "rooms": rooms, "lift": np.zeros(200)})
    reach = ApplicabilityDomain.fit(market, facts)
    assert dict(reach.ends) == {"size": (50.0, 150.0)}
    asked = Facts({"size": np.array([45.0, 100, 200]), "rooms": np.array([1.0, 2, 9]), "lift": np.ones(3)})
    refused, edges = reach.judge(asked)
    assert refused == {2: [Refusal("size", "200 is beyond what was learned: 50 to 150")]}
    assert [where.tolist() for where in edges.values()] == [[True, False, False]]


def test_a_handful_of_sales_does_not_tell_where_a_market_ends(market: Market, parts: Parts) -> None:
    reach = ApplicabilityDomain.fit(market, parts.train.facts.take(np.arange(FEWEST - 1)))
    assert reach.judge(home(market, **LAURELHURST | {"latitude": 47.0, "square_footage": 19_999.0})) == ({}, {})


def test_it_comes_back_from_its_state(appraiser: Appraiser, market: Market, sales: Sales) -> None:
    again = ApplicabilityDomain.from_state(market, pickle.loads(pickle.dumps(appraiser.reach.state())))
    before, after = (reach.judge(sales.facts) for reach in (appraiser.reach, again))
    assert after[0] == before[0]
    assert {text: where.sum() for text, where in after[1].items()} == {
        text: where.sum() for text, where in before[1].items()
    }
