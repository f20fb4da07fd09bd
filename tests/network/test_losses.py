import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import MSE, RMSE, BinaryCrossEntropy, CovariancePenalty, HuberRMSE, Loss, Pinball
from tests.network.finite_differences import TOLERANCE, central_differences, relative_error

LOSSES = [
    MSE(),
    RMSE(),
    HuberRMSE(0.7),
    BinaryCrossEntropy(),
    CovariancePenalty(RMSE(), 3.0),
    CovariancePenalty(HuberRMSE(0.7), 0.5),
    Pinball((0.1, 0.5, 0.9)),
]


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
@settings(derandomize=True, deadline=None, max_examples=20)
@given(k=st.integers(0, 3), n=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_the_gradient_agrees_with_central_differences(loss: Loss, k: int, n: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    prediction = rng.normal(size=(k, n, 3) if k else (n, 3))
    target = rng.random((n, 3))
    loss.forward(prediction, target)
    found = loss.backward().copy()
    expected = central_differences(lambda: loss.forward(prediction, target), prediction)
    assert relative_error(found, expected) <= TOLERANCE


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
def test_the_loss_of_an_ensemble_is_the_mean_of_its_members_losses(loss: Loss) -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(5, 7, 3)), rng.random((7, 3))
    alone = [loss.forward(member, target) for member in prediction]
    assert loss.forward(prediction, target) == pytest.approx(np.mean(alone), rel=1e-12)


def test_losses_agree_with_values_computed_by_hand() -> None:
    prediction, target = np.array([[1.0], [4.0]]), np.array([[2.0], [2.0]])
    assert MSE().forward(prediction, target) == pytest.approx((1 + 4) / 2)
    assert RMSE().forward(prediction, target) == pytest.approx(math.sqrt(2.5))
    assert HuberRMSE(1.5).forward(prediction, target) == pytest.approx(math.sqrt((1 + 1.5 * (2 * 2 - 1.5)) / 2))
    # Errors −1 and 2 go against the targets 1 and 5, whose mean is 3: Cov = (−1·−2 + 2·2)/2 = 3.
    penalised = CovariancePenalty(RMSE(), 2.0).forward(np.array([[0.0], [7.0]]), np.array([[1.0], [5.0]]))
    assert penalised == pytest.approx(math.sqrt(2.5 + 2 * 3**2))
    assert Pinball((0.9,)).forward(prediction, target) == pytest.approx((0.9 * 1 + 0.1 * 2) / 2)
    logits, labels = np.array([[0.0], [math.log(3)]]), np.array([[1.0], [0.0]])
    assert BinaryCrossEntropy().forward(logits, labels) == pytest.approx((math.log(2) + math.log(4)) / 2)


def test_a_perfect_prediction_has_no_loss_and_no_gradient() -> None:
    y = np.array([[1.0], [2.0]])
    for loss in (MSE(), RMSE(), HuberRMSE(1.0), CovariancePenalty(RMSE(), 1.0)):
        assert loss.forward(y, y) == 0
        np.testing.assert_array_equal(loss.backward(), 0)


def test_huber_rmse_with_an_infinite_limit_is_the_rmse() -> None:
    rng = np.random.default_rng(0)
    prediction, target = rng.normal(size=(5, 7, 3)), rng.random((7, 3))
    huber, rmse = HuberRMSE(math.inf), RMSE()
    assert huber.forward(prediction, target) == pytest.approx(rmse.forward(prediction, target), rel=1e-12)
    np.testing.assert_allclose(huber.backward(), rmse.backward(), rtol=1e-12)


def test_errors_beyond_the_huber_limit_have_equal_gradients() -> None:
    loss = HuberRMSE(1.0)
    loss.forward(np.array([[0.5], [3.0], [-300.0]]), np.zeros((3, 1)))
    slope = loss.backward()[:, 0]
    assert slope[1] == -slope[2] == pytest.approx(2 * slope[0])


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_huber_limit_not_above_zero_is_refused(limit: float) -> None:
    with pytest.raises(ValueError, match=f"must be above 0, not {limit}"):
        HuberRMSE(limit)


def test_a_penalty_on_covariance_spreads_shrunken_predictions_until_they_covary_with_the_target() -> None:
    """The best multiple of a noisy input is shrunken; a heavy penalty takes the covariance from its errors."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=(4000, 1))
    noisy = target + rng.normal(size=target.shape)
    factors = np.linspace(0.3, 1.3, 101)

    def best(weight: float) -> float:
        loss = CovariancePenalty(RMSE(), weight)
        return float(factors[np.argmin([loss.forward(factor * noisy, target) for factor in factors])])

    assert best(0.0) == pytest.approx(0.5, abs=0.03)  # Var(target)/Var(noisy)
    assert best(0.0) < best(1.0) < best(1000.0) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize("weight", [-1.0, math.nan, math.inf])
def test_a_weight_below_zero_or_without_bound_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match=f"must be 0 or more, and finite, not {weight}"):
        CovariancePenalty(RMSE(), weight)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_cross_entropy_of_huge_logits_is_finite(dtype: type[np.floating]) -> None:
    logits = np.array([[-1e4], [1e4], [-1e4], [1e4]], dtype)
    loss = BinaryCrossEntropy()
    assert loss.forward(logits, np.array([[0], [1], [1], [0]], dtype)) == pytest.approx(5000)
    np.testing.assert_allclose(loss.backward()[:, 0], [0, 0, -0.25, 0.25], atol=1e-30)


def test_the_pinball_loss_is_minimal_at_the_quantile() -> None:
    target = np.random.default_rng(0).exponential(size=(4001, 1))
    loss = Pinball((0.8,))
    guesses = np.quantile(target, [0.7, 0.75, 0.8, 0.85, 0.9])
    losses = [loss.forward(np.full_like(target, guess), target) for guess in guesses]
    assert int(np.argmin(losses)) == 2


def test_one_target_column_is_used_for_all_quantiles() -> None:
    prediction, target = np.array([[1.0, 3.0]]), np.array([[2.0]])
    found = Pinball((0.1, 0.9)).forward(prediction, target)
    assert found == pytest.approx((0.1 * 1 + 0.1 * 1) / 2)


@pytest.mark.parametrize("loss", LOSSES[:-1], ids=lambda loss: type(loss).__name__)
def test_targets_of_a_different_shape_are_refused(loss: Loss) -> None:
    with pytest.raises(ValueError, match=r"\(4, 1\).*\(4,\)"):
        loss.forward(np.zeros((4, 1)), np.zeros(4))


@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (4, 3)])
def test_pinball_targets_of_a_different_shape_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not match targets of shape"):
        Pinball((0.1, 0.9)).forward(np.zeros((4, 2)), np.zeros(shape))


@pytest.mark.parametrize("quantiles", [(), (0.0,), (0.5, 1.0)])
def test_quantiles_outside_zero_to_one_are_refused(quantiles: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="quantiles"):
        Pinball(quantiles)


def test_a_number_of_outputs_that_differs_from_the_quantiles_is_refused() -> None:
    with pytest.raises(ValueError, match="2 quantiles"):
        Pinball((0.1, 0.9)).forward(np.zeros((3, 1)), np.zeros((3, 1)))
