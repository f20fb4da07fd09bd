"""The house network 4-h-h-1: a house's price from four facts, with networks of several depths and widths.

The four facts are location, crime rate, square footage and population. Location is two numbers, latitude and
longitude, so the network has five inputs. It is trained under RMSE on the logarithm of the price: an RMSE of 0.25
is an error of about a quarter of the price.
"""

import csv
import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from estimator.network import RMSE, Adam, Batches, Dense, Layer, Network, Plan, ReLU, cosine, train

DEPTHS = (1, 2, 3)
WIDTHS = (1, 4, 16, 64, 256)
TABLE_HEAD = (
    "| hidden layers | neurons per layer | RMSE, training sales | RMSE, unseen sales |\n"
    "| ---: | ---: | ---: | ---: |"
)
"""The head of a Markdown table of trials."""


def king_county(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read the facts ``(n, 5)`` and the logarithms of the prices in USD ``(n,)`` from King County's folder."""
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
    """The RMSE of the log price of a network of some depth and width, on its training sales and on all others."""

    depth: int
    width: int
    train: float
    validation: float

    def table_row(self) -> str:
        """Return the trial as a row below ``TABLE_HEAD``."""
        return f"| {self.depth} | {self.width} | {self.train:.3f} | {self.validation:.3f} |"


def compare_sizes(
    x: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    depths: Sequence[int] = DEPTHS,
    widths: Sequence[int] = WIDTHS,
    n_train: int = 1000,
    epochs: int = 300,
) -> Iterator[Trial]:
    """Train a network of each depth and width on the same few sales, validate it on all others; yield the results.

    There is no weight decay and no early stopping, so that small networks visibly underfit and large ones overfit.
    """
    order = rng.permutation(len(x))
    x, y = _standardised(x[order], n_train), y[order]
    centred = y - y[:n_train].mean()
    for depth in depths:
        for width in widths:
            layers = _layers(x.shape[1], depth, width)
            yield Trial(depth, width, *_train_and_validate(x, centred, layers, rng, n_train, epochs))


def _standardised(x: np.ndarray, n_train: int) -> np.ndarray:
    """Standardise each fact with the mean and standard deviation of the training sales."""
    train_x = x[:n_train]
    result: np.ndarray = (x - train_x.mean(axis=0)) / train_x.std(axis=0)
    return result


def _layers(n_in: int, depth: int, width: int) -> list[Layer]:
    layers: list[Layer] = []
    for _ in range(depth):
        layers += [Dense(n_in, width), ReLU()]
        n_in = width
    return [*layers, Dense(n_in, 1)]


def _train_and_validate(
    x: np.ndarray, y: np.ndarray, layers: list[Layer], rng: np.random.Generator, n_train: int, epochs: int
) -> tuple[float, float]:
    """Train the network; return its RMSE on the training sales and on the others."""
    network = Network(layers, rng=rng)
    train(
        network,
        Batches(x[:n_train], y[:n_train], size=50),
        loss=RMSE(),
        optimiser=Adam(3e-3),
        rng=rng,
        plan=Plan(epochs=epochs, schedule=cosine),
    )
    error = network.predict(x)[:, 0] - y
    return float(np.sqrt(np.mean(error[:n_train] ** 2))), float(np.sqrt(np.mean(error[n_train:] ** 2)))
