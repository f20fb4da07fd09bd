import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from estimator.deals.list_prices import ENOUGH_LISTINGS, PRIOR_NOISE, ListPriceModel
from estimator.errors import DataError
from estimator.market.arrays import FloatArray

NOISE, ERROR = 0.06, 0.12


def market(n: int, seed: int, noise: float = NOISE) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return worth, value and ask of n listings; both measure the worth, with normal errors."""
    rng = np.random.default_rng(seed)
    worth = np.exp(rng.normal(13, 0.4, n))
    return worth, worth * np.exp(rng.normal(0, ERROR, n)), worth * np.exp(rng.normal(0.03, noise, n))


@pytest.fixture(scope="module")
def fitted() -> ListPriceModel:
    worth, value, ask = market(20_000, 0)
    return ListPriceModel.fit(value, np.full(20_000, ERROR), ask, worth)


def test_the_fit_finds_how_far_asks_are_off(fitted: ListPriceModel) -> None:
    assert fitted.noise == pytest.approx(NOISE, rel=0.05)
    assert fitted.premium == pytest.approx(0.03, abs=0.002)
    assert fitted.drift == pytest.approx(0.0, abs=0.004)
    assert fitted.listings == 20_000


def test_resales_are_those_of_bayes_rule_for_two_normal_measurements(fitted: ListPriceModel) -> None:
    _, value, ask = market(200, 1)
    found = fitted.resale(value, np.full(200, ERROR), ask)
    weight = ERROR**2 / (ERROR**2 + NOISE**2)
    centre = (1 - weight) * np.log(value) + weight * (np.log(ask) - 0.03)
    spread = NOISE * np.sqrt(weight)
    np.testing.assert_allclose(np.log(found.quantile(0.5)), centre, atol=0.005)
    np.testing.assert_allclose(np.log(found.quantile(0.9)), centre + norm.ppf(0.9) * spread, atol=0.01)
    np.testing.assert_allclose(found.mean, np.exp(centre + spread**2 / 2), rtol=0.005)
    np.testing.assert_allclose(found.above(ask), norm.sf((np.log(ask) - centre) / spread), atol=0.05)


def test_the_mean_is_that_of_the_scores(fitted: ListPriceModel) -> None:
    _, value, ask = market(5, 2)
    found = fitted.resale(value, np.linspace(0.02, 0.5, 5), ask)
    exact = np.exp(found.centre[:, None] + found.spread[:, None] * fitted.scores).mean(axis=1)
    np.testing.assert_allclose(found.mean, exact, rtol=1e-6)


def test_a_quantile_is_the_price_that_its_share_lies_below(fitted: ListPriceModel) -> None:
    _, value, ask = market(50, 3)
    found = fitted.resale(value, np.full(50, ERROR), ask)
    for share in (0.01, 0.2, 0.5, 0.9):
        np.testing.assert_allclose(found.above(found.quantile(share)), 1 - share, atol=1e-9)


def test_no_resale_is_certain(fitted: ListPriceModel) -> None:
    found = fitted.resale(np.array([1e5, 1e5]), np.full(2, ERROR), np.array([1e5, 1e5]))
    never, ever = found.above(np.array([1e9, 1.0]))
    assert 0 < never < 0.001
    assert 0.999 < ever < 1


def test_the_pull_of_values_with_fat_tails_fades() -> None:
    rng = np.random.default_rng(4)
    n = 5_000
    worth = np.exp(rng.normal(13, 0.4, n))
    value = worth * np.exp(0.1 * rng.standard_t(2, n))
    ask = worth * np.exp(rng.normal(0, 0.06, n))
    found = ListPriceModel.fit(value, np.full(n, 0.15), ask, worth)
    assert found.fade < 3
    near, far = found.resale(np.array([1.1e5, 3e5]), np.full(2, 0.15), np.full(2, 1e5)).quantile(0.5)
    assert 1.0 < near / 1e5 < far / 1e5 < 1.15


@given(value=st.floats(1e4, 1e7), fsd=st.floats(0.01, 1), ask=st.floats(1e4, 1e7), more=st.floats(1.001, 10))
def test_a_home_of_higher_value_or_ask_never_resells_for_less(
    value: float, fsd: float, ask: float, more: float
) -> None:
    prior = ListPriceModel.prior([np.linspace(-2, 2, 101)])
    values, asks = np.array([value, value * more, value]), np.array([ask, ask, ask * more])
    found = prior.resale(values, np.full(3, fsd), asks).mean
    assert found[1] >= found[0] * (1 - 1e-12)
    assert found[2] >= found[0] * (1 - 1e-12)


def test_the_prior_takes_the_shape_of_the_misses_and_not_their_size() -> None:
    misses = np.sort(np.random.default_rng(0).standard_t(5, 400))
    one, other = ListPriceModel.prior([misses]), ListPriceModel.prior([100 * misses[:200], 100 * misses[200:]])
    np.testing.assert_allclose(one.scores, other.scores)
    assert np.mean(one.scores**2) == pytest.approx(1)
    assert (one.noise, one.listings) == (PRIOR_NOISE, None)


def test_too_few_listings_are_told() -> None:
    worth, value, ask = market(ENOUGH_LISTINGS - 1, 0)
    with pytest.raises(DataError, match="99 closed listings are too few to tell what asks say; it takes 100"):
        ListPriceModel.fit(value, np.full(len(worth), ERROR), ask, worth)


def test_the_state_goes_through_json(fitted: ListPriceModel) -> None:
    again = ListPriceModel.from_state(json.loads(json.dumps(fitted.state())))
    assert again.state() == fitted.state()
    _, value, ask = market(10, 5)
    fsd = np.full(10, ERROR)
    assert again.resale(value, fsd, ask).mean.tolist() == fitted.resale(value, fsd, ask).mean.tolist()


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"noise": 0.0},
        {"noise": float("nan")},
        {"fade": -1.0},
        {"scores": []},
        {"scores": [1.0, 0.0]},
        {"listings": "many"},
    ],
    ids=str,
)
def test_a_state_that_is_no_fit_is_refused(fitted: ListPriceModel, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"its (format|numbers)"):
        ListPriceModel.from_state(fitted.state() | change)
