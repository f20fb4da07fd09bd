"""A perceptron: weighted sum, bias, activation. It learns AND and OR; XOR takes a second layer.

A perceptron says 1 on one side of a straight line. AND's and OR's ones can be cut off by a line; XOR's lie in
opposite corners.
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
    """One neuron. Its sigmoid is part of the loss, which takes logits: above 0 means 1."""
    return [Dense(2, 1, xavier_uniform)]


def two_layers() -> list[Layer]:
    """Four neurons look at the inputs, one looks at the four."""
    return [Dense(2, 4, xavier_uniform), Tanh(), Dense(4, 1, xavier_uniform)]


def learn(layers: list[Layer], targets: np.ndarray, optimiser: Optimiser, seed: int) -> np.ndarray:
    """What the network answers to each of the four inputs after training, 0 or 1."""
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
    """The answers of a perceptron to each task, and of two layers to XOR."""
    result = {
        f"{task}, one neuron": learn(perceptron(), targets, GradientDescent(1.0), seed)
        for task, targets in TARGETS.items()
    }
    return result | {"XOR, two layers": learn(two_layers(), TARGETS["XOR"], Adam(0.05), seed)}
