import numpy as np

from estimator.network import Parameters
from estimator.network.parameters import with_prefix


def test_named_views_and_the_vector_share_memory() -> None:
    parameters = Parameters({"weight": (2, 3), "bias": (3,)}, np.float32)
    parameters["weight"][1, 2] = 5
    parameters["bias"][:] = 7
    np.testing.assert_array_equal(parameters.vector, [0, 0, 0, 0, 0, 5, 7, 7, 7])


def test_broadcast_repeats_the_value_of_a_name() -> None:
    parameters = Parameters({"0.weight": (2, 2), "0.bias": (2,)}, np.float32)
    decays = parameters.broadcast(lambda name: 0.0 if name.endswith("bias") else 1.0)
    np.testing.assert_array_equal(decays, [1, 1, 1, 1, 0, 0])


def test_no_parameters_make_an_empty_vector() -> None:
    parameters = Parameters({}, np.float32)
    assert parameters.vector.size == 0
    assert parameters.broadcast(lambda _: 1.0).size == 0


def test_with_prefix_selects_by_prefix_and_removes_it() -> None:
    parameters = Parameters({"1.weight": (1,), "11.weight": (1,)}, np.float32)
    assert list(with_prefix("1.", parameters)) == ["weight"]
