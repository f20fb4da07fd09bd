import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.uncertainty.error_scale import DEVIATION, DOWN, LEAN, UP, ErrorScale

MARKET = Market.from_dict(
    {
        "name": "town",
        "currency": "EUR",
        "sales": "sales.csv",
        "price": "price",
        "features": [
            {"name": "north", "kind": "latitude", "required": True},
            {"name": "east", "kind": "longitude", "required": True},
            {"name": "size", "kind": "number", "required": True},
            {"name": "age", "kind": "number"},
            {"name": "rooms", "kind": "integer"},
            {"name": "quarter", "kind": "category"},
            {"name": "never_told", "kind": "number"},
        ],
    }
)
N = 6_000
OPTIONAL = ("age", "rooms", "quarter")


def homes(n: int, rng: np.random.Generator) -> Facts:
    return Facts(
        {
            "north": rng.uniform(59, 60, n),
            "east": rng.uniform(17, 18, n),
            "size": rng.uniform(50, 250, n),
            "age": rng.uniform(0, 100, n),
            "rooms": rng.integers(1, 9, n).astype(float),
            "quarter": rng.choice(["a", "b"], n),
            "never_told": np.full(n, np.nan),
        }
    )


def true_scales(facts: Facts, error_features: FloatArray) -> FloatArray:
    """Old homes are missed downwards, large ones upwards; the second clue tells of both."""
    down = 0.08 * np.exp(0.01 * (facts["age"] - 50) + 0.4 * error_features[:, 1])
    up = 0.05 * np.exp(0.004 * (facts["size"] - 150) + 0.4 * error_features[:, 1])
    return np.column_stack((down, up))


def draw(n: int, seed: int) -> tuple[Facts, FloatArray, FloatArray]:
    """Homes, their clues, and their misses, log price."""
    rng = np.random.default_rng(seed)
    facts, error_features = homes(n, rng), np.column_stack((rng.normal(13, 0.5, n), rng.normal(size=n)))
    down, up = true_scales(facts, error_features).T
    low = rng.random(n) < 0.5
    size = rng.exponential(size=n)
    return facts, error_features, np.where(low, -down * size, up * size)


def without(facts: Facts, *names: str) -> Facts:
    return facts.without(dict.fromkeys(names, np.ones(len(facts), np.bool_)))


@pytest.fixture(scope="module")
def certainty() -> ErrorScale:
    return ErrorScale.fit(MARKET, *draw(N, 0))


