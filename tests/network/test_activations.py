import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import (
    MSE,
    Activation,
    Dense,
    Identity,
    LeakyReLU,
    Mish,
    Network,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)
from tests.network.finite_differences import assert_gradients_are_right

ALL = [Identity, Sigmoid, Tanh, ReLU, LeakyReLU, SiLU, Mish]
BY_DEFINITION: dict[type[Activation], Callable[[float], float]] = {
    Identity: lambda x: x,
    Sigmoid: lambda x: 1 / (1 + math.exp(-x)),
    Tanh: math.tanh,
    ReLU: lambda x: max(x, 0.0),
    LeakyReLU: lambda x: x if x > 0 else 0.01 * x,
    SiLU: lambda x: x / (1 + math.exp(-x)),
    Mish: lambda x: x * math.tanh(math.log(1 + math.exp(x))),
}


@pytest.mark.parametrize("kind", ALL)
def test_the_value_agrees_with_the_definition(kind: type[Activation]) -> None:
    x = np.linspace(-6, 6, 25)
    out = np.empty_like(x)
    kind().value(x, out=out)
    np.testing.assert_allclose(out, [BY_DEFINITION[kind](number) for number in x], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", ALL)
@settings(derandomize=True, deadline=None, max_examples=15)
@given(n=st.integers(1, 6), d=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_the_gradient_agrees_with_central_differences(kind: type[Activation], n: int, d: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(0, 2, (n, 3)), rng.normal(size=(n, d))
    assert_gradients_are_right([kind()], MSE(), x, rng.normal(size=(n, 3)), seed)
    assert_gradients_are_right([Dense(3, d), kind()], MSE(), x, y, seed)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ALL)
def test_huge_inputs_are_safe(kind: type[Activation], dtype: type[np.floating]) -> None:
    x = np.array([[-1e4, -100, -1, 0, 1, 100, 1e4]], dtype)
    network = Network([kind()], rng=np.random.default_rng(0), dtype=dtype)
    y = network.forward(x).copy()
    derivatives = network.backward(np.ones_like(x))
    assert np.isfinite(y).all()
    assert np.isfinite(derivatives).all()
    if kind in (ReLU, SiLU, Mish):
        np.testing.assert_allclose(y[0, [0, -1]], [0, 1e4], atol=1e-30)
        np.testing.assert_allclose(derivatives[0, [0, -1]], [0, 1], atol=1e-30)


def test_mish_is_accurate_for_small_values() -> None:
    x = np.array([-15.0], np.float32)
    out = np.empty_like(x)
    Mish().value(x, out=out)
    assert out[0] == pytest.approx(-15 * math.tanh(math.log1p(math.exp(-15))), rel=1e-5)


def test_an_activation_after_a_dense_layer_works_in_place() -> None:
    network = Network([Dense(2, 3), ReLU(), Dense(3, 3), SiLU()], rng=np.random.default_rng(0))
    dense, relu, _, silu = network.layers
    assert relu.in_place
    assert not silu.in_place  # its slope needs x
    x = np.ones((4, 2), np.float32)
    sums = dense.forward(x)
    assert relu.forward(sums) is sums


def test_in_place_is_reset_when_a_layer_moves_to_another_network() -> None:
    rng = np.random.default_rng(0)
    relu = ReLU()
    Network([Dense(2, 2), relu], rng=rng)
    Network([relu, Dense(2, 1)], rng=rng)
    assert not relu.in_place


def test_an_activation_does_not_overwrite_the_callers_array() -> None:
    x = -np.ones((2, 2), np.float32)
    Network([ReLU(), Dense(2, 1)], rng=np.random.default_rng(0)).forward(x)
    np.testing.assert_array_equal(x, -1)


@pytest.mark.parametrize("leak", [0.0, 1.0, -0.1])
def test_a_leak_outside_its_bounds_is_refused(leak: float) -> None:
    with pytest.raises(ValueError, match="leak"):
        LeakyReLU(leak)
