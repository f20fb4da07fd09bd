"""What if: how a value moves along one fact, all others held. Every point is a valuation like any other."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges, NumberRange
from estimator.market.facts import Facts, json_value
from estimator.market.market import Feature
from estimator.market.values import Value

POINTS = 25
"""Values of a number, at most, besides the subject's own: a smooth line on a screen, and a fraction of a second's
work for one home."""
_SIGNIFICANT = 2
"""Digits of the step between two values that a value is rounded to: 47.53 and not 47.53041666666667."""


@dataclass(frozen=True, slots=True)
class Point:
    """The valuation of a subject, were one of its facts of this value; amounts in the currency, to the cent."""

    value: Value
    price: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as an answer gives it."""
        return {"value": self.value, "price": self.price, "price_low": self.low, "price_high": self.high}


def what_if(
    appraiser: Appraiser,
    facts: Facts,
    feature: Feature,
    date: DateArray | None = None,
    confidence: float = CONFIDENCE,
) -> list[tuple[Point, ...]]:
    """Value n subjects with one fact moved over what sold homes have.

    What the subjects do not say is looked up as for any subject: a home moved north has the figures of the area
    it comes to.

    Parameters
    ----------
    facts, date, confidence
        As in `Appraiser.value`.
    feature
        The fact that is moved.

    Returns
    -------
    list
        For each subject the points in order of the value, its own among them where that is known or looked up;
        none where neither the subject nor any sold home has the fact. A value with which the home would be
        refused a price has no point. It does not depend on the other subjects.
    """
    if not len(facts):
        return []
    name = feature.name
    completed, _ = appraiser.areas.complete(facts)
    own = [completed[name][row : row + 1][completed.known(name)[row : row + 1]] for row in range(len(facts))]
    usual = _usual_values(feature, appraiser.fact_ranges)
    values = [np.unique(np.concatenate((usual, value))) for value in own]
    rows = np.repeat(np.arange(len(facts)), [len(each) for each in values])
    column = np.concatenate(values)
    moved = facts.take(rows).replace({name: column})
    valuations = appraiser.value(moved, None if date is None else date[rows], confidence)
    points = [
        Point(json_value(feature, value), price, low, high)
        for value, price, low, high in zip(
            column, valuations.price.tolist(), valuations.low.tolist(), valuations.high.tolist(), strict=True
        )
    ]
    ends = np.cumsum([len(each) for each in values]).tolist()
    curves = [points[end - len(each) : end] for end, each in zip(ends, values, strict=True)]
    return [tuple(point for point in curve if not math.isnan(point.price)) for curve in curves]


def _usual_values(feature: Feature, ranges: FactRanges) -> NDArray[Any]:
    """Return the values of a fact that sold homes usually have, whatever the subject's."""
    if feature.is_label:
        return np.array(ranges.labels.get(feature.name, ()), np.str_)
    if feature.fact_kind.choices is not None:
        return np.array(feature.fact_kind.choices, np.float64)
    if feature.name not in ranges.numbers:
        return np.empty(0)
    return _spread(feature, ranges.numbers[feature.name])


def _spread(feature: Feature, found: NumberRange) -> FloatArray:
    """Return numbers evenly spread over what nearly all sold homes have; whole ones where the fact is."""
    if feature.fact_kind.is_whole:
        # Between two whole numbers a quantile is neither; both are homes'.
        low, high = np.floor(found.low), np.ceil(found.high)
        values: FloatArray = np.rint(np.linspace(low, high, min(POINTS, int(high - low) + 1)))
        return values
    step = (found.high - found.low) / (POINTS - 1)
    if not step > 0:
        return np.array([found.low])
    decimals = _SIGNIFICANT - 1 - int(np.floor(np.log10(step)))
    values = np.linspace(found.low, found.high, POINTS).round(decimals)
    return values.clip(found.low, found.high)
