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
from estimator.market.arrays import Float32Array
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.price_index import PriceIndex, first_index
from estimator.model.training_set import adjusted_log_price

VERSION = 3
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
    market, rng = replace(data.market, features=features), np.random.default_rng(0)
    index, _ = first_index(market, train, rng)
    found = Comparables.fit(market, train, adjusted_log_price(market, train, index), rng)
    if found is None:
        raise ValueError(f"{market.name} has no coordinates, so it has no comparables")
    train_features = _as_of_their_dates(found, market, index, train)
    fit_seconds = time.process_time() - start
    validation_features = _as_of_their_dates(found, market, index, validation)
    known = train.joined(validation)
    index, _ = first_index(market, known, rng)
    found = found.with_sales(known, adjusted_log_price(market, known, index))
    start = time.process_time()
    test_features = _as_of_their_dates(found, market, index, test)
    return ComparableFeatures(
        list(found.names),
        train_features,
        validation_features,
        test_features,
        fit_seconds,
        time.process_time() - start,
    )


def _as_of_their_dates(found: Comparables, market: Market, index: PriceIndex, homes: Sales) -> Float32Array:
    """Return the features of n homes, log prices as of their dates: the other models learn such prices."""
    features = found.price_features(homes.facts, homes.home, homes.date)
    is_log_price = [name.endswith("log_price") for name in found.names]
    features[:, is_log_price] += index.at(market, homes.facts, homes.date).astype(np.float32)[:, None]
    return features
