"""Comparables alone: the mean of the nearest sold homes, near in place and alike in size."""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.market.areas import KM_PER_DEGREE
from estimator.market.arrays import FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales

COUNTS = (5, 8, 12, 20, 30)
"""How many sold homes the mean is of. Of these and the next two, an end is the best on no data set."""
KILOMETRES = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
"""A home e times as large counts as so far away."""
SLOPES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""By how much the log price is taken to rise with the log size; 1 compares prices per square foot."""


@dataclass(frozen=True)
class Likeness:
    """What the nearest is, chosen on the validation sales.

    Parameters
    ----------
    count
        How many sold homes the mean is of.
    kilometres, slope
        See `KILOMETRES` and `SLOPES`.
    """

    count: int
    kilometres: float
    slope: float


def fit_nearest(lesson: Lesson) -> Predictor:
    """Choose a likeness; the homes that are looked among are the ones sold by the time of asking."""
    choices = [Likeness(*choice) for choice in product(COUNTS, KILOMETRES, SLOPES)]
    seen = lesson.validation_sales.facts
    target = lesson.validation_log_price

    def error(likeness: Likeness) -> float:
        values = value(lesson.market, lesson.size, lesson.sales, seen, likeness)
        return float(np.mean((values - target) ** 2))

    best = min(choices, key=error)

    def predict(subjects: Subjects) -> FloatArray:
        return value(lesson.market, lesson.size, subjects.sold, subjects.facts, best)

    return predict


def value(market: Market, size: str, sold: Sales, facts: Facts, likeness: Likeness) -> FloatArray:
    """Return the log prices of n homes, shape (n,): their neighbours', weighted by 1/(distance + 100 m)."""
    latitude = float(np.mean(sold.facts[_coordinates(market)[0]]))
    places = [_place(market, size, homes, latitude, likeness.kilometres) for homes in (sold.facts, facts)]
    distance, nearest = KDTree(places[0]).query(places[1], range(1, likeness.count + 1))
    weight = 1 / (np.asarray(distance) + 0.1)
    level = np.log(sold.price) - likeness.slope * np.log(sold.facts[size])
    mean = (weight * level[nearest]).sum(axis=1) / weight.sum(axis=1)
    values: FloatArray = mean + likeness.slope * np.log(facts[size])
    return values


def _coordinates(market: Market) -> tuple[str, str]:
    assert market.coordinates is not None, "every data set of the benchmark has places"
    return market.coordinates


def _place(market: Market, size: str, facts: Facts, latitude: float, kilometres: float) -> Any:
    """Return places north and east and the log size, in km, shape (n, 3)."""
    north, east = (KM_PER_DEGREE * facts[name] for name in _coordinates(market))
    return np.column_stack((north, east * np.cos(np.radians(latitude)), kilometres * np.log(facts[size])))
