from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import MSE, Dense, Layer, MemberDense, MemberScale, MonotoneSum, Network, Sequential, Tanh
from tests.network.finite_differences import assert_gradients_are_right

CONTEXT, N_MONOTONE = 4, 3
SMALLEST_STEP = np.nextafter(np.float32(0.5), np.float32(1))


def single() -> Layer:
    return MonotoneSum(CONTEXT, Sequential([Dense(CONTEXT, 6), Tanh(), Dense(6, 1 + N_MONOTONE)]))


def ensemble() -> Layer:
    return MonotoneSum(CONTEXT, Sequential([MemberScale(2, CONTEXT), MemberDense(2, CONTEXT, 1 + N_MONOTONE)]))


def examples(seed: int, n: int = 5) -> Any:
    return np.random.default_rng(seed).normal(size=(n, CONTEXT + N_MONOTONE))


@pytest.mark.parametrize("make", [single, ensemble])
def test_the_gradient_agrees_with_central_differences(make: Any) -> None:
    y = np.random.default_rng(3).normal(size=(5, 1))
    assert_gradients_are_right([make()], MSE(), examples(0), y, seed=1)


def test_the_output_is_the_sum_of_the_terms() -> None:
    layer = single()
    network = Network([layer], rng=np.random.default_rng(0), dtype=np.float64)
    x = examples(1)
    t = layer.terms.forward(x[:, :CONTEXT].copy())  # type: ignore[attr-defined]
    expected = t[:, 0] + np.sum((t[:, 1:] + np.hypot(t[:, 1:], 2)) / 2 * x[:, CONTEXT:], axis=1)
    np.testing.assert_allclose(network.predict(x)[:, 0], expected, rtol=1e-12)


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    column=st.integers(CONTEXT, CONTEXT + N_MONOTONE - 1),
    scale=st.sampled_from([1, 1e4]),
)
@pytest.mark.parametrize("make", [single, ensemble])
def test_the_output_never_decreases_in_a_monotone_column_not_even_by_rounding(
    make: Any, seed: int, column: int, scale: float
) -> None:
    rng = np.random.default_rng(seed)
    network = Network([make()], rng=rng)
    weights = network.parameters.vector
    weights[:] = rng.normal(size=weights.shape) * scale
    x = np.repeat(rng.uniform(size=(1, CONTEXT + N_MONOTONE)), 8, axis=0).astype(np.float32)
    x[:, column] = np.sort(np.concatenate((rng.uniform(size=6), [0.5, SMALLEST_STEP])))
    predictions = network.predict(x)[:, 0]
    assert (np.diff(predictions) >= 0).all()
