import numpy as np

from estimator.network import Parameters
from estimator.network.parameters import under


def test_names_and_vector_are_the_same_numbers() -> None:
    parameters = Parameters({"weight": (2, 3), "bias": (3,)}, np.float32)
    parameters["weight"][1, 2] = 5
    parameters["bias"][:] = 7
    np.testing.assert_array_equal(parameters.vector, [0, 0, 0, 0, 0, 5, 7, 7, 7])


def test_spread_gives_every_number_of_a_name_its_value() -> None:
    parameters = Parameters({"0.weight": (2, 2), "0.bias": (2,)}, np.float32)
    decays = parameters.spread(lambda name: 0.0 if name.endswith("bias") else 1.0)
    np.testing.assert_array_equal(decays, [1, 1, 1, 1, 0, 0])


def test_nothing_to_learn_is_an_empty_vector() -> None:
    parameters = Parameters({}, np.float32)
    assert parameters.vector.size == 0
    assert parameters.spread(lambda _: 1.0).size == 0


def test_under_takes_what_a_prefix_leads_and_cuts_it_off() -> None:
    parameters = Parameters({"1.weight": (1,), "11.weight": (1,)}, np.float32)
    assert list(under("1.", parameters)) == ["weight"]
