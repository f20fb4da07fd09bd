"""A chain of L one-neuron layers under MSE: why deep networks forget how to learn, and what mends it.

    aₗ = f(wₗ aₗ₋₁)     ŷ = a_L     Loss = (ŷ − y)²

    ∂Loss/∂wₗ = 2(ŷ − y) · [Π over m > l of f′(zₘ) wₘ] · f′(zₗ) aₗ₋₁        zₗ = wₗ aₗ₋₁

The first weight's gradient has L slopes in its product. A sigmoid's are ¼ at most: the product vanishes as L
grows. ReLU's are 1 or 0: one neuron that is off takes the whole gradient with it, and while it is off for
every example it stays off: it is dead. A leaky ReLU's are 1 or α: small, but never 0, and in time they bring
the neuron back.
"""

from dataclasses import dataclass

import numpy as np

from estimator.network import MSE, Activation, Dense, GradientDescent, Layer, LeakyReLU, Network, ReLU, Sigmoid

LENGTHS = (1, 2, 4, 8, 16, 32)
ACTIVATIONS: dict[str, type[Activation]] = {"sigmoid": Sigmoid, "ReLU": ReLU, "leaky ReLU": LeakyReLU}


def gradients_by_product(activation: Activation, weights: np.ndarray, x: float, y: float) -> np.ndarray:
    """The formula above: one gradient for each weight, ``(L,)``."""
    outputs, slopes = [np.array([x])], []
    for weight in weights:
        z = weight * outputs[-1]
        value, slope = np.empty(1), np.empty(1)
        activation.value(z, out=value)
        activation.slope(z, value, out=slope)
        outputs.append(value)
        slopes.append(slope)
    length = len(weights)
    gradients = np.empty(length)
    for place in range(length):
        after = np.prod([slopes[m][0] * weights[m] for m in range(place + 1, length)])
        gradients[place] = 2 * (outputs[-1][0] - y) * after * slopes[place][0] * outputs[place][0]
    return gradients


def gradients_by_the_library(activation: type[Activation], weights: np.ndarray, x: float, y: float) -> np.ndarray:
    """The same from a network of L layers."""
    layers: list[Layer] = [layer for _ in weights for layer in (Dense(1, 1, bias=None), activation())]
    network = Network(layers, rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters.vector[:] = weights
    loss = MSE()
    loss.forward(network.forward(np.array([[x]])), np.array([[y]]))
    network.backward_parameters(loss.backward())
    return network.gradients.vector.copy()


@dataclass(frozen=True)
class FirstGradient:
    """How the first weight fares in chains of some length, over many random chains."""

    activation: str
    length: int
    median: float
    """The median of its gradient's absolute value."""
    dead: float
    """The share of chains in which that gradient is exactly 0."""


def first_gradients(rng: np.random.Generator, chains: int = 200) -> list[FirstGradient]:
    """Each activation at each length, on chains with weights from N(0, 1), x = y = 1."""
    results = []
    for name, activation in ACTIVATIONS.items():
        for length in LENGTHS:
            first = np.abs(
                [gradients_by_the_library(activation, rng.normal(size=length), 1.0, 1.0)[0] for _ in range(chains)]
            )
            results.append(FirstGradient(name, length, float(np.median(first)), float(np.mean(first == 0))))
    return results


def losses_from_a_dead_start(activation: type[Activation], steps: int = 60) -> np.ndarray:
    """The loss before each step of a single neuron that starts switched off, w = −½, x = y = 1; ``(steps,)``."""
    network = Network([Dense(1, 1, bias=None), activation()], rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters.vector[:] = -0.5
    loss, optimiser = MSE(), GradientDescent(0.9)
    losses = np.empty(steps)
    for step in range(steps):
        losses[step] = loss.forward(network.forward(np.ones((1, 1))), np.ones((1, 1)))
        network.backward_parameters(loss.backward())
        optimiser.step(network.parameters.vector, network.gradients.vector)
    return losses
