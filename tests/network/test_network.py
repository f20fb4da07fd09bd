import copy
import io
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest

from estimator.network import (
    Concat,
    Dense,
    Dropout,
    Identity,
    Layer,
    LeakyReLU,
    MemberBias,
    MemberDense,
    MemberScale,
    Mish,
    Network,
    Periodic,
    PiecewiseLinear,
    Sequential,
    batch_ensemble_dense,
)


def every_kind(seed: int = 0) -> Network:
    """A network with layers that hold lists, arrays and other layers."""
    edges = [np.array([-1.0, 0, 1]), np.array([0.0, 0.5])]
    first = Concat(
        [(0, 2, Sequential([Periodic(2, 3, 4, (0.1, 1.0)), Mish()])), (2, 4, PiecewiseLinear(edges, 2))]
    )
    layers: list[Layer] = [
        Concat([(0, 4, first), (0, 5, Identity())]),
        LeakyReLU(0.2),
        MemberScale(3, 17),
        Dense(17, 6, bias=None),
        MemberBias(3, 6),
        Dropout(0.25),
        batch_ensemble_dense(3, 6, 4),
        MemberDense(3, 4, 2),
    ]
    return Network(layers, rng=np.random.default_rng(seed))


X = np.random.default_rng(9).normal(size=(300, 5)).astype(np.float32)


def test_the_state_gives_the_same_answers_bit_for_bit() -> None:
    network = every_kind()
    again = Network.from_state(network.state())
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert again.layers[5].settings() == {"rate": 0.25}


def test_the_state_is_plain_and_goes_through_joblib() -> None:
    def assert_plain(value: object) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                assert type(key) is str
                assert_plain(inner)
        elif isinstance(value, list):
            for inner in value:
                assert_plain(inner)
        else:
            assert type(value) in (int, float, str, np.ndarray, type(None))

    network = every_kind()
    assert_plain(network.state())
    file = io.BytesIO()
    joblib.dump(network.state(), file)
    file.seek(0)
    np.testing.assert_array_equal(Network.from_state(joblib.load(file)).predict(X), network.predict(X))


def test_in_float64_an_answer_does_not_depend_on_the_rows_beside_it() -> None:
    network = every_kind()
    wide = network.as_type(np.float64)
    together = wide.predict(X)
    alone = np.concatenate([wide.predict(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(together, network.predict(X), rtol=1e-4, atol=1e-5)


def test_a_state_does_not_change_with_the_network() -> None:
    network = every_kind()
    state = network.state()
    before = network.predict(X)
    network.parameters.vector.fill(0)
    np.testing.assert_array_equal(Network.from_state(state).predict(X), before)


def test_copies_and_pickles_have_weights_of_their_own() -> None:
    network = every_kind()
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(twin.predict(X), network.predict(X))
        assert not np.shares_memory(twin.parameters.vector, network.parameters.vector)


def test_a_state_with_another_networks_parameters_is_refused() -> None:
    state = every_kind().state()
    state["parameters"].pop("3.weight")
    with pytest.raises(ValueError, match="parameters of shapes"):
        Network.from_state(state)


def test_a_state_with_an_unknown_layer_is_refused() -> None:
    state = every_kind().state()
    state["layers"][1]["kind"] = "Maxout"
    with pytest.raises(ValueError, match=r"'Maxout'; known are .*Dense"):
        Network.from_state(state)


def test_layer_names_are_taken_once() -> None:
    with pytest.raises(TypeError, match=r"Dense already, in estimator\.network\.dense"):
        type("Dense", (Layer,), {})


def test_a_layer_may_be_defined_again_as_in_a_notebook() -> None:
    for _ in range(2):
        type("Mine", (Layer,), {"__module__": "notebook"})


def test_the_same_seed_gives_the_same_start_in_either_number_type() -> None:
    narrow = Network([Dense(4, 8), Dense(8, 1)], rng=np.random.default_rng(5))
    wide = Network([Dense(4, 8), Dense(8, 1)], rng=np.random.default_rng(5), dtype=np.float64)
    np.testing.assert_array_equal(narrow.parameters.vector, wide.parameters.vector.astype(np.float32))


@pytest.mark.parametrize("batch_size", [1, 7, 300, 1024])
def test_answers_do_not_depend_on_the_batches(batch_size: int) -> None:
    network = every_kind()
    assert network.predict(X, batch_size).shape == (300, 2)
    np.testing.assert_array_equal(network.predict(X, batch_size), network.predict(X))


def test_answers_are_the_callers_to_keep() -> None:
    network = every_kind()
    first = network.predict(X[:5])
    kept = first.copy()
    network.predict(X[5:10])
    np.testing.assert_array_equal(first, kept)


def test_no_examples_have_no_answers() -> None:
    assert every_kind().predict(np.empty((0, 5))).shape == (0, 2)


def test_threads_can_predict_side_by_side() -> None:
    network = every_kind()
    parts = [X[start : start + 10] for start in range(0, 300, 10)]
    alone = [network.predict(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.predict, parts * 5))
    for place, answer in enumerate(together):
        np.testing.assert_array_equal(answer, alone[place % len(parts)])


def test_one_example_must_still_be_a_row() -> None:
    with pytest.raises(ValueError, match=r"\(n, d\).*\(5,\)"):
        every_kind().predict(X[0])