def test_each_direction_has_a_scale_of_its_own(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(2_000, 1)
    error_features[:, 0] = 13.0
    found, true = np.log(certainty.scales(facts, error_features)), np.log(true_scales(facts, error_features))
    old, large = facts["age"] > 50, facts["size"] > 150
    # What is surer than nearly half of the homes is told in full, and what is less sure not at all.
    assert np.corrcoef(found[~old, DOWN], true[~old, 0])[0, 1] > 0.9
    assert np.corrcoef(found[:, UP], true[:, 1])[0, 1] > 0.9
    assert abs(found[large, DOWN].mean() - found[~large, DOWN].mean()) < 0.1
    assert found[large, UP].mean() - found[~large, UP].mean() == pytest.approx(0.4, abs=0.1)


@given(st.integers(0, 500), st.sets(st.sampled_from(OPTIONAL)), st.sets(st.sampled_from(OPTIONAL)))
def test_telling_less_never_makes_a_home_look_surer(
    certainty: ErrorScale, row: int, some: set[str], more: set[str]
) -> None:
    facts, error_features, _ = draw(501, 2)
    home, its = facts.take(np.array([row])), error_features[[row]]
    less = certainty.scales(without(home, *(some | more)), its)
    greater = certainty.scales(without(home, *some), its)
    assert (less >= greater).all()


def test_a_new_home_is_surer_for_telling_its_age_and_an_old_one_is_not(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(500, 3)
    told, untold = certainty.scales(facts, error_features), certainty.scales(without(facts, "age"), error_features)
    new, old = facts["age"] < 20, facts["age"] > 60
    # Some of it is that a dear home may be dearer still while its age is untold.
    assert (told[new, DOWN] < 0.85 * untold[new, DOWN]).all()
    np.testing.assert_allclose(told[old, DOWN], untold[old, DOWN], rtol=0.15)


def test_what_seems_dear_leans_upwards_and_what_seems_cheap_downwards(certainty: ErrorScale) -> None:
    """These misses have nothing to do with the first clue: what is left is the lean that was chosen."""
    facts, error_features, _ = draw(100, 4)
    cheap, dear = error_features.copy(), error_features.copy()
    cheap[:, 0], dear[:, 0] = 12.5, 13.5
    ratio = np.log(certainty.scales(facts, dear) / certainty.scales(facts, cheap)).mean(axis=0)
    assert ratio[[DOWN, UP]] == pytest.approx([-2 * LEAN, 2 * LEAN], abs=0.08)
    assert ratio[UP] > 0 > max(ratio[DOWN], ratio[DEVIATION])


def test_a_mansion_may_hide_among_homes_of_which_little_is_told(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(100, 5)
    little = without(facts, *OPTIONAL)
    cheap, dear = error_features.copy(), error_features.copy()
    cheap[:, 0], dear[:, 0] = 12.0, 14.0
    gain = [certainty.scales(little, each) / certainty.scales(facts, each) for each in (cheap, dear)]
    assert (gain[1] > gain[0]).all()


def test_the_tail_is_that_of_the_misses(certainty: ErrorScale) -> None:
    facts, error_features, residual = draw(N, 0)
    relative = np.expm1(-residual) / certainty.scales(facts, error_features)[:, DEVIATION]
    assert certainty.tail == pytest.approx(np.sqrt(np.mean(relative**2)) / np.mean(np.abs(relative)))
    even = ErrorScale.fit(MARKET, facts, error_features, 0.01 * np.sign(residual))
    assert even.tail == pytest.approx(1, abs=0.02)


def test_homes_do_not_depend_on_each_other(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(5_000, 6)
    facts = facts.without({name: np.arange(5_000) % 3 == part for part, name in enumerate(OPTIONAL)})
    together = certainty.scales(facts, error_features)
    for row in range(0, 5_000, 97):
        alone = certainty.scales(facts.take(np.array([row])), error_features[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_misses_that_are_not_known_are_left_out() -> None:
    facts, error_features, residual = draw(N, 7)
    some = np.arange(N) % 2 == 0
    half = ErrorScale.fit(MARKET, facts.take(some), error_features[some], residual[some])
    marked = ErrorScale.fit(MARKET, facts, error_features, np.where(some, residual, np.nan))
    np.testing.assert_array_equal(marked.scales(facts, error_features), half.scales(facts, error_features))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_hardly_any_misses_make_every_home_nearly_alike(n: int) -> None:
    facts, error_features, residual = draw(n, 8)
    scales = ErrorScale.fit(MARKET, facts, error_features, residual).scales(*draw(50, 9)[:2])
    assert np.isfinite(scales).all()
    assert scales.max() / scales.min() < 3


def test_sales_without_any_miss_can_be_learned_from() -> None:
    facts, error_features, residual = draw(50, 10)
    learned = ErrorScale.fit(MARKET, facts, error_features, 0 * residual)
    assert np.isfinite(learned.scales(facts, error_features)).all()
    assert np.isfinite(learned.tail)


def test_a_market_without_places_has_no_clues() -> None:
    facts, _, residual = draw(N, 11)
    none = np.empty((N, 0))
    scales = ErrorScale.fit(MARKET, facts, none, residual).scales(facts, none)
    new, old = facts["age"] < 20, facts["age"] > 60
    assert scales[new, DOWN].mean() < 0.8 * scales[old, DOWN].mean()


def test_a_clue_that_is_not_known_is_the_mean(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(10, 12)
    usual = np.broadcast_to(certainty.centre, error_features.shape)
    unknown = certainty.scales(facts, np.full(error_features.shape, np.nan))
    np.testing.assert_array_equal(unknown, certainty.scales(facts, usual))


def test_it_comes_back_from_its_state(certainty: ErrorScale) -> None:
    facts, error_features, _ = draw(50, 13)
    again = ErrorScale.from_state(pickle.loads(pickle.dumps(certainty.state())))
    np.testing.assert_array_equal(again.scales(facts, error_features), certainty.scales(facts, error_features))
    assert again.tail == certainty.tail
