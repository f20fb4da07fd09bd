from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from estimator.network import (
    Dense,
    Layer,
    MemberDense,
    MemberScale,
    MonotoneSum,
    Network,
    Sequential,
    StackedNetworks,
)
from estimator.network.stacked import MAX_STACKED_ROWS
from tests.network.test_network import X, make_mixed_network


def monotone(seed: int) -> Network:
    terms: list[Layer] = [MemberScale(3, 2), Dense(2, 5), MemberDense(3, 5, 4)]
    return Network([MonotoneSum(2, Sequential(terms))], rng=np.random.default_rng(seed))


def plain(seed: int) -> Network:
    return Network([Dense(5, 4), Dense(4, 2)], rng=np.random.default_rng(seed))


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("build", [make_mixed_network, monotone, plain])
def test_stacked_networks_predict_the_mean_of_the_networks(build: Callable[[int], Network], count: int) -> None:
    networks = [build(seed) for seed in range(count)]
    together = StackedNetworks(networks).predict(X)
    alone = np.mean([network.predict(X) for network in networks], axis=0, dtype=np.float64)
    assert together.shape == alone.shape
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert count == 1 or np.abs(together - networks[0].predict(X)).max() > 1e-3


@pytest.mark.parametrize("build", [make_mixed_network, monotone, plain])
def test_a_prediction_does_not_depend_on_the_other_examples(build: Callable[[int], Network]) -> None:
    stacked = StackedNetworks([build(seed) for seed in range(3)])
    together = stacked.predict(X)
    for n in (0, 1, 2, 3, 7, 8, 9, MAX_STACKED_ROWS, MAX_STACKED_ROWS + 1, 100):
        np.testing.assert_array_equal(stacked.predict(X[40 : 40 + n]), together[40 : 40 + n])


@pytest.mark.parametrize("build", [make_mixed_network, monotone, plain])
def test_a_single_network_predicts_the_same_to_the_last_bit(build: Callable[[int], Network]) -> None:
    """It predicts by its layers' `inference`, the network itself by their `forward`."""
    network = build(0)
    expected = network.predict(X).astype(np.float64)
    for n in (0, 1, 2, 7, 8, 9, 100, 300):
        np.testing.assert_array_equal(StackedNetworks([network]).predict(X[:n], 16), expected[:n])


def test_stacking_does_not_change_the_networks() -> None:
    networks = [make_mixed_network(seed) for seed in range(2)]
    before = [network.predict(X) for network in networks]
    StackedNetworks(networks).predict(X[:1])
    for network, predictions in zip(networks, before, strict=True):
        np.testing.assert_array_equal(network.predict(X), predictions)


def test_threads_can_predict_at_the_same_time() -> None:
    stacked = StackedNetworks([make_mixed_network(seed) for seed in range(2)])
    alone = [stacked.predict(X[[row]]) for row in range(50)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: stacked.predict(X[[row % 50]]), range(500)))
    for index, prediction in enumerate(together):
        np.testing.assert_array_equal(prediction, alone[index % 50])


def test_networks_with_different_layers_are_refused() -> None:
    with pytest.raises(ValueError, match="must have the same layers"):
        StackedNetworks([make_mixed_network(), plain(0)])
