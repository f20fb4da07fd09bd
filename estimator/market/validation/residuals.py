"""Sales whose price is absurd for what is known about the home: those a digit too long or too short.

Each price is compared with what the other sales lead one to expect: a robust hedonic regression on facts and
quarter, then the residuals of homes with the same labels and of the nearest homes, each without the sale's own
home. Test sales are never judged here: a model would choose its own test.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import kilometres
from estimator.market.robust import median_and_sigma
from estimator.market.sales import Sales

MIN_SALES = 50
"""With fewer sales, single ones would decide the regression."""
ABSURD_SIGMAS = 7.5
"""Robust standard deviations beyond which a residual is absurd. Residuals have long tails. See
benchmarks/DECISIONS.md, "Bounds of suspicion"."""
ABSURD_RATIO = 4.0
"""A price within this factor of what is expected is never absurd. A digit too many is a factor of 10."""

_HUBER = 1.5
"""Huber threshold, in robust standard deviations (Huber 1964)."""
_CLIP = 3.0
"""Standard deviations at which a residual or a number is cut before it is used for other sales."""
_ROUNDS = 5
_RIDGE = 1.0
_SHRINKAGE = 5.0
"""Sales that pull the mean residual of a label towards 0."""
_NEIGHBOURS = 12


@dataclass(frozen=True)
class Expected:
    """What n prices are compared with.

    Parameters
    ----------
    price
        What the other sales lead one to expect, shape (n,).
    absurd
        Whether the sale's own price is too far from it to be believed, shape (n,).
    """

    price: FloatArray
    absurd: BoolArray


def absurd_prices(market: Market, sales: Sales) -> Expected:
    """Return what each of n sales should have cost, and which prices are absurd beside it."""
    log_price = np.log(sales.price)
    if len(sales) < MIN_SALES:
        return Expected(sales.price, np.zeros(len(sales), np.bool_))
    residual = _regression_residuals(_design(market, sales), log_price)
    for feature in market.labels:
        residual = residual - _mean_of_others(residual, _groups(sales.facts[feature.name]), sales.home)
    if market.coordinates is not None:
        residual = residual - _mean_nearby(residual, market, sales)
    centre, sigma = median_and_sigma(residual)
    absurd = np.abs(residual - centre) > max(ABSURD_SIGMAS * sigma, math.log(ABSURD_RATIO))
    return Expected(np.exp(log_price - residual + centre), absurd)


def _design(market: Market, sales: Sales) -> FloatArray:
    """Return the columns of the regression, shape (n, p): 1, numbers, which are missing, and quarters."""
    columns = [np.ones(len(sales))]
    for feature in market.numbers:
        if feature.fact_kind.is_location:
            continue
        values = sales.facts[feature.name]
        known = ~np.isnan(values)
        if not known.any():
            continue
        least = values[known].min()
        columns += [_standardise(values, known), _standardise(np.log1p(values - least), known)]
        if not known.all():
            columns.append(~known - np.mean(~known))
    if sales.date is not None:
        quarter = sales.date.astype("datetime64[M]").astype(np.int64) // 3
        columns += [(quarter == each).astype(np.float64) for each in np.unique(quarter)[1:]]
    return np.column_stack(columns)


def _standardise(values: FloatArray, known: BoolArray) -> FloatArray:
    """Return numbers as standard deviations from their mean, cut at the far ones; 0 where unknown."""
    middle, spread = float(values[known].mean()), float(values[known].std())
    scaled = (np.where(known, values, middle) - middle) / (spread or 1.0)
    return scaled.clip(-_CLIP, _CLIP)


def _regression_residuals(design: FloatArray, log_price: FloatArray) -> FloatArray:
    """Return the leave-one-out residuals of a ridge regression with Huber's weights, shape (n,)."""
    weight = np.ones(len(log_price))
    penalty = _RIDGE * np.eye(design.shape[1])
    penalty[0, 0] = 0.0
    residual = log_price
    for _ in range(_ROUNDS):
        weighted = design * weight[:, None]
        inverse = np.linalg.inv(weighted.T @ design + penalty)
        fitted = design @ (inverse @ (weighted.T @ log_price))
        leverage = np.einsum("ij,jk,ik->i", design, inverse, weighted, optimize=True)
        residual = (log_price - fitted) / (1.0 - leverage.clip(max=0.99))
        centre, sigma = median_and_sigma(residual)
        weight = np.minimum(1.0, _HUBER * max(sigma, 1e-9) / np.abs(residual - centre).clip(min=1e-12))
    return residual


def _groups(labels: NDArray[np.str_]) -> NDArray[np.intp]:
    """Return the number of each label, shape (n,); sales without a label are a group like others."""
    return np.unique(labels, return_inverse=True)[1]


def _mean_of_others(residual: FloatArray, group: NDArray[np.intp], home: NDArray[np.int64]) -> FloatArray:
    """Return the shrunk mean residual of each sale's group, without the sale's own home, shape (n,)."""
    clipped = _clip(residual)
    _, own = np.unique(np.column_stack((group, home)), axis=0, return_inverse=True)
    own = own.ravel()
    total = np.bincount(group, clipped)[group] - np.bincount(own, clipped)[own]
    count = np.bincount(group)[group] - np.bincount(own)[own]
    means: FloatArray = total / (count + _SHRINKAGE)
    return means


def _mean_nearby(residual: FloatArray, market: Market, sales: Sales) -> FloatArray:
    """Return the shrunk mean residual of the nearest sales of other homes, shape (n,); 0 without a place."""
    assert market.coordinates is not None  # noqa: S101  # the caller has checked
    facts: Facts = sales.facts
    located = np.flatnonzero(~facts.unknown(market.coordinates).any(axis=1))
    means = np.zeros(len(residual))
    if len(located) <= _NEIGHBOURS:
        return means
    latitude = float(facts[market.coordinates[0]][located].mean())
    places = kilometres(facts.take(located), market.coordinates, latitude)
    nearest = np.asarray(KDTree(places).query(places, k=_NEIGHBOURS + 1)[1])
    other = sales.home[located][nearest] != sales.home[located][:, None]
    values = np.where(other, _clip(residual)[located][nearest], 0.0)
    means[located] = values.sum(axis=1) / (other.sum(axis=1) + 1.0)
    return means


def _clip(residual: FloatArray) -> FloatArray:
    centre, sigma = median_and_sigma(residual)
    clipped: FloatArray = (residual - centre).clip(-_CLIP * sigma, _CLIP * sigma)
    return clipped
