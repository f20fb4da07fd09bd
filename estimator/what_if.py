"""What-if curves: how a value changes with one fact while the others stay the same. Every point is a valuation."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import CONFIDENCE, Appraiser
from estimator.market.arrays import DateArray, FloatArray
from estimator.market.fact_ranges import NumberRange
from estimator.market.facts import Facts, json_value
from estimator.market.feature import Feature
from estimator.market.values import Value
from estimator.valuations import known_number

MAX_POINTS = 25
"""Largest number of values of a numeric fact, besides the subject's own: enough for a smooth line on a screen, and
computed in a fraction of a second."""
_CODE_GAP = 0.5
"""A gap between the values of sold homes that is wider than this share of their range separates amounts from a
code, such as year 0 for "never renovated". No value within it is tried: no home was renovated in the year 252."""
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
    grid = _grid(feature, appraiser)
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


def _grid(feature: Feature, appraiser: Appraiser) -> NDArray[Any]:
    """Return the values of a fact to try for every subject."""
    name, ranges = feature.name, appraiser.fact_ranges
    if feature.is_label:
        return np.array(ranges.labels.get(name, ()), np.str_)
    if feature.fact_kind.choices is not None:
        return np.array(feature.fact_kind.choices, np.float64)
    if name not in ranges.numbers:
        return np.empty(0)
    return _number_grid(feature, ranges.numbers[name], appraiser.model.sales.facts[name])


def _number_grid(feature: Feature, number_range: NumberRange, sold: FloatArray) -> FloatArray:
    """Return numbers to try, over the range of nearly all sold homes.

    They are those that homes have, as 2 and 2.25 bathrooms, where these are few. Where they are many, they are
    evenly spaced, and whole if the fact is whole.

    Parameters
    ----------
    sold
        The fact's value in the sold homes, NaN where unknown.
    """
    is_whole = feature.fact_kind.is_whole
    # A quantile between two whole numbers: homes have both.
    low, high = number_range.low, number_range.high
    low, high = (math.floor(low), math.ceil(high)) if is_whole else (low, high)
    distinct = np.unique(sold[(sold >= low) & (sold <= high)])
    if len(distinct) <= MAX_POINTS:
        return distinct if len(distinct) else np.array([low])
    gaps = np.diff(distinct)
    widest = int(gaps.argmax())
    if gaps[widest] <= _CODE_GAP * (high - low):
        return _spread(low, high, MAX_POINTS, is_whole=is_whole)
    below, above = distinct[: widest + 1], distinct[widest + 1 :]
    code, amounts = (below, above) if len(below) < len(above) else (above, below)
    n_codes = min(len(code), MAX_POINTS // 2)
    parts = [_spread(code[0], code[-1], n_codes, is_whole=is_whole)]
    parts.append(_spread(amounts[0], amounts[-1], MAX_POINTS - n_codes, is_whole=is_whole))
    return np.unique(np.concatenate(parts))


def _spread(low: float, high: float, n: int, *, is_whole: bool) -> FloatArray:
    """Return at most n evenly spaced numbers from low to high, rounded to what their steps show."""
    if is_whole:
        whole: FloatArray = np.rint(np.linspace(low, high, min(n, int(high - low) + 1)))
        return whole
    step = (high - low) / max(n - 1, 1)
    if not step > 0:
        return np.array([low])
    decimals = _STEP_DIGITS - 1 - int(np.floor(np.log10(step)))
    return np.linspace(low, high, n).round(decimals).clip(low, high)
