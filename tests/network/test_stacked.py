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
from estimator.network.stacked import FEW
from tests.network.test_network import X, every_kind


def monotone(seed: int) -> Network:
    terms: list[Layer] = [MemberScale(3, 2), Dense(2, 5), MemberDense(3, 5, 4)]
    return Network([MonotoneSum(2, Sequential(terms))], rng=np.random.default_rng(seed))


def plain(seed: int) -> Network:
    return Network([Dense(5, 4), Dense(4, 2)], rng=np.random.default_rng(seed))


@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("build", [every_kind, monotone, plain])
def test_networks_side_by_side_answer_as_their_mean_does(build: Callable[[int], Network], count: int) -> None:
    networks = [build(seed) for seed in range(count)]
    together = StackedNetworks(networks).predict(X)
    alone = np.mean([network.predict(X) for network in networks], axis=0, dtype=np.float64)
    assert together.shape == alone.shape
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    assert count == 1 or np.abs(together - networks[0].predict(X)).max() > 1e-3


@pytest.mark.parametrize("build", [every_kind, monotone, plain])
def test_no_answer_depends_on_the_examples_beside_it(build: Callable[[int], Network]) -> None:
    side_by_side = StackedNetworks([build(seed) for seed in range(3)])
    together = side_by_side.predict(X)
    for n in (0, 1, 2, 3, 7, 8, 9, FEW, FEW + 1, 100):
        np.testing.assert_array_equal(side_by_side.predict(X[40 : 40 + n]), together[40 : 40 + n])


def test_the_networks_are_left_as_they_were() -> None:
    networks = [every_kind(seed) for seed in range(2)]
    before = [network.predict(X) for network in networks]
    StackedNetworks(networks).predict(X[:1])
    for network, answers in zip(networks, before, strict=True):
        np.testing.assert_array_equal(network.predict(X), answers)


def test_threads_can_ask_at_once() -> None:
    side_by_side = StackedNetworks([every_kind(seed) for seed in range(2)])
    alone = [side_by_side.predict(X[[row]]) for row in range(50)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: side_by_side.predict(X[[row % 50]]), range(500)))
    for place, answer in enumerate(together):
        np.testing.assert_array_equal(answer, alone[place % 50])


def test_networks_of_other_layers_do_not_go_together() -> None:
    with pytest.raises(ValueError, match="same layers"):
        StackedNetworks([every_kind(), plain(0)])
