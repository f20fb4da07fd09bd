"""Homes that are repaired before the resale: their facts afterwards, and how sure the uplift is.

A listing may say what its home will be like: `after_condition`, `after_bathrooms`, and so on. The value with these
facts is the after-repair value (ARV). The two values of one home share most of their error: what no record shows
about it stays. So the uplift, log(ARV) − log(value), has an error of its own, smaller than either value's. How
large it is, neighbouring sold homes show: the more two of them differ in facts, the more the errors of their
values differ (the variogram of the errors over the facts; Cressie 1993, Statistics for Spatial Data, section 2.4).
What homes of equal facts differ by belongs to the home or its sale, and a repair leaves it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.feature import Feature
from estimator.market.market import Market
from estimator.market.plane import kilometres
from estimator.model.price_model import PriceModel

AFTER = "after_"
"""Prefix of a column with a fact as it will be after the repair."""

_NEIGHBOURS = 5
"""Neighbours that each sold home is compared with: more are farther away, and then the place differs, too."""
_MAX_DIFFERENCE = 3.0
"""Largest difference in one fact, in its standard deviations: a mistyped size would decide the slope."""
_MAX_ERROR = 3.0
"""Largest difference of two errors that counts, in robust standard deviations: the same for mistyped prices."""


def after_features(market: Market) -> tuple[Feature, ...]:
    """Return the facts that a repair may change, each declared as the fact afterwards."""
    return tuple(
        Feature(
            AFTER + feature.name,
            feature.kind,
            AFTER + feature.column,
            unit=feature.unit,
            minimum=feature.minimum,
            maximum=feature.maximum,
            aliases=tuple(AFTER + alias for alias in feature.aliases),
            description=f"{feature.name} after the repair.",
        )
        for feature in repairable(market)
    )


def repairable(market: Market) -> tuple[Feature, ...]:
    """Return the facts that a repair may change: all but where the home is."""
    return tuple(feature for feature in market.features if not feature.fact_kind.is_location)


@dataclass(frozen=True)
class Repairs:
    """What n homes will be like after their repair.

    Parameters
    ----------
    facts
        Their facts afterwards, n homes.
    planned
        Whether the listing has any fact of afterwards, shape (n,).
    """

    facts: Facts
    planned: BoolArray

    @classmethod
    def of(cls, market: Market, columns: Facts, facts: Facts) -> Self:
        """Build them from the checked columns of n listings and the facts of their homes as they are."""
        changed: dict[str, NDArray[Any]] = {}
        planned = np.zeros(len(facts), np.bool_)
        for feature in repairable(market):
            name = AFTER + feature.name
            if name in columns.columns and name not in market.by_name:
                known = columns.known(name)
                changed[feature.name] = np.where(known, columns[name], facts[feature.name])
                planned |= known
        return cls(facts.replace(changed), planned)

    def take(self, rows: BoolArray) -> Self:
        """Return those of some homes."""
        return type(self)(self.facts.take(rows), self.planned[rows])


@dataclass(frozen=True)
class Uplift:
    """What the repair adds to the values of n homes.

    Parameters
    ----------
    log_uplift
        log(ARV) − log(value), shape (n,); 0 for a home that stays as it is, or that has no ARV.
    deviation
        Standard deviation of its error, log price, shape (n,).
    planned
        Which homes have an ARV, shape (n,).
    refused
        Which homes have none although a repair is planned, because nothing similar has sold, shape (n,).
    """

    log_uplift: FloatArray
    deviation: FloatArray
    planned: BoolArray
    refused: BoolArray

    @classmethod
    def none(cls, n: int) -> Self:
        """Return that of n homes that stay as they are."""
        return cls(np.zeros(n), np.zeros(n), np.zeros(n, np.bool_), np.zeros(n, np.bool_))

    @classmethod
    def of(cls, price: FloatArray, after: FloatArray, planned: BoolArray, deviation: FloatArray) -> Self:
        """Return that of n homes from their values as they are and afterwards, NaN where refused."""
        refused = planned & np.isnan(after) & ~np.isnan(price)
        usable = planned & ~np.isnan(after)
        log_uplift = np.zeros(len(price))
        log_uplift[usable] = np.log(after[usable] / price[usable])
        return cls(log_uplift, np.where(usable, deviation, 0.0), usable, refused)


@dataclass(frozen=True)
class UpliftErrors:
    """How the error of an uplift grows with what is changed; made by `fit`.

    Parameters
    ----------
    scales
        Fact → its standard deviation among the sold homes; 1 for a label. Facts that never differ are left out.
    variance
        Variance of the error for each standard deviation of difference, log price squared.
    """

    scales: Mapping[str, float]
    variance: float

    @classmethod
    def fit(cls, model: PriceModel) -> Self:
        """Learn from the sales that a model knows and the errors of their values."""
        sales, market = model.sales, model.market
        scales = _scales(repairable(market), sales.facts)
        index = model.index.at(market, sales.facts, sales.date)
        error = model.residual - index
        first, second = _neighbours(market, sales.facts)
        different = sales.home[first] != sales.home[second]
        first, second = first[different], second[different]
        if len(first) == 0:
            return cls(scales, 0.0)
        distance = _distance(scales, sales.facts.take(first), sales.facts.take(second))
        gap = np.abs(error[first] - error[second])
        gap = np.minimum(gap, _MAX_ERROR * float(np.median(gap)) / 0.6745)
        columns = np.column_stack((np.ones(len(gap)), distance))
        slope = float(np.linalg.lstsq(columns, gap**2, rcond=None)[0][1])
        return cls(scales, max(slope, 0.0))

    def deviation(self, before: Facts, after: Facts) -> FloatArray:
        """Return the standard deviation of the error of each of n uplifts, log price, shape (n,).

        A fact that is known afterwards alone counts as much as a difference can: what it is now may be anything,
        and a listing that leaves it out must not look the surer for it.
        """
        distance = _distance(self.scales, before, after)
        for name in self.scales:
            largest = 1.0 if after[name].dtype.kind == "U" else _MAX_DIFFERENCE
            distance += np.where(after.known(name) & ~before.known(name), largest, 0.0)
        deviation: FloatArray = np.sqrt(self.variance * distance)
        return deviation


def _scales(features: Sequence[Feature], facts: Facts) -> dict[str, float]:
    """Return fact → what counts as a difference of 1; see `UpliftErrors`."""
    scales: dict[str, float] = {}
    for feature in features:
        known = facts[feature.name][facts.known(feature.name)]
        if len(known) and (known != known[0]).any():
            scales[feature.name] = 1.0 if feature.is_label else float(np.std(known))
    return scales


def _distance(scales: Mapping[str, float], first: Facts, second: Facts) -> FloatArray:
    """Return by how much n pairs of homes differ in facts, in standard deviations, summed over the facts (n,)."""
    distance = np.zeros(len(first))
    for name, scale in scales.items():
        both = first.known(name) & second.known(name)
        if first[name].dtype.kind == "U":
            distance += both & (first[name] != second[name])
        else:
            difference = np.abs(first[name] - second[name]) / scale
            distance += np.where(both, np.minimum(difference, _MAX_DIFFERENCE), 0.0)
    return distance


def _neighbours(market: Market, facts: Facts) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs of sold homes that are near each other; without locations, pairs that follow each other."""
    rows = np.arange(len(facts))
    if market.coordinates is None:
        return rows[:-1], rows[1:]
    latitude, longitude = (facts[name] for name in market.coordinates)
    rows = rows[~np.isnan(latitude) & ~np.isnan(longitude)]
    if len(rows) <= _NEIGHBOURS:
        return rows[:-1], rows[1:]
    located = facts.take(rows)
    place = kilometres(located, market.coordinates, float(np.mean(latitude[rows])))
    nearest = cKDTree(place).query(place, k=_NEIGHBOURS + 1)[1]
    pairs = np.repeat(rows, _NEIGHBOURS + 1), rows[nearest.ravel()]
    other = pairs[0] != pairs[1]
    return pairs[0][other], pairs[1][other]
