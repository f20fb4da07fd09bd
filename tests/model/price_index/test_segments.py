"""Groups of homes: whom they hold, and what is no group."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.model.price_index.segments import (
    AREA,
    MAX_AREAS,
    MIN_GROUP_SALES,
    N_LEVELS,
    Grouping,
    candidates,
)

MARKET = Market.from_dict(
    {
        "name": "plain",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "latitude", "kind": "latitude"},
            {"name": "longitude", "kind": "longitude"},
            {"name": "size", "kind": "number"},
            {"name": "quality", "kind": "integer", "price_effect": "increasing"},
            {"name": "type", "kind": "category"},
        ],
    }
)
N = 3000


def random_homes(n: int = N, seed: int = 0) -> Facts:
    """Homes of three types, the last of them rare; some facts are unknown."""
    rng = np.random.default_rng(seed)
    facts = Facts(
        {
            "latitude": rng.normal(50, 0.1, n),
            "longitude": rng.normal(7, 0.3, n),
            "size": rng.lognormal(4.6, 0.4, n).round(),
            "quality": rng.integers(1, 6, n) * 1.0,
            "type": rng.choice(["flat", "house", "castle"], n, p=[0.5, 0.49, 0.01]),
        }
    )
    return facts.without({name: rng.random(n) < 0.1 for name in ("latitude", "size", "type")})


HOMES = random_homes()
BY_NAME = {grouping.name: grouping for grouping in candidates(MARKET, HOMES)}


def test_place_labels_and_numbers_are_candidates_but_not_what_has_a_price_effect() -> None:
    assert list(BY_NAME) == [AREA, "type", "size"]
    assert BY_NAME["type"].group_names() == ["flat", "house"], "too few castles"
    assert len(BY_NAME["size"].group_names()) == N_LEVELS
    assert len(BY_NAME[AREA].group_names()) == MAX_AREAS


def test_a_market_with_postal_codes_is_divided_by_them() -> None:
    code = {"name": "code", "kind": "postal_code"}
    market = Market.from_dict({**MARKET.to_dict(), "features": [*MARKET.to_dict()["features"], code]})
    homes = Facts({**HOMES.columns, "code": np.where(np.arange(N) % 2 == 0, "10", "20")})
    by_name = {grouping.name: grouping for grouping in candidates(market, homes)}
    assert AREA not in by_name
    assert by_name["code"].group_names() == ["10", "20"]


def test_few_sales_are_not_divided() -> None:
    assert candidates(MARKET, random_homes(MIN_GROUP_SALES)) == []


@pytest.mark.parametrize("name", [AREA, "type", "size"])
def test_the_memberships_of_a_home_sum_to_one_or_to_zero_where_unknown(name: str) -> None:
    memberships = BY_NAME[name].memberships(MARKET, HOMES)
    known = {
        AREA: HOMES.known("latitude"),
        "type": np.isin(HOMES["type"], ["flat", "house"]),
        "size": HOMES.known("size"),
    }[name]
    assert (memberships >= 0).all()
    np.testing.assert_allclose(memberships.sum(axis=1), known)
    assert (memberships.sum(axis=0) >= MIN_GROUP_SALES).all()


@given(st.floats(-80, 80), st.floats(-179, 179))
def test_every_place_on_earth_is_in_exactly_one_area(latitude: float, longitude: float) -> None:
    home = HOMES.take(slice(1)).replace({"latitude": np.array([latitude]), "longitude": np.array([longitude])})
    assert BY_NAME[AREA].memberships(MARKET, home).sum() == 1


def test_areas_hold_about_equally_many_homes() -> None:
    counts = BY_NAME[AREA].memberships(MARKET, HOMES).sum(axis=0)
    assert counts.max() < 2.5 * counts.min()


@given(st.floats(0, 1), st.integers(0, N_LEVELS - 2))
def test_a_size_between_two_levels_belongs_to_both_in_proportion(share: float, level: int) -> None:
    grouping = BY_NAME["size"]
    assert grouping.centres is not None
    below, above = grouping.centres[level : level + 2]
    home = HOMES.take(slice(1)).replace({"size": np.array([below + share * (above - below)])})
    expected = np.zeros(N_LEVELS)
    expected[level], expected[level + 1] = 1 - share, share
    np.testing.assert_allclose(grouping.memberships(MARKET, home)[0], expected, atol=1e-9)


def test_a_size_beyond_the_levels_belongs_to_the_last_one() -> None:
    homes = HOMES.take(slice(2)).replace({"size": np.array([1.0, 1e6])})
    first, last = BY_NAME["size"].memberships(MARKET, homes)
    assert first.tolist() == [1, 0, 0, 0, 0]
    assert last.tolist() == [0, 0, 0, 0, 1]


def test_homes_in_one_place_are_one_area() -> None:
    same = HOMES.replace({"latitude": np.full(N, 50.0), "longitude": np.full(N, 7.0)})
    assert AREA not in [grouping.name for grouping in candidates(MARKET, same)]


def test_unknown_locations_everywhere_give_no_areas() -> None:
    unknown = HOMES.without({name: np.ones(N, np.bool_) for name in ("latitude", "longitude")})
    assert AREA not in [grouping.name for grouping in candidates(MARKET, unknown)]


@pytest.mark.parametrize("name", [AREA, "type", "size"])
def test_a_grouping_is_restored_from_its_state(name: str) -> None:
    restored = Grouping.from_state(pickle.loads(pickle.dumps(BY_NAME[name].state())))
    np.testing.assert_array_equal(restored.memberships(MARKET, HOMES), BY_NAME[name].memberships(MARKET, HOMES))
    assert replace(restored, name="other").group_names() == BY_NAME[name].group_names()
