"""Optimiser steps compared with plain implementations of the papers' algorithms."""

import numpy as np
import pytest

from estimator.network import Adam, AdamW, GradientDescent, Momentum, clip_global_norm
from estimator.network.arrays import Array
from estimator.network.optimisers import Optimiser

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = np.random.default_rng(0).normal(size=(6, 3))


def trajectory(optimiser: Optimiser) -> Array:
    parameters = START.copy()
    path = []
    for gradient in GRADIENTS:
        optimiser.step(parameters, gradient.copy())
        path.append(parameters.copy())
    return np.array(path)


def test_gradient_descent_follows_its_definition() -> None:
    np.testing.assert_allclose(trajectory(GradientDescent(0.1)), START - 0.1 * GRADIENTS.cumsum(axis=0))


def test_momentum_follows_its_definition() -> None:
    theta, velocity, path = START.copy(), np.zeros(3), []
    for gradient in GRADIENTS:
        velocity = 0.8 * velocity + gradient
        theta = theta - 0.1 * velocity
        path.append(theta)
    np.testing.assert_allclose(trajectory(Momentum(0.1, 0.8)), path)


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adam_follows_the_papers_algorithm(decay: float) -> None:
    theta, m, v, path = START.copy(), np.zeros(3), np.zeros(3), []
    for t, gradient in enumerate(GRADIENTS, 1):
        m = 0.9 * m + 0.1 * gradient
        v = 0.95 * v + 0.05 * gradient**2
        step = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.95**t)) + 1e-3)
        theta = theta - 0.1 * step - 0.1 * decay * theta
        path.append(theta)
    optimiser = AdamW(0.1, (0.9, 0.95), 1e-3, weight_decay=decay) if decay else Adam(0.1, (0.9, 0.95), 1e-3)
    np.testing.assert_allclose(trajectory(optimiser), path, rtol=1e-12)


def test_rate_factors_and_decay_masks_apply_per_parameter() -> None:
    """A vector with factors takes the same path as each parameter alone with its own rate and decay."""
    factors, mask = np.array([1.0, 6.0, 0.5]), np.array([1.0, 0.0, 2.0])
    together = trajectory(AdamW(0.1, weight_decay=0.2, decay_mask=mask, rate_factors=factors))
    for index in range(3):
        alone = AdamW(0.1 * factors[index], weight_decay=0.2 * mask[index])
        parameter = START[index : index + 1].copy()
        for step, gradient in enumerate(GRADIENTS):
            alone.step(parameter, gradient[index : index + 1])
            assert together[step, index] == pytest.approx(parameter[0], rel=1e-12)


@pytest.mark.parametrize("kind", [GradientDescent, Momentum, Adam])
def test_a_rate_factor_multiplies_the_learning_rate(kind: type[GradientDescent | Momentum | Adam]) -> None:
    halved = trajectory(kind(0.1, rate_factors=np.full(3, 0.5)))
    np.testing.assert_allclose(halved, trajectory(kind(0.05)), rtol=1e-12)


@pytest.mark.parametrize("optimiser", [Momentum(0.1), AdamW(0.1)])
def test_reset_forgets_all_earlier_steps(optimiser: Optimiser) -> None:
    first = trajectory(optimiser)
    optimiser.reset(START)
    np.testing.assert_array_equal(trajectory(optimiser), first)


def test_the_schedule_factor_multiplies_the_learning_rate() -> None:
    one, other = START.copy(), START.copy()
    AdamW(0.1).step(one, GRADIENTS[0], 0.25)
    AdamW(0.025).step(other, GRADIENTS[0])
    np.testing.assert_allclose(one, other, rtol=1e-14)


def test_a_long_gradient_is_clipped_and_keeps_its_direction() -> None:
    gradient = np.array([3.0, -4.0])
    assert clip_global_norm(gradient, 1.0) == pytest.approx(5)
    np.testing.assert_allclose(gradient, [0.6, -0.8])


def test_a_short_gradient_is_not_clipped() -> None:
    gradient = np.array([0.3, -0.4])
    assert clip_global_norm(gradient, 1.0) == pytest.approx(0.5)
    np.testing.assert_array_equal(gradient, [0.3, -0.4])


def test_a_negative_learning_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        GradientDescent(-1)
