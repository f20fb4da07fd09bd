"""What-if curves: how a value changes with one fact while the others stay the same. Every point is a valuation."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.fact_ranges import FactRanges, NumberRange
from estimator.market.facts import Facts, json_value
from estimator.market.feature import Feature
from estimator.market.values import Value
from estimator.valuations import known_number

MAX_POINTS = 25
"""Largest number of values of a numeric fact, besides the subject's own: enough for a smooth line on a screen, and
computed in a fraction of a second."""
_STEP_DIGITS = 2
"""Values are rounded to this many significant digits of the step between them: 47.53, not 47.53041666666667."""


@dataclass(frozen=True, slots=True)
class Point:
    """The valuation of a subject with another value of one fact; amounts in the currency, to the cent.

    Low and high are NaN in a market with too few sales for ranges.
    """

    value: Value
    price: float
    low: float
    high: float

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer."""
        low, high = known_number(self.low), known_number(self.high)
        return {"value": self.value, "price": self.price, "price_low": low, "price_high": high}


def what_if(
    appraiser: Appraiser,
    facts: Facts,
    feature: Feature,
    date: DateArray | None = None,
    confidence: float = CONFIDENCE,
) -> list[tuple[Point, ...]]:
    """Value n subjects with one fact varied over the range of the sold homes.

    Missing facts are looked up as for any subject: a home that is moved north gets the figures of its new area.

    Parameters
    ----------
    facts, date, confidence
        As in `Appraiser.value`.
    feature
        The fact to vary.

    Returns
    -------
    list
        For each subject its points, ascending by value and independent of the other subjects. They include the
        subject's own value if it is known or looked up. Values that would be refused a price are left out. Empty
        if neither the subject nor any sold home has the fact.
    """
    if not len(facts):
        return []
    name = feature.name
    completed, _ = appraiser.areas.complete(facts)
    own = [completed[name][row : row + 1][completed.known(name)[row : row + 1]] for row in range(len(facts))]
    grid = _grid(feature, appraiser.fact_ranges)
    values = [np.unique(np.concatenate((grid, value))) for value in own]
    n_values = [len(subject_values) for subject_values in values]
    rows = np.repeat(np.arange(len(facts)), n_values)
    column = np.concatenate(values)
    varied = facts.take(rows).replace({name: column})
    valuations = appraiser.value(varied, None if date is None else date[rows], confidence)
    points = [
        Point(json_value(feature, value), price, low, high)
        for value, price, low, high in zip(
            column, valuations.price.tolist(), valuations.low.tolist(), valuations.high.tolist(), strict=True
        )
    ]
    ends = np.cumsum(n_values).tolist()
    curves = [points[end - n : end] for end, n in zip(ends, n_values, strict=True)]
    return [tuple(point for point in curve if not math.isnan(point.price)) for curve in curves]


def _grid(feature: Feature, ranges: FactRanges) -> NDArray[Any]:
    """Return the values of a fact to try for every subject."""
    if feature.is_label:
        return np.array(ranges.labels.get(feature.name, ()), np.str_)
    if feature.fact_kind.choices is not None:
        return np.array(feature.fact_kind.choices, np.float64)
    if feature.name not in ranges.numbers:
        return np.empty(0)
    return _number_grid(feature, ranges.numbers[feature.name])


def _number_grid(feature: Feature, number_range: NumberRange) -> FloatArray:
    """Return evenly spaced numbers over the range of nearly all sold homes; whole ones if the fact is whole."""
    if feature.fact_kind.is_whole:
        # A quantile between two whole numbers: homes have both.
        low, high = np.floor(number_range.low), np.ceil(number_range.high)
        values: FloatArray = np.rint(np.linspace(low, high, min(MAX_POINTS, int(high - low) + 1)))
        return values
    step = (number_range.high - number_range.low) / (MAX_POINTS - 1)
    if not step > 0:
        return np.array([number_range.low])
    decimals = _STEP_DIGITS - 1 - int(np.floor(np.log10(step)))
    values = np.linspace(number_range.low, number_range.high, MAX_POINTS).round(decimals)
    return values.clip(number_range.low, number_range.high)
