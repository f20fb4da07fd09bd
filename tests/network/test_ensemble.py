import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import (
    MSE,
    RMSE,
    Dense,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    Network,
    ReLU,
    Tanh,
    batch_ensemble_dense,
    random_signs,
)
from tests.network.finite_differences import assert_gradients_are_right


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    k=st.integers(1, 4),
    n=st.integers(1, 5),
    d=st.integers(1, 4),
    out=st.integers(1, 3),
    seed=st.integers(0, 10**6),
)
def test_the_gradient_agrees_with_central_differences(k: int, n: int, d: int, out: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, out))
    mini: list[Layer] = [MemberScale(k, d), Dense(d, 3), MemberBias(k, 3), Tanh(), MemberDense(k, 3, out)]
    full: list[Layer] = [
        batch_ensemble_dense(k, d, 3, scale_in=random_signs),
        Tanh(),
        batch_ensemble_dense(k, 3, 2),
        Tanh(),
        MemberDense(k, 2, out),
    ]
    assert_gradients_are_right(mini, MSE(), x, y, seed)
    assert_gradients_are_right(full, RMSE(), x, y, seed)


def test_a_batch_ensemble_equals_separate_networks_with_explicit_weights() -> None:
    """Explicit weights W ⊙ rₖsₖᵀ and biases bₖ give the same predictions for each member."""
    rng = np.random.default_rng(0)
    network = Network([batch_ensemble_dense(3, 4, 5)], rng=rng, dtype=np.float64)
    network.parameters.vector[:] = rng.normal(size=network.parameters.vector.size)
    r, w, s, b = (network.parameters[f"0.{name}"] for name in ("0.scale", "1.weight", "2.scale", "3.bias"))
    x = rng.normal(size=(6, 4))
    for k, prediction in enumerate(network.predict_members(x)):
        np.testing.assert_allclose(prediction, x @ (w * np.outer(r[k], s[k])) + b[k])


def test_the_prediction_is_the_mean_of_the_members() -> None:
    rng = np.random.default_rng(0)
    layers: list[Layer] = [MemberScale(8, 3), Dense(3, 6), ReLU(), MemberDense(8, 6, 2)]
    network = Network(layers, rng=rng)
    x = rng.normal(size=(2500, 3))
    members = network.predict_members(x)
    assert members.shape == (8, 2500, 2)
    np.testing.assert_allclose(network.predict(x), members.mean(axis=0), rtol=1e-6)


def test_an_activation_after_shared_layers_works_in_place() -> None:
    layers: list[Layer] = [batch_ensemble_dense(2, 3, 4), ReLU(), MemberDense(2, 4, 1)]
    assert Network(layers, rng=np.random.default_rng(0)).layers[1].in_place


def test_members_differ_with_random_signs_and_not_with_ones() -> None:
    x = np.random.default_rng(1).normal(size=(4, 3))
    same = Network([batch_ensemble_dense(2, 3, 3)], rng=np.random.default_rng(0)).predict_members(x)
    apart = Network([batch_ensemble_dense(2, 3, 3, scale_in=random_signs)], rng=np.random.default_rng(0))
    np.testing.assert_array_equal(same[0], same[1])
    assert not np.allclose(*apart.predict_members(x))


@pytest.mark.parametrize("layer", [MemberBias(3, 2), MemberDense(3, 2, 1)])
@pytest.mark.parametrize("shape", [(5, 2), (4, 5, 2), (3, 5, 1)])
def test_an_array_without_the_members_axis_is_refused(layer: Layer, shape: tuple[int, ...]) -> None:
    Network([layer], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"\(3, n, 2\)"):
        layer.forward(np.zeros(shape, np.float32))
