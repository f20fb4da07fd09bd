import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.uncertainty.error_scale import DOWNWARD, FSD, SKEW, UPWARD, ErrorScale

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
            {"name": "never_recorded", "kind": "number"},
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
            "never_recorded": np.full(n, np.nan),
        }
    )


def true_scales(facts: Facts, error_features: FloatArray) -> FloatArray:
    """Old homes have large downward errors, large homes upward ones; the second feature affects both."""
    down = 0.08 * np.exp(0.01 * (facts["age"] - 50) + 0.4 * error_features[:, 1])
    up = 0.05 * np.exp(0.004 * (facts["size"] - 150) + 0.4 * error_features[:, 1])
    return np.column_stack((down, up))


def draw(n: int, seed: int) -> tuple[Facts, FloatArray, FloatArray]:
    """Homes, their error features, and their residuals, log price."""
    rng = np.random.default_rng(seed)
    facts, error_features = homes(n, rng), np.column_stack((rng.normal(13, 0.5, n), rng.normal(size=n)))
    down, up = true_scales(facts, error_features).T
    low = rng.random(n) < 0.5
    size = rng.exponential(size=n)
    return facts, error_features, np.where(low, -down * size, up * size)


def without(facts: Facts, *names: str) -> Facts:
    return facts.without(dict.fromkeys(names, np.ones(len(facts), np.bool_)))


@pytest.fixture(scope="module")
def error_scale() -> ErrorScale:
    return ErrorScale.fit(MARKET, *draw(N, 0))


