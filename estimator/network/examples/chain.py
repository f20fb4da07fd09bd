"""A chain of L one-neuron layers under MSE: why gradients vanish in deep networks, and what helps.

    aₗ = f(wₗ aₗ₋₁)     ŷ = a_L     Loss = (ŷ − y)²

    ∂Loss/∂wₗ = 2(ŷ − y) · [Π over m > l of f′(zₘ) wₘ] · f′(zₗ) aₗ₋₁        zₗ = wₗ aₗ₋₁

The first weight's gradient is a product with L derivatives. The derivative of a sigmoid is at most ¼, so the
product vanishes as L grows. The derivative of ReLU is 1 or 0: a neuron whose input is negative for every example
makes the whole gradient 0 and never changes again ("dead neuron"). The derivative of a leaky ReLU is 1 or α, which
is small but not 0, so that the neuron recovers in time.
"""

from dataclasses import dataclass

import numpy as np

from estimator.network import MSE, Activation, Dense, GradientDescent, Layer, LeakyReLU, Network, ReLU, Sigmoid

LENGTHS = (1, 2, 4, 8, 16, 32)
"""Numbers of layers to compare."""
ACTIVATIONS: dict[str, type[Activation]] = {"sigmoid": Sigmoid, "ReLU": ReLU, "leaky ReLU": LeakyReLU}


def gradients_by_product(activation: Activation, weights: np.ndarray, x: float, y: float) -> np.ndarray:
    """Compute the formula above: one gradient for each weight, ``(L,)``."""
    outputs, derivatives = [np.array([x])], []
    for weight in weights:
        z = weight * outputs[-1]
        value, derivative = np.empty(1), np.empty(1)
        activation.value(z, out=value)
        activation.derivative(z, value, out=derivative)
        outputs.append(value)
        derivatives.append(derivative)
    length = len(weights)
    gradients = np.empty(length)
    for index in range(length):
        after = np.prod([derivatives[m][0] * weights[m] for m in range(index + 1, length)])
        gradients[index] = 2 * (outputs[-1][0] - y) * after * derivatives[index][0] * outputs[index][0]
    return gradients


def gradients_by_the_library(activation: type[Activation], weights: np.ndarray, x: float, y: float) -> np.ndarray:
    """Compute the same with a network of L layers."""
    layers: list[Layer] = [layer for _ in weights for layer in (Dense(1, 1, bias=None), activation())]
    network = Network(layers, rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters.vector[:] = weights
    loss = MSE()
    loss.forward(network.forward(np.array([[x]])), np.array([[y]]))
    network.backward_parameters(loss.backward())
    return network.gradients.vector.copy()


@dataclass(frozen=True)
class FirstGradient:
    """The gradient of the first weight over many random chains of one length."""

    activation: str
    length: int
    median: float
    """Median of the gradient's absolute value."""
    dead: float
    """Share of the chains in which the gradient is exactly 0."""


def first_gradients(rng: np.random.Generator, chains: int = 200) -> list[FirstGradient]:
    """Compute the first gradient for each activation and length, with weights from N(0, 1) and x = y = 1."""
    results = []
    for name, activation in ACTIVATIONS.items():
        for length in LENGTHS:
            first = np.abs(
                [gradients_by_the_library(activation, rng.normal(size=length), 1.0, 1.0)[0] for _ in range(chains)]
            )
            results.append(FirstGradient(name, length, float(np.median(first)), float(np.mean(first == 0))))
    return results


def losses_from_a_dead_start(activation: type[Activation], steps: int = 60) -> np.ndarray:
    """Train one neuron whose initial output is negative (w = −½, x = y = 1); return its losses ``(steps,)``."""
    network = Network([Dense(1, 1, bias=None), activation()], rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters.vector[:] = -0.5
    loss, optimiser = MSE(), GradientDescent(0.9)
    losses = np.empty(steps)
    for step in range(steps):
        losses[step] = loss.forward(network.forward(np.ones((1, 1))), np.ones((1, 1)))
        network.backward_parameters(loss.backward())
        optimiser.step(network.parameters.vector, network.gradients.vector)
    return losses
