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


def make_mixed_network(seed: int = 0) -> Network:
    """A network whose layers' settings contain lists, arrays and other layers."""
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


def test_a_restored_network_predicts_the_same_to_the_last_bit() -> None:
    network = make_mixed_network()
    again = Network.from_state(network.state())
    np.testing.assert_array_equal(again.predict(X), network.predict(X))
    assert again.layers[5].settings() == {"rate": 0.25}


def test_the_state_consists_of_plain_types_and_survives_joblib() -> None:
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

    network = make_mixed_network()
    assert_plain(network.state())
    file = io.BytesIO()
    joblib.dump(network.state(), file)
    file.seek(0)
    np.testing.assert_array_equal(Network.from_state(joblib.load(file)).predict(X), network.predict(X))


def test_a_float64_copy_predicts_the_same_for_single_rows() -> None:
    network = make_mixed_network()
    wide = network.as_type(np.float64)
    together = wide.predict(X)
    alone = np.concatenate([wide.predict(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_allclose(alone, together, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(together, network.predict(X), rtol=1e-4, atol=1e-5)


def test_a_state_is_a_copy_of_the_parameters() -> None:
    network = make_mixed_network()
    state = network.state()
    before = network.predict(X)
    network.parameters.vector.fill(0)
    np.testing.assert_array_equal(Network.from_state(state).predict(X), before)


def test_copies_and_pickles_do_not_share_weights() -> None:
    network = make_mixed_network()
    for twin in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        np.testing.assert_array_equal(twin.predict(X), network.predict(X))
        assert not np.shares_memory(twin.parameters.vector, network.parameters.vector)


def test_a_state_whose_parameters_do_not_match_its_layers_is_refused() -> None:
    state = make_mixed_network().state()
    state["parameters"].pop("3.weight")
    with pytest.raises(ValueError, match="parameters of shapes"):
        Network.from_state(state)


def test_a_state_with_an_unknown_layer_is_refused() -> None:
    state = make_mixed_network().state()
    state["layers"][1]["kind"] = "Maxout"
    with pytest.raises(ValueError, match=r"'Maxout'; expected one of .*Dense"):
        Network.from_state(state)


def test_two_layers_with_one_name_are_refused() -> None:
    with pytest.raises(TypeError, match=r"Dense already exists in estimator\.network\.dense"):
        type("Dense", (Layer,), {})


def test_a_layer_can_be_redefined_as_in_a_notebook() -> None:
    for _ in range(2):
        type("Mine", (Layer,), {"__module__": "notebook"})


def test_float32_and_float64_networks_start_from_the_same_weights() -> None:
    narrow = Network([Dense(4, 8), Dense(8, 1)], rng=np.random.default_rng(5))
    wide = Network([Dense(4, 8), Dense(8, 1)], rng=np.random.default_rng(5), dtype=np.float64)
    np.testing.assert_array_equal(narrow.parameters.vector, wide.parameters.vector.astype(np.float32))


@pytest.mark.parametrize("batch_size", [1, 7, 300, 1024])
def test_predictions_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    network = make_mixed_network()
    assert network.predict(X, batch_size).shape == (300, 2)
    np.testing.assert_array_equal(network.predict(X, batch_size), network.predict(X))


def test_predictions_are_not_overwritten_by_later_calls() -> None:
    network = make_mixed_network()
    first = network.predict(X[:5])
    kept = first.copy()
    network.predict(X[5:10])
    np.testing.assert_array_equal(first, kept)


def test_predictions_for_no_examples_are_empty() -> None:
    assert make_mixed_network().predict(np.empty((0, 5))).shape == (0, 2)


def test_threads_can_predict_at_the_same_time() -> None:
    network = make_mixed_network()
    parts = [X[start : start + 10] for start in range(0, 300, 10)]
    alone = [network.predict(part) for part in parts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(network.predict, parts * 5))
    for index, prediction in enumerate(together):
        np.testing.assert_array_equal(prediction, alone[index % len(parts)])


def test_a_single_example_without_a_row_axis_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, d\).*\(5,\)"):
        make_mixed_network().predict(X[0])
