import numpy as np
import pytest

from estimator.model.architecture import build_layers, copy_first_member
from estimator.model.recipe import Recipe
from estimator.model.training_set import Inputs
from estimator.network import Network

INPUTS = Inputs(n_columns=9, n_numeric=4, n_monotone=2)
RECIPE = Recipe(waves=3, waves_width=2, depth=2)


def network(members: int, inputs: Inputs = INPUTS, seed: int = 0) -> Network:
    return Network(build_layers(inputs, RECIPE, members=members, width=8), rng=np.random.default_rng(seed))


def homes(inputs: Inputs = INPUTS) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((50, inputs.n_columns)).astype(np.float32)


@pytest.mark.parametrize("members", [1, 3])
def test_a_value_never_falls_when_a_monotone_column_rises(members: int) -> None:
    columns = homes()
    for column in (7, 8):
        higher = columns.copy()
        higher[:, column] += np.random.default_rng(2).exponential(1, len(columns)).astype(np.float32)
        assert np.all(network(members).predict(higher) >= network(members).predict(columns))


@pytest.mark.parametrize("inputs", [INPUTS, Inputs(9, 0, 2), Inputs(9, 4, 0)])
@pytest.mark.parametrize("members", [1, 2, 3])
def test_a_network_with_the_weights_of_a_first_member_values_homes_as_it_does(
    inputs: Inputs, members: int
) -> None:
    source, target = network(members, inputs), network(1, inputs, seed=5)
    weights = source.parameters.vector
    weights += np.random.default_rng(3).normal(0, 0.1, weights.shape).astype(np.float32)  # biases are 0 at first
    copy_first_member(source, target)
    columns = homes(inputs)
    first = source.predict_members(columns)[0] if members > 1 else source.predict(columns)
    np.testing.assert_allclose(target.predict(columns), first, atol=1e-5)
