from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from estimator.network.examples import by_hand, chain, circles, curves, house, perceptron

pytestmark = pytest.mark.usefixtures("one_blas_thread")

KING_COUNTY = Path(__file__).parents[2] / "data" / "king_county"


@pytest.mark.parametrize("seed", range(3))
def test_a_perceptron_learns_and_and_or_and_two_layers_learn_xor(seed: int) -> None:
    answers = perceptron.answers(seed)
    np.testing.assert_array_equal(answers["AND, one neuron"], [0, 0, 0, 1])
    np.testing.assert_array_equal(answers["OR, one neuron"], [0, 1, 1, 1])
    assert (answers["XOR, one neuron"] != [0, 1, 1, 0]).any()
    np.testing.assert_array_equal(answers["XOR, two layers"], [0, 1, 1, 0])


def test_the_gradients_of_the_2_3_1_network_agree_with_those_derived_by_hand() -> None:
    hand, library = by_hand.by_hand(), by_hand.by_the_library()
    assert library.loss == pytest.approx(hand.loss, rel=1e-14)
    np.testing.assert_allclose(library.first, hand.first, rtol=1e-12)
    np.testing.assert_allclose(library.second, hand.second, rtol=1e-12)


@pytest.mark.parametrize("name", chain.ACTIVATIONS)
def test_the_gradients_of_a_chain_agree_with_the_product_formula(name: str) -> None:
    weights = np.array([0.7, -1.3, 0.4, 1.1, -0.6])
    for signs in (1, np.sign(weights)):
        expected = chain.gradients_by_product(chain.ACTIVATIONS[name](), signs * weights, 0.8, 0.3)
        found = chain.gradients_by_the_library(chain.ACTIVATIONS[name], signs * weights, 0.8, 0.3)
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-300)


def test_gradients_vanish_with_sigmoids_become_zero_with_relu_and_not_with_leaky_relu() -> None:
    found = {(g.activation, g.length): g for g in chain.first_gradients(np.random.default_rng(0), chains=40)}
    sigmoids = [found["sigmoid", length].median for length in chain.LENGTHS]
    assert all(longer < 0.3 * shorter for shorter, longer in pairwise(sigmoids))
    assert found["ReLU", 2].dead > 0.5
    assert found["ReLU", 16].dead == 1
    assert all(found["leaky ReLU", length].dead == 0 for length in chain.LENGTHS)


def test_a_dead_relu_neuron_stays_dead_and_a_leaky_one_recovers() -> None:
    dead, recovered = (chain.losses_from_a_dead_start(chain.ACTIVATIONS[name]) for name in ("ReLU", "leaky ReLU"))
    np.testing.assert_array_equal(dead, 1)
    assert recovered[-1] < 1e-3


def test_five_layers_separate_the_circles() -> None:
    runs = [circles.train_classifier(seed) for seed in range(5)]
    assert np.median([run.accuracy[-1] for run in runs]) >= 0.995
    assert runs[0].surfaces.shape == (40, 61, 61)


def test_descent_converges_with_the_right_rate_is_slow_below_and_diverges_above() -> None:
    ends = {name: curves.valley(curves.descent(rate)[-1]) for name, rate in curves.RATES.items()}
    start = curves.valley(curves.START)
    assert ends["right"] < 1e-2
    assert 1 < ends["too small"] < start < ends["too large"]


def test_the_derivative_curves_agree_with_numerical_derivatives() -> None:
    for curve in curves.activation_curves():
        np.testing.assert_allclose(np.gradient(curve.value, curve.x)[5:195], curve.derivative[5:195], atol=1e-3)


def test_the_house_network_underfits_when_too_small_and_overfits_when_too_large() -> None:
    x, y = house.king_county(KING_COUNTY)
    assert x.shape == (21613, 5)
    small, right, large = house.compare_sizes(
        x, y, np.random.default_rng(0), depths=[3], widths=[1, 16, 256], n_train=500, epochs=150
    )
    assert small.train > 1.5 * right.train
    assert small.validation > 1.2 * right.validation
    assert large.train < 0.8 * right.train
    assert large.validation > 1.02 * right.validation
    assert right.table_row().startswith("| 3 | 16 |")
