"""Two concentric circles: a classifier of five layers, 2-25-50-50-25-1, with the learning made visible.

No straight line parts a circle from the one around it. ReLU layers fold the plane until one does; a sigmoid
then says how sure.
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
"""Standard deviation of a point's two coordinates, in the outer circle's radius."""


def circles(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """N points ``(n, 2)``, and for each 1 if it belongs to the inner circle, else 0, ``(n,)``."""
    inner = np.arange(n) % 2
    angle = rng.uniform(0, 2 * np.pi, n)
    points = np.array(RADII)[inner][:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return points + rng.normal(0, NOISE, (n, 2)), inner


@dataclass(frozen=True)
class Learning:
    """What was seen of the training.

    Attributes
    ----------
    epochs
        The history.
    accuracy
        The share of unseen points that were told right, after each epoch.
    surfaces
        The network's probability of "inner" on ``grid``, after each epoch, ``(epochs, g, g)``.
    grid
        The coordinates of the surface's rows and columns, ``(g,)``.
    """

    epochs: tuple[Epoch, ...]
    accuracy: np.ndarray
    surfaces: np.ndarray
    grid: np.ndarray


def learn(seed: int, epochs: int = 40, n: int = 1000) -> Learning:
    """Train on n points and look at 2,000 unseen ones after each epoch."""
    rng = np.random.default_rng(seed)
    x, y = circles(rng, n)
    unseen_x, unseen_y = circles(rng, 2000)
    layers = [part for a, b in pairwise(WIDTHS) for part in (Dense(a, b), ReLU())][:-1]
    network = Network(layers, rng=rng)
    grid = np.linspace(-1.5, 1.5, 61)
    plane = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
    accuracy, surfaces = [], []

    def look(network: Network, _: Epoch) -> None:
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
        callbacks=[look],
    )
    return Learning(history.epochs, np.array(accuracy), np.array(surfaces), grid)
