import pickle
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.comparable_features import FEATURE_NAMES, N_NEAREST
from estimator.features.comparables import N_COMPARABLES, Comparables
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


def random_sales(n: int = 900, seed: int = 0, noise: float = 0.05) -> Sales:
    """Sales whose log price is a hill over the map plus an effect of size and noise."""
    rng = np.random.default_rng(seed)
    north, east, size = rng.uniform(50, 50.2, n), rng.uniform(7, 7.2, n), rng.normal(100, 20, n)
    hill = np.sin(north * 40) + np.cos(east * 40)
    price = np.exp(12 + hill + 0.01 * size + rng.normal(0, noise, n))
    facts = Facts({"latitude": north, "longitude": east, "size": size, "rooms": rng.integers(1, 6, n) * 1.0})
    date = np.datetime64("2020-01-01") + np.sort(rng.integers(0, 400, n))
    return Sales(facts, price, date, rng.integers(0, n * 2 // 3, n))


def fit_comparables(sales: Sales, market: Market = MARKET) -> Comparables:
    comparables = Comparables.fit(market, sales, np.log(sales.price), np.random.default_rng(0))
    assert comparables is not None
    return comparables


@pytest.fixture(scope="module")
def sales() -> Sales:
    return random_sales()


@pytest.fixture(scope="module")
def comparables(sales: Sales) -> Comparables:
    return fit_comparables(sales)


def test_features_of_a_sale_do_not_use_later_sales_or_sales_of_the_same_home(
    sales: Sales, comparables: Comparables
) -> None:
    assert sales.date is not None
    subject = 450
    hidden = (sales.date >= sales.date[subject]) | (sales.home == sales.home[subject])
    assert hidden.sum() > 400
    changed = comparables.with_sales(sales, np.log(np.where(hidden, sales.price * 100, sales.price)))
    one = np.array([subject])
    home, identifier, day = sales.facts.take(one), sales.home[one], sales.date[one]
    np.testing.assert_array_equal(
        changed.price_features(home, identifier, day), comparables.price_features(home, identifier, day)
    )
    for later in (day + 400, None):
        assert not np.array_equal(
            changed.price_features(home, identifier, later), comparables.price_features(home, identifier, later)
        )


def test_the_grid_recovers_the_effects_of_location_and_size() -> None:
    noise = 0.05
    train, later = random_sales(4000, noise=noise), random_sales(300, seed=1, noise=noise)
    features = fit_comparables(train).price_features(later.facts)
    error = np.log(later.price) - features[:, 0]
    assert np.sqrt(np.mean(error**2)) < 2 * noise
    assert np.log(later.price).std() > 10 * noise
    assert (np.exp(features[:, 1]) <= N_COMPARABLES + 0.01).all()
    assert (np.exp(features[:, 1]) >= 0.99).all()


def test_features_of_a_home_do_not_depend_on_other_homes(sales: Sales, comparables: Comparables) -> None:
    assert sales.date is not None
    together = comparables.price_features(sales.facts, sales.home, sales.date)
    for row in (100, 101, 613):
        alone = comparables.price_features(
            sales.facts.take(np.array([row])), sales.home[row : row + 1], sales.date[row : row + 1]
        )
        np.testing.assert_array_equal(alone[0], together[row])


def test_nearest_sales_are_unadjusted(sales: Sales, comparables: Comparables) -> None:
    home = sales.facts.take(np.array([500])).replace({"latitude": np.array([50.1]), "longitude": np.array([7.1])})
    shrink = np.cos(np.radians(sales.facts["latitude"].mean()))
    km = np.sort(
        np.hypot(sales.facts["latitude"] - 50.1, (sales.facts["longitude"] - 7.1) * shrink)
        * np.pi
        / 180
        * 6371.0088
    )
    nearest = np.argsort(np.hypot(sales.facts["latitude"] - 50.1, (sales.facts["longitude"] - 7.1) * shrink))[
        :N_NEAREST
    ]
    expected = np.average(np.log(sales.price[nearest]), weights=1 / (km[:N_NEAREST] + 0.05))
    features = comparables.price_features(home)[0]
    np.testing.assert_allclose(
        features[3:], [expected, np.log(km[N_NEAREST - 1] + 0.05), np.log(km[N_COMPARABLES - 1] + 0.05)], 1e-3
    )


def test_no_comparables_before_the_first_sale_or_without_a_location(
    sales: Sales, comparables: Comparables
) -> None:
    assert sales.date is not None
    two = sales.facts.take(np.arange(2))
    assert np.isnan(comparables.price_features(two, before=np.repeat(sales.date.min(), 2))).all()
    first_unknown = two.without({"latitude": np.array([True, False])})
    features = comparables.price_features(first_unknown, before=np.repeat(sales.date.max(), 2))
    assert np.isnan(features).any(axis=1).tolist() == [True, False]


def test_unknown_facts_are_ignored(sales: Sales, comparables: Comparables) -> None:
    home = sales.facts.take(np.array([500]))
    without_numbers = home.without({"size": np.array([True]), "rooms": np.array([True])})
    assert np.isfinite(comparables.price_features(without_numbers)).all()
    larger = home.replace({"size": home["size"] + 50})
    assert comparables.price_features(larger)[0, 0] > comparables.price_features(home)[0, 0] + 0.3


def test_prices_are_used_as_adjusted_for_time(sales: Sales, comparables: Comparables) -> None:
    """If all adjusted prices are a tenth higher, so are the price features; recorded prices are only shown."""
    raised = replace(comparables, log_price=comparables.log_price + np.log(1.1))
    homes = sales.facts.take(np.arange(400, 430))
    before, after = comparables.price_features(homes), raised.price_features(homes)
    np.testing.assert_allclose(after[:, [0, 3]] - before[:, [0, 3]], np.log(1.1), atol=1e-4)
    np.testing.assert_allclose(after[:, [1, 2, 4, 5]], before[:, [1, 2, 4, 5]], rtol=1e-3, atol=1e-4)
    grid = raised.grid(homes.take(np.array([3])))
    np.testing.assert_allclose(grid.time_adjustment, np.log(1.1))
    assert np.isin(grid.sold.price, sales.price).all()


def test_with_sales_searches_the_new_sales(sales: Sales) -> None:
    old, new = sales.take(np.arange(600)), sales.take(np.arange(600, 900))
    old_only = fit_comparables(old)
    both = old_only.with_sales(sales, np.log(sales.price))
    error = [np.std(np.log(new.price) - index.price_features(new.facts)[:, 0]) for index in (old_only, both)]
    assert error[1] < 0.8 * error[0]  # each new home is now among its own comparables
    assert both.price_features(new.facts, new.home).shape == (300, len(FEATURE_NAMES))


def test_a_market_without_dates_uses_all_sales_but_those_of_the_same_home(sales: Sales) -> None:
    table = {key: value for key, value in TABLE.items() if key != "sale_date"}
    market = Market.from_dict(table)
    undated = replace(sales, date=None)
    comparables = fit_comparables(undated, market)
    features = comparables.price_features(undated.facts, undated.home)
    assert np.isfinite(features).all()
    changed = comparables.with_sales(undated, np.where(sales.home == sales.home[7], 0.0, np.log(undated.price)))
    np.testing.assert_array_equal(changed.price_features(undated.facts, undated.home)[7], features[7])


def test_a_market_without_coordinates_has_no_comparables(sales: Sales) -> None:
    table = TABLE | {"features": TABLE["features"][2:]}
    assert Comparables.fit(Market.from_dict(table), sales, np.log(sales.price), np.random.default_rng(0)) is None


def test_comparables_are_restored_from_their_state(sales: Sales, comparables: Comparables) -> None:
    restored = Comparables.from_state(MARKET, pickle.loads(pickle.dumps(comparables.state())), sales)
    subjects = sales.facts, sales.home, sales.date
    np.testing.assert_array_equal(restored.price_features(*subjects), comparables.price_features(*subjects))


def test_the_displayed_grid_has_the_weights_of_the_price_features(sales: Sales, comparables: Comparables) -> None:
    for row in (3, 500):
        home = sales.facts.take(np.array([row]))
        weight = comparables.grid(home).weight
        assert weight.sum() == pytest.approx(1)
        assert np.log(1 / np.sum(weight**2)) == pytest.approx(comparables.price_features(home)[0, 1], abs=1e-5)


def test_a_monotone_feature_has_its_price_effect_in_the_displayed_grid_and_none_on_weights(sales: Sales) -> None:
    size = replace(MARKET.features[2], price_effect="increasing")
    market = replace(MARKET, features=(*MARKET.features[:2], size, *MARKET.features[3:]))
    comparables = fit_comparables(sales, market)
    home = sales.facts.take(np.array([500]))
    smaller, larger = (comparables.grid(home.replace({"size": home["size"] + extra})) for extra in (0, 20))
    np.testing.assert_array_equal(smaller.weight, larger.weight)
    increase = larger.differences.adjustment.sum(axis=1) - smaller.differences.adjustment.sum(axis=1)
    np.testing.assert_allclose(increase, 20 * 0.01, rtol=0.25)
    np.testing.assert_array_equal(
        comparables.price_features(home),
        comparables.price_features(home.replace({"size": home["size"] + 20})),
    )