def test_each_direction_has_its_own_scale(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(2_000, 1)
    error_features[:, 0] = 13.0
    found, true = np.log(error_scale.scales(facts, error_features)), np.log(true_scales(facts, error_features))
    old, large = facts["age"] > 50, facts["size"] > 150
    # Below the cut-off, for nearly half of the homes, the term is fitted; above it is constant.
    assert np.corrcoef(found[~old, DOWNWARD], true[~old, 0])[0, 1] > 0.9
    assert np.corrcoef(found[:, UPWARD], true[:, 1])[0, 1] > 0.9
    assert abs(found[large, DOWNWARD].mean() - found[~large, DOWNWARD].mean()) < 0.1
    assert found[large, UPWARD].mean() - found[~large, UPWARD].mean() == pytest.approx(0.4, abs=0.1)


@given(st.integers(0, 500), st.sets(st.sampled_from(OPTIONAL)), st.sets(st.sampled_from(OPTIONAL)))
def test_withholding_facts_never_reduces_the_scale(
    error_scale: ErrorScale, row: int, hidden: set[str], also_hidden: set[str]
) -> None:
    facts, error_features, _ = draw(501, 2)
    home, home_features = facts.take(np.array([row])), error_features[[row]]
    fewer_facts = error_scale.scales(without(home, *(hidden | also_hidden)), home_features)
    more_facts = error_scale.scales(without(home, *hidden), home_features)
    assert (fewer_facts >= more_facts).all()


def test_a_known_age_reduces_the_scale_of_a_new_home_but_not_of_an_old_one(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(500, 3)
    known, unknown = (
        error_scale.scales(facts, error_features),
        error_scale.scales(without(facts, "age"), error_features),
    )
    new, old = facts["age"] < 20, facts["age"] > 60
    # A small part of the difference is the widening for expensive homes with missing facts.
    assert (known[new, DOWNWARD] < 0.85 * unknown[new, DOWNWARD]).all()
    np.testing.assert_allclose(known[old, DOWNWARD], unknown[old, DOWNWARD], rtol=0.15)


def test_ranges_are_skewed_upwards_for_expensive_and_downwards_for_cheap_homes(error_scale: ErrorScale) -> None:
    """These residuals do not depend on the first error feature, so only the configured skew remains."""
    facts, error_features, _ = draw(100, 4)
    cheap, expensive = error_features.copy(), error_features.copy()
    cheap[:, 0], expensive[:, 0] = 12.5, 13.5
    ratio = np.log(error_scale.scales(facts, expensive) / error_scale.scales(facts, cheap)).mean(axis=0)
    assert ratio[[DOWNWARD, UPWARD]] == pytest.approx([-2 * SKEW, 2 * SKEW], abs=0.08)
    assert ratio[UPWARD] > 0 > max(ratio[DOWNWARD], ratio[FSD])


def test_missing_facts_widen_the_range_more_for_expensive_homes(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(100, 5)
    few_facts = without(facts, *OPTIONAL)
    cheap, expensive = error_features.copy(), error_features.copy()
    cheap[:, 0], expensive[:, 0] = 12.0, 14.0
    gain = [
        error_scale.scales(few_facts, features) / error_scale.scales(facts, features)
        for features in (cheap, expensive)
    ]
    assert (gain[1] > gain[0]).all()


def test_the_tail_ratio_is_that_of_the_residuals(error_scale: ErrorScale) -> None:
    facts, error_features, residual = draw(N, 0)
    relative = np.expm1(-residual) / error_scale.scales(facts, error_features)[:, FSD]
    assert error_scale.tail == pytest.approx(np.sqrt(np.mean(relative**2)) / np.mean(np.abs(relative)))
    constant_size = ErrorScale.fit(MARKET, facts, error_features, 0.01 * np.sign(residual))
    assert constant_size.tail == pytest.approx(1, abs=0.02)


def test_homes_do_not_depend_on_each_other(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(5_000, 6)
    facts = facts.without({name: np.arange(5_000) % 3 == part for part, name in enumerate(OPTIONAL)})
    together = error_scale.scales(facts, error_features)
    for row in range(0, 5_000, 97):
        alone = error_scale.scales(facts.take(np.array([row])), error_features[[row]])
        np.testing.assert_array_equal(alone[0], together[row])


def test_rows_without_a_residual_are_left_out() -> None:
    facts, error_features, residual = draw(N, 7)
    rows = np.arange(N) % 2 == 0
    taken = ErrorScale.fit(MARKET, facts.take(rows), error_features[rows], residual[rows])
    with_nan = ErrorScale.fit(MARKET, facts, error_features, np.where(rows, residual, np.nan))
    np.testing.assert_array_equal(with_nan.scales(facts, error_features), taken.scales(facts, error_features))


@pytest.mark.parametrize("n", [0, 1, 3])
def test_with_very_few_residuals_all_homes_have_similar_scales(n: int) -> None:
    facts, error_features, residual = draw(n, 8)
    scales = ErrorScale.fit(MARKET, facts, error_features, residual).scales(*draw(50, 9)[:2])
    assert np.isfinite(scales).all()
    assert scales.max() / scales.min() < 3


def test_residuals_of_0_can_be_fitted() -> None:
    facts, error_features, residual = draw(50, 10)
    fitted = ErrorScale.fit(MARKET, facts, error_features, 0 * residual)
    assert np.isfinite(fitted.scales(facts, error_features)).all()
    assert np.isfinite(fitted.tail)


def test_a_market_without_locations_has_no_error_features() -> None:
    facts, _, residual = draw(N, 11)
    no_features = np.empty((N, 0))
    scales = ErrorScale.fit(MARKET, facts, no_features, residual).scales(facts, no_features)
    new, old = facts["age"] < 20, facts["age"] > 60
    assert scales[new, DOWNWARD].mean() < 0.8 * scales[old, DOWNWARD].mean()


def test_an_unknown_error_feature_counts_as_the_mean(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(10, 12)
    mean = np.broadcast_to(error_scale.centre, error_features.shape)
    unknown = error_scale.scales(facts, np.full(error_features.shape, np.nan))
    np.testing.assert_array_equal(unknown, error_scale.scales(facts, mean))


def test_it_is_restored_from_its_state(error_scale: ErrorScale) -> None:
    facts, error_features, _ = draw(50, 13)
    again = ErrorScale.from_state(pickle.loads(pickle.dumps(error_scale.state())))
    np.testing.assert_array_equal(again.scales(facts, error_features), error_scale.scales(facts, error_features))
    assert again.tail == error_scale.tail
