import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from estimator.deals.list_prices import MIN_LISTINGS, PRIOR_NOISE, ListPriceModel
from estimator.errors import DataError
from estimator.market.arrays import FloatArray

NOISE, ERROR = 0.06, 0.12


def market(n: int, seed: int, noise: float = NOISE) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return worth, value and list price of n listings; both prices measure the worth, with normal errors."""
    rng = np.random.default_rng(seed)
    worth = np.exp(rng.normal(13, 0.4, n))
    return worth, worth * np.exp(rng.normal(0, ERROR, n)), worth * np.exp(rng.normal(0.03, noise, n))


@pytest.fixture(scope="module")
def fitted() -> ListPriceModel:
    worth, value, list_price = market(20_000, 0)
    return ListPriceModel.fit(value, np.full(20_000, ERROR), list_price, worth)


def test_the_fit_recovers_the_errors_of_list_prices(fitted: ListPriceModel) -> None:
    assert fitted.noise == pytest.approx(NOISE, rel=0.05)
    assert fitted.premium == pytest.approx(0.03, abs=0.002)
    assert fitted.drift == pytest.approx(0.0, abs=0.004)
    assert fitted.listings == 20_000


def test_resale_prices_follow_bayes_rule_for_two_normal_measurements(fitted: ListPriceModel) -> None:
    _, value, list_price = market(200, 1)
    resale = fitted.resale(value, np.full(200, ERROR), list_price)
    weight = ERROR**2 / (ERROR**2 + NOISE**2)
    centre = (1 - weight) * np.log(value) + weight * (np.log(list_price) - 0.03)
    spread = NOISE * np.sqrt(weight)
    np.testing.assert_allclose(np.log(resale.quantile(0.5)), centre, atol=0.005)
    np.testing.assert_allclose(np.log(resale.quantile(0.9)), centre + norm.ppf(0.9) * spread, atol=0.01)
    np.testing.assert_allclose(resale.mean, np.exp(centre + spread**2 / 2), rtol=0.005)
    np.testing.assert_allclose(
        resale.probability_above(list_price), norm.sf((np.log(list_price) - centre) / spread), atol=0.05
    )


def test_the_mean_agrees_with_the_mean_over_the_scores(fitted: ListPriceModel) -> None:
    _, value, list_price = market(5, 2)
    resale = fitted.resale(value, np.linspace(0.02, 0.5, 5), list_price)
    exact = np.exp(resale.centre[:, None] + resale.spread[:, None] * fitted.scores).mean(axis=1)
    np.testing.assert_allclose(resale.mean, exact, rtol=1e-6)


def test_quantiles_agree_with_probabilities(fitted: ListPriceModel) -> None:
    _, value, list_price = market(50, 3)
    resale = fitted.resale(value, np.full(50, ERROR), list_price)
    for share in (0.01, 0.2, 0.5, 0.9):
        np.testing.assert_allclose(resale.probability_above(resale.quantile(share)), 1 - share, atol=1e-9)


def test_no_resale_price_is_impossible(fitted: ListPriceModel) -> None:
    resale = fitted.resale(np.array([1e5, 1e5]), np.full(2, ERROR), np.array([1e5, 1e5]))
    unlikely, likely = resale.probability_above(np.array([1e9, 1.0]))
    assert 0 < unlikely < 0.001
    assert 0.999 < likely < 1


def test_values_with_heavy_tails_get_a_low_huber_threshold() -> None:
    rng = np.random.default_rng(4)
    n = 5_000
    worth = np.exp(rng.normal(13, 0.4, n))
    value = worth * np.exp(0.1 * rng.standard_t(2, n))
    list_price = worth * np.exp(rng.normal(0, 0.06, n))
    model = ListPriceModel.fit(value, np.full(n, 0.15), list_price, worth)
    assert model.huber_threshold < 3
    near, far = model.resale(np.array([1.1e5, 3e5]), np.full(2, 0.15), np.full(2, 1e5)).quantile(0.5)
    assert 1.0 < near / 1e5 < far / 1e5 < 1.15


@given(
    value=st.floats(1e4, 1e7), fsd=st.floats(0.01, 1), list_price=st.floats(1e4, 1e7), factor=st.floats(1.001, 10)
)
def test_a_higher_value_or_list_price_never_lowers_the_resale_price(
    value: float, fsd: float, list_price: float, factor: float
) -> None:
    prior = ListPriceModel.prior([np.linspace(-2, 2, 101)])
    values = np.array([value, value * factor, value])
    list_prices = np.array([list_price, list_price, list_price * factor])
    resale = prior.resale(values, np.full(3, fsd), list_prices).mean
    assert resale[1] >= resale[0] * (1 - 1e-12)
    assert resale[2] >= resale[0] * (1 - 1e-12)


def test_the_prior_uses_the_shape_of_the_residuals_and_not_their_scale() -> None:
    residuals = np.sort(np.random.default_rng(0).standard_t(5, 400))
    one, other = (
        ListPriceModel.prior([residuals]),
        ListPriceModel.prior([100 * residuals[:200], 100 * residuals[200:]]),
    )
    np.testing.assert_allclose(one.scores, other.scores)
    assert np.mean(one.scores**2) == pytest.approx(1)
    assert (one.noise, one.listings) == (PRIOR_NOISE, None)


def test_too_few_listings_are_reported() -> None:
    worth, value, list_price = market(MIN_LISTINGS - 1, 0)
    with pytest.raises(
        DataError, match="99 closed listings are too few to fit list prices; at least 100 are needed"
    ):
        ListPriceModel.fit(value, np.full(len(worth), ERROR), list_price, worth)


def test_the_state_can_be_saved_as_json(fitted: ListPriceModel) -> None:
    again = ListPriceModel.from_state(json.loads(json.dumps(fitted.state())))
    assert again.state() == fitted.state()
    _, value, list_price = market(10, 5)
    fsd = np.full(10, ERROR)
    assert (
        again.resale(value, fsd, list_price).mean.tolist() == fitted.resale(value, fsd, list_price).mean.tolist()
    )


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"noise": 0.0},
        {"noise": float("nan")},
        {"huber_threshold": -1.0},
        {"scores": []},
        {"scores": [1.0, 0.0]},
        {"listings": "many"},
    ],
    ids=str,
)
def test_a_state_that_is_not_a_fitted_model_is_refused(fitted: ListPriceModel, change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"its (format|numbers)"):
        ListPriceModel.from_state(fitted.state() | change)
