"""Two concentric circles: a classifier of five layers, 2-25-50-50-25-1, recorded after each epoch.

No straight line separates a circle from the one around it. The ReLU layers transform the plane until a line does,
and a sigmoid turns the output into a probability.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from estimator.network import (
    AdamW,
    Batches,
    BinaryCrossEntropy,
    Dense,
    Epoch,
    Network,
    Plan,
    ReLU,
    Sigmoid,
    cosine,
    train,
)

WIDTHS = (2, 25, 50, 50, 25, 1)
RADII = (1.0, 0.5)
NOISE = 0.08
"""Standard deviation of the noise in both coordinates, where the outer circle's radius is 1."""


def circles(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw n points ``(n, 2)`` and their labels ``(n,)``: 1 for the inner circle, 0 for the outer."""
    inner = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.array(RADII)[inner][:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + rng.normal(0, NOISE, (n, 2)), inner


@dataclass(frozen=True)
class CirclesRun:
    """A training, recorded after each epoch.

    Attributes
    ----------
    epochs
        The training's history.
    accuracy
        The share of unseen points that are classified correctly, ``(epochs,)``.
    surfaces
        The predicted probability of the inner circle on ``grid``, ``(epochs, g, g)``.
    grid
        The coordinates of the surface's rows and columns, ``(g,)``.
    """

    epochs: tuple[Epoch, ...]
    accuracy: np.ndarray
    surfaces: np.ndarray
    grid: np.ndarray


def train_classifier(seed: int, epochs: int = 40, n: int = 1000) -> CirclesRun:
    """Train on n points and evaluate on 2,000 unseen points after each epoch."""
    rng = np.random.default_rng(seed)
    x, y = circles(rng, n)
    unseen_x, unseen_y = circles(rng, 2000)
    layers = [layer for a, b in pairwise(WIDTHS) for layer in (Dense(a, b), ReLU())][:-1]
    network = Network(layers, rng=rng)
    grid = np.linspace(-1.5, 1.5, 61)
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    accuracy, surfaces = [], []

    def record(network: Network, _: Epoch) -> None:
        accuracy.append(np.mean((network.predict(unseen_x)[:, 0] > 0) == unseen_y))
        surface = network.predict(plane).reshape(len(grid), len(grid))
        Sigmoid().value(surface, out=surface)
        surfaces.append(surface)

    history = train(
        network,
        Batches(x, y, size=32),
        loss=BinaryCrossEntropy(),
        optimiser=AdamW(3e-3),
        rng=rng,
        plan=Plan(epochs=epochs, schedule=cosine),
        validation=(unseen_x, unseen_y),
        callbacks=[record],
    )
    return CirclesRun(history.epochs, np.array(accuracy), np.array(surfaces), grid)
