import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import MSE, Dense, Network, Periodic, PiecewiseLinear, ReLU, quantile_edges
from estimator.network.arrays import Array
from tests.network.finite_differences import assert_gradients_are_right


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    n=st.integers(1, 5), d=st.integers(1, 4), f=st.integers(1, 4), m=st.integers(1, 4), seed=st.integers(0, 10**6)
)
def test_the_gradient_of_periodic_agrees_with_central_differences(
    n: int, d: int, f: int, m: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    layers = [Periodic(d, f, m, sigma=0.3), ReLU(), Dense(d * m, 2)]
    assert_gradients_are_right(layers, MSE(), rng.normal(size=(n, d)), rng.normal(size=(n, 2)), seed)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    n=st.integers(1, 5),
    bins=st.lists(st.integers(1, 5), min_size=1, max_size=3),
    m=st.integers(1, 4),
    seed=st.integers(0, 10**6),
)
def test_the_gradient_of_piecewise_linear_agrees_with_central_differences(
    n: int, bins: list[int], m: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    edges = [np.sort(rng.normal(size=count + 1)) for count in bins]
    layers = [PiecewiseLinear(edges, m), Dense(len(bins) * m, 2)]
    assert_gradients_are_right(layers, MSE(), rng.normal(size=(n, len(bins))), rng.normal(size=(n, 2)), seed)


def test_the_periodic_features_follow_the_equation() -> None:
    network = Network([Periodic(1, 2, 4)], rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters["0.frequency"][:] = [[0.25, 1.0]]
    network.parameters["0.weight"][:] = np.eye(4)[None]
    network.parameters["0.bias"][:] = 0
    np.testing.assert_allclose(
        network.predict([[1.0]]), [[0, 1, 1, 0]], atol=1e-12
    )  # cos ½π, cos 2π, sin ½π, sin 2π


def test_sigma_sets_the_spread_of_the_frequencies_per_input() -> None:
    network = Network([Periodic(2, 2000, 1, sigma=[0.1, 3.0])], rng=np.random.default_rng(0))
    np.testing.assert_allclose(network.parameters["0.frequency"].std(axis=1), [0.1, 3.0], rtol=0.06)


def test_an_input_changes_only_its_own_embedding() -> None:
    rng = np.random.default_rng(0)
    network = Network([Periodic(3, 4, 5)], rng=rng)
    x = rng.normal(size=(1, 3))
    moved = x + np.array([0, 0.3, 0])
    changed = network.predict(x) != network.predict(moved)
    assert not changed[0, :5].any()
    assert changed[0, 5:10].all()
    assert not changed[0, 10:].any()


def encoding(edges: list[list[float]], x: list[list[float]]) -> Array:
    """PLE(x), read out with V = 1 for one bin at a time."""
    network = Network(
        [PiecewiseLinear([np.array(line) for line in edges], 1)], rng=np.random.default_rng(0), dtype=np.float64
    )
    network.parameters.vector.fill(0)
    bins = network.parameters["0.weight"].shape[1]
    columns = []
    for bin_ in range(bins):
        network.parameters["0.weight"].fill(0)
        network.parameters["0.weight"][:, bin_] = 1
        columns.append(network.predict(x))
    return np.stack(columns, axis=-1)


def test_the_piecewise_linear_encoding_follows_the_equation() -> None:
    found = encoding([[0, 1, 3]], [[-1.0], [0.5], [1.0], [2.0], [5.0]])[:, 0]
    np.testing.assert_allclose(found, np.array([[-1, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 2]]))


def test_inputs_may_have_different_numbers_of_bins() -> None:
    found = encoding([[0, 1, 2, 3], [0, 2]], [[1.5, 1.0]])
    np.testing.assert_allclose(found, np.array([[[1, 0.5, 0], [0.5, 0, 0]]]))


def test_the_initial_piecewise_linear_embedding_is_a_straight_line() -> None:
    edges = [np.array([-1.0, 0, 1, 2])]
    network = Network([PiecewiseLinear(edges, 3)], rng=np.random.default_rng(0), dtype=np.float64)
    y = network.predict(np.linspace(-2, 3, 6)[:, None])
    np.testing.assert_allclose(np.diff(y, n=2, axis=0), 0, atol=1e-12)


def test_quantile_bins_hold_equally_many_examples() -> None:
    x = np.random.default_rng(0).exponential(size=(1000, 2))
    for line, column in zip(quantile_edges(x, 4), x.T, strict=True):
        counts, _ = np.histogram(column, line)
        np.testing.assert_array_equal(counts, 250)


def test_equal_quantiles_are_merged() -> None:
    x = np.array([[0.0], [0], [0], [0], [1]])
    np.testing.assert_array_equal(quantile_edges(x, 4)[0], [0, 1])


@pytest.mark.parametrize("edges", [[1.0], [1.0, 1.0], [2.0, 1.0]])
def test_bin_edges_that_do_not_increase_are_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="input 0"):
        PiecewiseLinear([np.array(edges)], 2)


def test_quantile_edges_of_a_constant_input_are_refused() -> None:
    with pytest.raises(ValueError, match="input 1 has a single value"):
        quantile_edges(np.array([[1.0, 5], [2, 5]]), 3)


def test_the_error_for_a_wrong_width_names_both_widths() -> None:
    with pytest.raises(ValueError, match=r"3 inputs.*\(1, 2\)"):
        Network([Periodic(3, 2, 2)], rng=np.random.default_rng(0)).predict([[1, 2]])
