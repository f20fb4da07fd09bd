"""A perceptron (weighted sum, bias, activation) learns AND and OR; XOR needs a second layer.

A perceptron outputs 1 on one side of a straight line. A line can separate the ones of AND and of OR from the
zeros; the ones of XOR are in opposite corners.
"""

import numpy as np

from estimator.network import (
    Adam,
    Batches,
    BinaryCrossEntropy,
    Dense,
    GradientDescent,
    Layer,
    Network,
    Optimiser,
    Plan,
    Tanh,
    train,
    xavier_uniform,
)

INPUTS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
TARGETS = {
    "AND": np.array([0, 0, 0, 1], np.float32),
    "OR": np.array([0, 1, 1, 1], np.float32),
    "XOR": np.array([0, 1, 1, 0], np.float32),
}


def perceptron() -> list[Layer]:
    """One neuron. The loss includes its sigmoid and takes logits: an output above 0 means 1."""
    return [Dense(2, 1, xavier_uniform)]


def two_layers() -> list[Layer]:
    """A hidden layer of four neurons and an output neuron."""
    return [Dense(2, 4, xavier_uniform), Tanh(), Dense(4, 1, xavier_uniform)]


def learn(layers: list[Layer], targets: np.ndarray, optimiser: Optimiser, seed: int) -> np.ndarray:
    """Train a network; return its answers to the four inputs, 0 or 1, ``(4,)``."""
    rng = np.random.default_rng(seed)
    network = Network(layers, rng=rng)
    train(
        network,
        Batches(INPUTS, targets, size=4),
        loss=BinaryCrossEntropy(),
        optimiser=optimiser,
        rng=rng,
        plan=Plan(epochs=500),
    )
    return (network.predict(INPUTS)[:, 0] > 0).astype(int)


def answers(seed: int) -> dict[str, np.ndarray]:
    """Return the answers ``(4,)`` of a perceptron to each task, and of two layers to XOR."""
    result = {
        f"{task}, one neuron": learn(perceptron(), targets, GradientDescent(1.0), seed)
        for task, targets in TARGETS.items()
    }
    return result | {"XOR, two layers": learn(two_layers(), TARGETS["XOR"], Adam(0.05), seed)}
