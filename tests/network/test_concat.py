import numpy as np

from estimator.network import MSE, Concat, Dense, Identity, Network, Periodic, Sequential, SiLU
from tests.network.finite_differences import assert_gradients_are_right


def test_a_branch_gets_only_its_own_columns() -> None:
    network = Network(
        [Concat([(0, 1, Identity()), (1, 3, Identity()), (0, 2, Identity())])], rng=np.random.default_rng(0)
    )
    np.testing.assert_array_equal(network.predict([[1, 2, 3]]), [[1, 2, 3, 1, 2]])


def test_the_gradient_agrees_with_central_differences() -> None:
    rng = np.random.default_rng(0)
    waves = Sequential([Periodic(2, 3, 4, [0.1, 0.5]), SiLU()])
    layers = [Concat([(0, 2, waves), (1, 4, Identity()), (2, 4, Dense(2, 3))]), Dense(14, 2)]
    assert_gradients_are_right(layers, MSE(), rng.normal(size=(6, 5)), rng.normal(size=(6, 2)), 0)
