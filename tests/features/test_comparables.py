import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.comparables import COUNT, NAMES, NEAREST, Comparables
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

TABLE = {
    "name": "plain",
    "currency": "EUR",
    "sales": "sales.csv",
    "price": "price",
    "sale_date": "date",
    "features": [
        {"name": "latitude", "kind": "latitude", "required": True},
        {"name": "longitude", "kind": "longitude", "required": True},
        {"name": "size", "kind": "number"},
        {"name": "rooms", "kind": "integer"},
    ],
}
MARKET = Market.from_dict(TABLE)


def made_up(n: int = 900, seed: int = 0, noise: float = 0.05) -> Sales:
    """Sales whose log price is a hill over the map, what the size is worth, and noise."""
    rng = np.random.default_rng(seed)
    north, east, size = rng.uniform(50, 50.2, n), rng.uniform(7, 7.2, n), rng.normal(100, 20, n)
    hill = np.sin(north * 40) + np.cos(east * 40)
    price = np.exp(12 + hill + 0.01 * size + rng.normal(0, noise, n))
    facts = Facts({"latitude": north, "longitude": east, "size": size, "rooms": rng.integers(1, 6, n) * 1.0})
    date = np.datetime64("2020-01-01") + np.sort(rng.integers(0, 400, n))
    return Sales(facts, price, date, rng.integers(0, n * 2 // 3, n))


def learn(sales: Sales, market: Market = MARKET) -> Comparables:
    comparables = Comparables.fit(market, sales, np.random.default_rng(0))
    assert comparables is not None
    return comparables


@pytest.fixture(scope="module")
def sales() -> Sales:
    return made_up()


@pytest.fixture(scope="module")
def comparables(sales: Sales) -> Comparables:
    return learn(sales)


def test_a_sale_sees_neither_its_own_price_nor_a_later_one_nor_its_homes_other_sales(
    sales: Sales, comparables: Comparables
) -> None:
    assert sales.date is not None
    subject = 450
    hidden = (sales.date >= sales.date[subject]) | (sales.home == sales.home[subject])
    assert hidden.sum() > 400
    state = comparables.state()
    changed = Comparables.from_state(MARKET, state | {"price": np.where(hidden, sales.price * 100, sales.price)})
    one = np.array([subject])
    asked = sales.facts.take(one), sales.date[one], sales.home[one]
    np.testing.assert_array_equal(changed.facts(*asked), comparables.facts(*asked))
    assert not np.array_equal(changed.facts(asked[0], asked[1] + 400), comparables.facts(asked[0], asked[1] + 400))


def test_the_grid_finds_what_place_and_size_are_worth() -> None:
    noise = 0.05
    train, later = made_up(4000, noise=noise), made_up(300, seed=1, noise=noise)
    said = learn(train).facts(later.facts, np.full(300, train.date.max() + 1))  # type: ignore[union-attr]
    miss = np.log(later.price) - said[:, 0]
    assert np.sqrt(np.mean(miss**2)) < 2 * noise
    assert np.log(later.price).std() > 10 * noise
    assert (np.exp(said[:, 1]) <= COUNT + 0.01).all()
    assert (np.exp(said[:, 1]) >= 0.99).all()


def test_what_is_said_of_a_home_does_not_depend_on_the_others(sales: Sales, comparables: Comparables) -> None:
    assert sales.date is not None
    together = comparables.facts(sales.facts, sales.date, sales.home)
    for row in (100, 101, 613):
        alone = comparables.facts(
            sales.facts.take(np.array([row])), sales.date[row : row + 1], sales.home[row : row + 1]
        )
        np.testing.assert_array_equal(alone[0], together[row])


def test_the_nearest_are_given_as_they_are(sales: Sales, comparables: Comparables) -> None:
    today = np.array([sales.date.max() + 1])  # type: ignore[union-attr]
    home = sales.facts.take(np.array([500])).replace({"latitude": np.array([50.1]), "longitude": np.array([7.1])})
    shrink = np.cos(np.radians(sales.facts["latitude"].mean()))
    km = np.sort(
        np.hypot(sales.facts["latitude"] - 50.1, (sales.facts["longitude"] - 7.1) * shrink)
        * np.pi
        / 180
        * 6371.0088
    )
    nearest = np.argsort(np.hypot(sales.facts["latitude"] - 50.1, (sales.facts["longitude"] - 7.1) * shrink))[
        :NEAREST
    ]
    expected = np.average(np.log(sales.price[nearest]), weights=1 / (km[:NEAREST] + 0.05))
    said = comparables.facts(home, today)[0]
    np.testing.assert_allclose(
        said[3:], [expected, np.log(km[NEAREST - 1] + 0.05), np.log(km[COUNT - 1] + 0.05)], 1e-3
    )


def test_before_the_first_sale_and_without_a_place_there_are_no_comparables(
    sales: Sales, comparables: Comparables
) -> None:
    assert sales.date is not None
    two = sales.facts.take(np.arange(2))
    assert np.isnan(comparables.facts(two, np.repeat(sales.date.min(), 2))).all()
    lost = two.without({"latitude": np.array([True, False])})
    assert np.isnan(comparables.facts(lost, np.repeat(sales.date.max(), 2))).any(axis=1).tolist() == [True, False]


def test_a_fact_that_is_unknown_makes_no_difference(sales: Sales, comparables: Comparables) -> None:
    home = sales.facts.take(np.array([500]))
    date = np.array([sales.date.max()])  # type: ignore[union-attr]
    nowhere = home.without({"size": np.array([True]), "rooms": np.array([True])})
    assert np.isfinite(comparables.facts(nowhere, date)).all()
    larger = home.replace({"size": home["size"] + 50})
    assert comparables.facts(larger, date)[0, 0] > comparables.facts(home, date)[0, 0] + 0.3


def test_other_sold_homes_can_be_looked_among(sales: Sales) -> None:
    old, new = sales.take(np.arange(600)), sales.take(np.arange(600, 900))
    few = learn(old)
    asked = new.facts, np.full(len(new), sales.date.max() + 1)  # type: ignore[union-attr]
    more = few.with_sales(old.joined(new))
    miss = [np.std(np.log(new.price) - index.facts(*asked)[:, 0]) for index in (few, more)]
    assert miss[1] < 0.8 * miss[0]  # each new home is now among its own comparables
    assert more.facts(*asked, new.home).shape == (300, len(NAMES))


def test_a_market_without_dates_uses_every_sale_but_the_homes_own(sales: Sales) -> None:
    table = {key: value for key, value in TABLE.items() if key != "sale_date"}
    market = Market.from_dict(table)
    undated = replace(sales, date=None)
    comparables = learn(undated, market)
    said = comparables.facts(undated.facts, None, undated.home)
    assert np.isfinite(said).all()
    changed = Comparables.from_state(
        market, comparables.state() | {"price": np.where(sales.home == sales.home[7], 1.0, sales.price)}
    )
    np.testing.assert_array_equal(changed.facts(undated.facts, None, undated.home)[7], said[7])


def test_a_market_without_places_has_no_comparables(sales: Sales) -> None:
    table = TABLE | {"features": TABLE["features"][2:]}
    assert Comparables.fit(Market.from_dict(table), sales, np.random.default_rng(0)) is None


def test_comparables_come_back_from_their_state(sales: Sales, comparables: Comparables) -> None:
    again = Comparables.from_state(MARKET, pickle.loads(pickle.dumps(comparables.state())))
    asked = sales.facts, sales.date, sales.home
    np.testing.assert_array_equal(again.facts(*asked), comparables.facts(*asked))


def test_the_grid_that_is_told_weighs_as_the_one_that_values(sales: Sales, comparables: Comparables) -> None:
    date = np.array([sales.date.max()])  # type: ignore[union-attr]
    for row in (3, 500):
        home = sales.facts.take(np.array([row]))
        weight = comparables.grid(home, date).weight
        assert weight.sum() == pytest.approx(1)
        assert np.log(1 / np.sum(weight**2)) == pytest.approx(comparables.facts(home, date)[0, 1], abs=1e-5)


def test_a_declared_effect_is_told_for_what_it_is_and_does_not_change_who_is_like(sales: Sales) -> None:
    size = replace(MARKET.features[2], price_effect="increasing")
    market = replace(MARKET, features=(*MARKET.features[:2], size, *MARKET.features[3:]))
    comparables = learn(sales, market)
    home = sales.facts.take(np.array([500]))
    date = np.array([sales.date.max()])  # type: ignore[union-attr]
    one, larger = (comparables.grid(home.replace({"size": home["size"] + more}), date) for more in (0, 20))
    np.testing.assert_array_equal(one.weight, larger.weight)
    risen = larger.differences.adjustment.sum(axis=1) - one.differences.adjustment.sum(axis=1)
    np.testing.assert_allclose(risen, 20 * 0.01, rtol=0.25)
    np.testing.assert_array_equal(
        comparables.facts(home, date), comparables.facts(home.replace({"size": home["size"] + 20}), date)
    )
