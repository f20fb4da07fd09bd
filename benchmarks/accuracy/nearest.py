"""Baseline: the mean price of the nearest sold homes, by location and size."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import KM_PER_DEGREE
from estimator.market.sales import Sales

COUNTS = (5, 8, 12, 20, 30)
"""Numbers of neighbours tried. On no data set is the first or last of these and the next two grids the best."""
KILOMETRES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""Distances, in km, that a difference of 1 in the log size is equivalent to."""
SLOPES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Slopes of the log price in the log size; 1 compares prices per square foot."""


@dataclass(frozen=True)
class Similarity:
    """Settings of the distance and the mean, chosen on the validation sales.

    Parameters
    ----------
    count
        Number of neighbours.
    kilometres, slope
        See `KILOMETRES` and `SLOPES`.
    """

    count: int
    kilometres: float
    slope: float


def fit_nearest(training: TrainingInput) -> Predictor:
    """Choose the settings on the validation sales; predictions use the sales known at prediction time."""
    choices = [Similarity(*choice) for choice in product(COUNTS, KILOMETRES, SLOPES)]
    facts = training.validation_sales.facts
    target = training.validation_log_price

    def error(similarity: Similarity) -> float:
        values = value(training.market, training.size, training.sales, facts, similarity)
        return float(np.mean((values - target) ** 2))

    best = min(choices, key=error)

    def predict(subjects: Subjects) -> FloatArray:
        return value(training.market, training.size, subjects.sold, subjects.facts, best)

    return predict


def value(market: Market, size: str, sold: Sales, facts: Facts, similarity: Similarity) -> FloatArray:
    """Return log prices of n homes, shape (n,): means over neighbours weighted by 1/(distance + 100 m)."""
    latitude = float(np.mean(sold.facts[_coordinates(market)[0]]))
    positions = [_position(market, size, homes, latitude, similarity.kilometres) for homes in (sold.facts, facts)]
    distance, nearest = KDTree(positions[0]).query(positions[1], range(1, similarity.count + 1))
    weight = 1 / (np.asarray(distance) + 0.1)
    level = np.log(sold.price) - similarity.slope * np.log(sold.facts[size])
    mean = (weight * level[nearest]).sum(axis=1) / weight.sum(axis=1)
    values: FloatArray = mean + similarity.slope * np.log(facts[size])
    return values


def _coordinates(market: Market) -> tuple[str, str]:
    assert market.coordinates is not None, "every data set of the benchmark has coordinates"
    return market.coordinates


def _position(market: Market, size: str, facts: Facts, latitude: float, kilometres: float) -> Any:
    """Return north, east and scaled log size, all in km, shape (n, 3)."""
    north, east = (KM_PER_DEGREE * facts[name] for name in _coordinates(market))
    return np.column_stack((north, east * np.cos(np.radians(latitude)), kilometres * np.log(facts[size])))
