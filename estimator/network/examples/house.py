"""The house network 4-h-h-1: a home's price from four facts, and how deep and wide it should be.

The four facts are the location, the crime rate, the square footage and the population. A location is two
numbers, latitude and longitude, so five numbers go in. The network is trained under RMSE on the logarithm of
the price: an RMSE of .25 is a miss of about a quarter.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimator.network import RMSE, Adam, Batches, Dense, Layer, Network, Plan, ReLU, cosine, train

DEPTHS = (1, 2, 3)
WIDTHS = (1, 4, 16, 64, 256)


def king_county(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The facts ``(n, 5)`` and log prices in USD ``(n,)`` of the sales in a market's folder."""
    with (folder / "areas.csv").open(newline="") as file:
        areas = {row["postal_code"]: row for row in csv.DictReader(file)}
    with gzip.open(folder / "sales.csv.gz", "rt", newline="") as file:
        sales = list(csv.DictReader(file))
    facts = [
        (
            float(sale["lat"]),
            float(sale["long"]),
            float(areas[sale["zipcode"]]["crime_rate"]),
            float(sale["sqft_living"]),
            float(areas[sale["zipcode"]]["population"]),
        )
        for sale in sales
    ]
    return np.array(facts), np.log([float(sale["price"]) for sale in sales])


@dataclass(frozen=True)
class Trial:
    """A network of some depth and width: its RMSE of the log price on what it learnt from, and on other homes."""

    depth: int
    width: int
    train: float
    validation: float


def try_out(
    x: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    depths: Sequence[int] = DEPTHS,
    widths: Sequence[int] = WIDTHS,
    n_train: int = 1000,
    epochs: int = 300,
) -> list[Trial]:
    """Each depth with each width, trained to the end on the same few sales and validated on all others.

    Nothing holds a network back here, neither weight decay nor early stopping: too small ones underfit and too
    large ones overfit, and both are to be seen.
    """
    order = rng.permutation(len(x))
    x, y = _standardised(x[order], n_train), y[order]
    centred = y - y[:n_train].mean()
    return [
        Trial(depth, width, *_errors(x, centred, _layers(x.shape[1], depth, width), rng, n_train, epochs))
        for depth in depths
        for width in widths
    ]


def table(trials: Sequence[Trial]) -> str:
    """The trials as a Markdown table."""
    rows = [
        f"| {t.depth} | {t.width} | {t.train:.3f} | {t.validation:.3f} |"
        for t in sorted(trials, key=lambda t: (t.depth, t.width))
    ]
    head = ["| hidden layers | neurons in each | RMSE, learnt | RMSE, unseen |", "| ---: | ---: | ---: | ---: |"]
    return "\n".join(head + rows)


def _standardised(x: np.ndarray, n_train: int) -> np.ndarray:
    """Each fact less its mean, over its spread: both those of the sales learnt from."""
    known = x[:n_train]
    result: np.ndarray = (x - known.mean(axis=0)) / known.std(axis=0)
    return result


def _layers(n_in: int, depth: int, width: int) -> list[Layer]:
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [Dense(n_in, width), ReLU()]
        n_in = width
    return [*layers, Dense(n_in, 1)]


def _errors(
    x: np.ndarray, y: np.ndarray, layers: list[Layer], rng: np.random.Generator, n_train: int, epochs: int
) -> tuple[float, float]:
    """Train; the RMSE on the sales learnt from, and on the others."""
    network = Network(layers, rng=rng)
    train(
        network,
        Batches(x[:n_train], y[:n_train], size=50),
        loss=RMSE(),
        optimiser=Adam(3e-3),
        rng=rng,
        plan=Plan(epochs=epochs, schedule=cosine),
    )
    misses = network.predict(x)[:, 0] - y
    return float(np.sqrt(np.mean(misses[:n_train] ** 2))), float(np.sqrt(np.mean(misses[n_train:] ** 2)))
