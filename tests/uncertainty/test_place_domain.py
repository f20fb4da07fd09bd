import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import KM_PER_DEGREE, kilometres
from estimator.market.sales import Sales, split_rows
from estimator.uncertainty.applicability import ApplicabilityDomain
from estimator.uncertainty.domain_check import MIN_HOMES
from estimator.uncertainty.place_domain import (
    LOCAL_WARNING_FACTOR,
    MAX_SPACING_FACTOR,
    MIN_PLACES,
    MIN_REFUSAL_KM,
    MIN_WARNING_KM,
    N_NEIGHBOURS,
    REFUSAL_FACTOR,
    PlaceDomain,
)

SEATTLE = (47.6, -122.3)
TOWN = Market.from_dict(
    {
        "name": "town",
        "currency": "USD",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "north", "kind": "latitude", "required": True},
            {"name": "east", "kind": "longitude", "required": True},
        ],
    }
)


def located(*places: tuple[float, float]) -> Facts:
    latitude, longitude = np.array(places).T
    return Facts({"north": latitude, "east": longitude})


def at_km(km: FloatArray) -> Facts:
    """Return homes at km north and east of Seattle, shape (n, 2)."""
    shrink = np.cos(np.radians(SEATTLE[0]))
    return Facts(
        {"north": SEATTLE[0] + km[:, 0] / KM_PER_DEGREE, "east": SEATTLE[1] + km[:, 1] / KM_PER_DEGREE / shrink}
    )


def king_county_km(sales: Sales) -> FloatArray:
    """Return where King County's homes are, km north and east of Seattle, shape (n, 2)."""
    degrees = np.column_stack((sales.facts["latitude"], sales.facts["longitude"])) - SEATTLE
    return np.asarray(degrees * KM_PER_DEGREE * (1, np.cos(np.radians(SEATTLE[0]))))


def outcome(domain: ApplicabilityDomain, facts: Facts) -> list[str]:
    """Return for each home 'fine', 'warned' or 'refused'."""
    refusals, warnings = domain.check(facts)
    warned = np.logical_or.reduce(list(warnings.values())) if warnings else np.zeros(len(facts), np.bool_)
    return ["refused" if row in refusals else "warned" if warned[row] else "fine" for row in range(len(facts))]


def share(outcomes: list[str], what: str) -> float:
    return outcomes.count(what) / len(outcomes)


FAR_AWAY = {"New York": (40.71, -74.01), "Santiago": (-33.45, -70.67)}


@pytest.mark.parametrize(
    "misplaced", [[(0.0, 0.0)], [(0.0, 0.0), (0.0, 0.01)], [(0.0, 0.0), (-35.0, -71.0), (42.0, -75.0)]]
)
def test_sales_with_wrong_coordinates_change_nothing_elsewhere(
    sales: Sales, misplaced: list[tuple[float, float]]
) -> None:
    km = king_county_km(sales)[np.random.default_rng(0).permutation(len(sales))]
    sold, others = at_km(km[:2000]), at_km(km[2000:3000])
    domain = ApplicabilityDomain.fit(TOWN, sold)
    with_mistakes = ApplicabilityDomain.fit(TOWN, sold.joined(located(*misplaced)))
    assert outcome(with_mistakes, located(*FAR_AWAY.values())) == ["refused", "refused"]
    before, after = outcome(domain, others), outcome(with_mistakes, others)
    assert sum(a != b for a, b in zip(before, after, strict=True)) <= 2


def test_beside_a_lone_sale_homes_get_a_warning_and_are_not_refused(sales: Sales) -> None:
    sold = at_km(king_county_km(sales)[:2000]).joined(located((0.0, 0.0)))
    domain = ApplicabilityDomain.fit(TOWN, sold)
    assert outcome(domain, located((0.0, 0.0), (0.001, 0.0), (3.0, 3.0))) == ["warned", "warned", "refused"]


def test_across_the_sound_in_the_mountains_and_on_the_water_homes_are_not_valued_as_ordinary_ones(
    market: Market, sales: Sales
) -> None:
    places = {
        "Bainbridge Island": (47.6262, -122.5212),
        "the middle of the Sound": (47.60, -122.45),
        "Elliott Bay": (47.605, -122.375),
        "a wilderness": (47.55, -121.35),
        "a pass in the Cascades": (47.42, -121.41),
    }
    domain = ApplicabilityDomain.fit(market, sales.facts)
    latitude, longitude = np.array(list(places.values())).T
    features = {feature.name: np.full(len(places), feature.fact_kind.unknown) for feature in market.features}
    facts = Facts(features | {"latitude": latitude, "longitude": longitude})
    found = dict(zip(places, outcome(domain, facts), strict=True))
    assert "fine" not in found.values(), found
    refusals, warnings = domain.check(facts)
    assert "The nearest sold home is 3.7 km away, so the range is wider" in warnings
    texts = [*warnings, *(refusal.message for refused in refusals.values() for refusal in refused)]
    assert all("km" in text for text in texts)


