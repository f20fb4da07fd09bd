"""Facts about the sold homes nearby, from our own room for them, as every model may have them.

The one place that knows the interface of `estimator.features.comparables`.
"""

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.accuracy.datasets import DataSet
from estimator.features.comparables import Comparables

VERSION = 2
"""Of the facts. When what they say changes, this does too: models that are given them are then trained again."""


@dataclass(frozen=True)
class Nearby:
    """Facts about the comparables of a data set's homes.

    Parameters
    ----------
    names
        Of the m facts.
    train, validation, test
        The facts, float32, shape (n, m). No home's own sale is in them, and none that was not closed before its
        day; the test homes' may be validation sales.
    fit_seconds
        Processor seconds that the index and the facts of the training sales took.
    predict_seconds
        What the facts of the test sales took.
    """

    names: list[str]
    train: Any
    validation: Any
    test: Any
    fit_seconds: float
    predict_seconds: float


def nearby(data: DataSet, kept: Path) -> Nearby:
    """Return the facts, from the file that they are kept in if it is there."""
    if not kept.exists():
        facts = _gather(data)
        kept.parent.mkdir(parents=True, exist_ok=True)
        beside = kept.with_suffix(".part.npz")
        np.savez(beside, **vars(facts))
        beside.replace(kept)
    with np.load(kept) as file:
        return Nearby(
            [str(name) for name in file["names"]],
            *(file[part] for part in ("train", "validation", "test")),
            *(float(file[name]) for name in ("fit_seconds", "predict_seconds")),
        )


def _gather(data: DataSet) -> Nearby:
    train, validation, test = data.parts.train, data.parts.validation, data.parts.test
    began = time.process_time()
    # Without declared effects on the price all facts count for likeness: better for whoever need not keep to them.
    features = tuple(replace(feature, price_effect=None) for feature in data.market.features)
    index = Comparables.fit(replace(data.market, features=features), train, np.random.default_rng(0))
    if index is None:
        raise ValueError(f"{data.market.name} has no places, and so no comparables")
    learned = index.facts(train.facts, train.date, train.home)
    fit_seconds = time.process_time() - began
    chosen = index.facts(validation.facts, validation.date, validation.home)
    index = index.with_sales(train.joined(validation))
    began = time.process_time()
    asked = index.facts(test.facts, test.date, test.home)
    return Nearby(list(index.names), learned, chosen, asked, fit_seconds, time.process_time() - began)
