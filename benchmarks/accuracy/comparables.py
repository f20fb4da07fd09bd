"""Features of comparables, computed by `estimator.features.comparables`, for all models.

The only module of the benchmark that depends on its interface.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.datasets import DataSet
from estimator.features.comparables import Comparables

VERSION = 2
"""Version of the features. Raise it when they change, so that the models that use them are trained again."""


@dataclass(frozen=True)
class ComparableFeatures:
    """Features of the comparables of a data set's homes.

    Parameters
    ----------
    names
        Names of the m features.
    train, validation, test
        The features, float32, shape (n, m). They never use the home's own sale or a sale closed after its date;
        those of test homes also use validation sales.
    fit_seconds
        CPU seconds for the index and the features of the training sales.
    predict_seconds
        CPU seconds for the features of the test sales.
    """

    names: list[str]
    train: Any
    validation: Any
    test: Any
    fit_seconds: float
    predict_seconds: float


def comparable_features(data: DataSet, cached: Path) -> ComparableFeatures:
    """Return the features, from the cache file if it exists."""
    if not cached.exists():
        features = _compute(data)
        cached.parent.mkdir(parents=True, exist_ok=True)
        temporary = cached.with_suffix(".part.npz")
        np.savez(temporary, **vars(features))
        temporary.replace(cached)
    with np.load(cached) as file:
        return ComparableFeatures(
            [str(name) for name in file["names"]],
            *(file[part] for part in ("train", "validation", "test")),
            *(float(file[name]) for name in ("fit_seconds", "predict_seconds")),
        )


def _compute(data: DataSet) -> ComparableFeatures:
    train, validation, test = data.parts.train, data.parts.validation, data.parts.test
    start = time.process_time()
    # Without price effects all facts count for similarity, which suits models that need not be monotone.
    features = tuple(replace(feature, price_effect=None) for feature in data.market.features)
    index = Comparables.fit(replace(data.market, features=features), train, np.random.default_rng(0))
    if index is None:
        raise ValueError(f"{data.market.name} has no coordinates, so it has no comparables")
    train_features = index.price_features(train.facts, train.date, train.home)
    fit_seconds = time.process_time() - start
    validation_features = index.price_features(validation.facts, validation.date, validation.home)
    index = index.with_sales(train.joined(validation))
    start = time.process_time()
    test_features = index.price_features(test.facts, test.date, test.home)
    return ComparableFeatures(
        list(index.names),
        train_features,
        validation_features,
        test_features,
        fit_seconds,
        time.process_time() - start,
    )
