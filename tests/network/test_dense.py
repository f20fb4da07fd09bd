import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import MSE, Dense, Layer, Network, ones
from tests.network.finite_differences import assert_gradients_are_right


def test_the_output_is_the_weighted_sum_plus_bias() -> None:
    network = Network([Dense(2, 3)], rng=np.random.default_rng(0))
    network.parameters["0.weight"][:] = [[1, 2, 3], [4, 5, 6]]
    network.parameters["0.bias"][:] = [10, 20, 30]
    np.testing.assert_array_equal(
        network.predict([[1, 0], [0, 1], [2, -1]]), [[11, 22, 33], [14, 25, 36], [8, 19, 30]]
    )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    n=st.integers(1, 7),
    d_in=st.integers(1, 5),
    d_out=st.integers(1, 4),
    has_bias=st.booleans(),
    seed=st.integers(0, 10**6),
)
def test_the_gradient_agrees_with_central_differences(
    n: int, d_in: int, d_out: int, has_bias: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    layers: list[Layer] = [Dense(d_in, d_out, bias=ones if has_bias else None)]
    assert_gradients_are_right(layers, MSE(), rng.normal(size=(n, d_in)), rng.normal(size=(n, d_out)), seed)


def test_without_a_bias_neither_the_layer_nor_its_state_has_one() -> None:
    network = Network([Dense(2, 1, bias=None)], rng=np.random.default_rng(0))
    assert list(network.parameters) == ["0.weight"]
    assert list(Network.from_state(network.state()).parameters) == ["0.weight"]


def test_the_gradient_of_a_shared_weight_is_the_sum_over_the_members() -> None:
    rng = np.random.default_rng(0)
    together = Network([Dense(3, 2)], rng=np.random.default_rng(1), dtype=np.float64)
    x, dy = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 5, 2))
    together.forward(x)
    together.backward(dy)
    expected = sum(x[k].T @ dy[k] for k in range(4))
    np.testing.assert_allclose(together.gradients["0.weight"], expected)


def test_the_error_for_a_wrong_width_names_both_widths() -> None:
    network = Network([Dense(3, 1)], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"3 inputs.*\(5, 4\)"):
        network.predict(np.zeros((5, 4)))