@pytest.mark.parametrize("how", ["time", "random"])
def test_ordinary_homes_get_neither_a_refusal_nor_a_warning(sales: Sales, how: str) -> None:
    train, validation, test = split_rows(sales, how, np.random.default_rng(0))  # type: ignore[arg-type]
    km = king_county_km(sales)
    outcomes = outcome(ApplicabilityDomain.fit(TOWN, at_km(km[[*train, *validation]])), at_km(km[test]))
    assert share(outcomes, "refused") < 0.001
    assert share(outcomes, "warned") < 0.01


@pytest.mark.parametrize("n", [50, 100, 300])
def test_small_towns_refuse_hardly_any_home_of_theirs(sales: Sales, n: int) -> None:
    km = king_county_km(sales)
    outcomes = []
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(len(sales))
        domain = ApplicabilityDomain.fit(TOWN, at_km(km[rows[:n]]))
        outcomes += outcome(domain, at_km(km[rows[n : n + 500]]))
        assert outcome(domain, located(*FAR_AWAY.values())) == ["refused", "refused"]
    assert share(outcomes, "refused") < 0.005
    assert share(outcomes, "warned") < 0.1


def far_places(geometry: str, old: FloatArray, n: int, rng: np.random.Generator) -> FloatArray:
    """Return n places 10 to 40 km outside the older ones, km, shape (n, 2)."""
    centre, edge = np.median(old, axis=0), np.quantile(old[:, 1], 0.999)
    like_old = old[rng.integers(len(old), size=n)] - centre
    if geometry == "a new town":
        return np.asarray([centre[0], edge + 25] + 0.3 * like_old)
    if geometry == "three villages":
        villages = np.array([[centre[0], edge + 12], [centre[0] + 40, edge + 25], [centre[0] - 30, edge + 38]])
        return np.asarray(villages[rng.integers(3, size=n)] + 0.1 * like_old)
    if geometry == "along a road":
        return np.column_stack((centre[0] + rng.normal(0, 0.3, n), edge + rng.uniform(10, 40, n)))
    around = rng.uniform(-100, 100, (40 * n, 2))  # scattered
    distance = np.linalg.norm(around[:, None] - old[None, ::20], axis=2).min(axis=1)
    return np.asarray(around[(distance > 10) & (distance < 40)][:n])


@pytest.mark.parametrize("n", [300, 2000, 6000])
@pytest.mark.parametrize("geometry", ["a new town", "three villages", "along a road", "scattered"])
def test_where_every_second_of_the_newest_far_sales_is_known_the_others_are_valued(
    sales: Sales, geometry: str, n: int
) -> None:
    for seed in range(3):
        rng = np.random.default_rng(seed)
        old = king_county_km(sales)[rng.permutation(len(sales))[: 4 * n // 5]]
        far = far_places(geometry, old, n // 5, rng)
        assert len(far) == n // 5
        domain = ApplicabilityDomain.fit(TOWN, at_km(np.vstack((old, far[::2]))))
        assert share(outcome(domain, at_km(far[1::2])), "refused") <= 0.03


def test_beside_the_sales_of_a_sparse_city_no_home_is_refused() -> None:
    """Suburbs of a city, each farther from the next one than the one before, down to a handful of sales each."""
    rng = np.random.default_rng(0)
    suburbs = np.cumsum(1.3 ** np.arange(14))
    km = np.concatenate(
        [np.array([distance, 0]) + rng.normal(0, 0.8, (600 // (i + 1), 2)) for i, distance in enumerate(suburbs)]
    )
    domain = ApplicabilityDomain.fit(TOWN, at_km(km))
    assert "refused" not in outcome(domain, at_km(km + rng.normal(0, 0.5, km.shape)))


def test_homes_are_judged_by_their_distances_from_all_sold_ones(sales: Sales) -> None:
    domain = PlaceDomain.fit(TOWN, at_km(king_county_km(sales)))
    assert domain is not None
    rng = np.random.default_rng(1)
    homes = at_km(king_county_km(sales)[rng.integers(0, len(sales), 300)] + rng.laplace(0, 2.0, (300, 2)))
    check, _ = domain.check(TOWN, homes)
    assert check is not None
    place = kilometres(homes, ("north", "east"), domain.median_latitude)
    km = np.hypot(*(place[:, None] - domain.places).transpose(2, 0, 1))
    near = np.argsort(km, axis=1)[:, :N_NEIGHBOURS]
    km, local = np.take_along_axis(km, near, axis=1), np.median(domain.spacing[near], axis=1)
    spacing = local.clip(domain.market_spacing, MAX_SPACING_FACTOR * domain.market_spacing)
    far_outside = km[:, 0] > np.maximum(REFUSAL_FACTOR * spacing, MIN_REFUSAL_KM)
    usual = np.minimum(domain.market_spacing, LOCAL_WARNING_FACTOR * local)
    outside = far_outside | (km[:, -1] > np.maximum(usual, MIN_WARNING_KM))
    np.testing.assert_array_equal(check.far_outside, far_outside)
    np.testing.assert_array_equal(check.outside, outside)
    assert 0 < far_outside.sum() < outside.sum() < len(homes) / 2


def test_a_refusal_names_distances_that_are_true(sales: Sales) -> None:
    km = king_county_km(sales)[:3000]
    domain = ApplicabilityDomain.fit(TOWN, at_km(km))
    subjects = np.random.default_rng(0).uniform(-150, 150, (500, 2))
    refusals, _ = domain.check(at_km(subjects))
    assert len(refusals) > 100
    for row, (refusal,) in refusals.items():
        nearest = np.linalg.norm(km - subjects[row], axis=1).min()
        words = refusal.message.split()
        named, limit = (float(words[words.index("km", start) - 1]) for start in (0, words.index("within")))
        assert refusal.field == "north"
        assert named == pytest.approx(nearest, rel=0.01)
        assert named > limit


@given(st.integers(0, 10_000))
def test_a_home_where_one_was_sold_is_never_refused(seed: int) -> None:
    rng = np.random.default_rng(seed)
    km = rng.standard_cauchy((int(rng.integers(1, 300)), 2)) * 10
    facts = at_km(km.clip(-3000, 3000))
    assert ApplicabilityDomain.fit(TOWN, facts).check(facts)[0] == {}


def test_flats_in_one_tower_are_one_place_and_the_neighbourhood_is_near_enough() -> None:
    domain = ApplicabilityDomain.fit(TOWN, at_km(np.zeros((MIN_HOMES, 2))))
    km = np.array([[0, 0], [0, 0.4], [0, MIN_REFUSAL_KM - 0.1], [0, MIN_REFUSAL_KM + 0.1]])
    assert outcome(domain, at_km(km)) == ["fine", "fine", "warned", "refused"]


def test_a_mistyped_place_beside_a_single_tower_lets_no_other_city_pass() -> None:
    sold = at_km(np.zeros((300, 2))).joined(located((0.0, 0.0)))
    assert outcome(ApplicabilityDomain.fit(TOWN, sold), located(*FAR_AWAY.values())) == ["refused", "refused"]


def test_equal_places_do_not_hide_how_far_apart_homes_are() -> None:
    rng = np.random.default_rng(0)
    towers, houses = np.repeat(rng.uniform(0, 5, (20, 2)), 100, axis=0), rng.uniform(0, 40, (200, 2))
    domain = ApplicabilityDomain.fit(TOWN, at_km(np.vstack((towers, houses))))
    assert "refused" not in outcome(domain, at_km(rng.uniform(0, 40, (500, 2))))


def test_a_handful_of_places_and_homes_refuses_nothing() -> None:
    domain = ApplicabilityDomain.fit(TOWN, at_km(np.arange(2.0 * (MIN_PLACES - 1)).reshape(-1, 2)))
    assert domain.places is None
    assert outcome(domain, located(*FAR_AWAY.values())) == ["fine", "fine"]


def test_an_unknown_location_is_neither_refused_nor_warned_about(sales: Sales) -> None:
    sold = at_km(king_county_km(sales)[:500])
    domain = ApplicabilityDomain.fit(TOWN, sold.joined(located((np.nan, np.nan))))
    assert outcome(domain, located((np.nan, np.nan), (47.6, np.nan), (40.0, -74.0))) == ["fine", "fine", "refused"]
    assert PlaceDomain.fit(TOWN, located((np.nan, np.nan))) is None


def test_warnings_about_places_have_one_order_whichever_homes_are_checked_together(sales: Sales) -> None:
    domain = ApplicabilityDomain.fit(TOWN, at_km(king_county_km(sales)[:2000]))
    rng = np.random.default_rng(0)
    subjects = at_km(rng.uniform(-80, 80, (400, 2)))
    order = list(domain.check(subjects)[1])
    assert len(order) > 20
    for _ in range(20):
        found = list(domain.check(subjects.take(rng.choice(400, 60)))[1])
        assert found == [text for text in order if text in found]
