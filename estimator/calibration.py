"""Calibrate a model on sales that it does not know: how far off its values are, with more and with fewer facts."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.market.areas import AreaLookup
from estimator.market.arrays import BoolArray
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.price_model import PriceModel
from estimator.uncertainty.conformal import CalibrationResiduals
from estimator.uncertainty.error_scale import ErrorScale

MAX_CALIBRATION_SALES = 5000
"""Newest sales that the ranges are calibrated on: errors of years ago say little about today's."""


def complete_sales(lookup: AreaLookup, sales: Sales) -> Sales:
    """Return the sales with their areas' figures filled in."""
    return replace(sales, facts=lookup.complete(sales.facts)[0])


def missing_facts(model: PriceModel, unknown: BoolArray, looked_up: Mapping[str, BoolArray]) -> BoolArray:
    """Return which facts of n subjects are unknown, then which were looked up, shape (n, 2f)."""
    missing = np.zeros((len(unknown), 2 * len(model.facts)), np.bool_)
    missing[:, : len(model.facts)] = unknown
    for name, where in looked_up.items():
        missing[:, len(model.facts) + model.facts.index(name)] = where
    return missing


def fit_error_scale(market: Market, model: PriceModel, sales: Sales) -> ErrorScale:
    """Fit the error scale to the model's estimates of its training sales."""
    errors = model.training_errors
    assert errors is not None  # noqa: S101  # `PriceModel.fit` has just made them
    with threadpool_limits(1, user_api="blas"):  # more threads would change the last bits
        return ErrorScale.fit(market, sales.facts, errors.error_features, errors.residual)


def calibrate(
    lookup: AreaLookup, model: PriceModel, error_scale: ErrorScale, sales: Sales, rng: np.random.Generator
) -> tuple[tuple[CalibrationResiduals, ...], PriceModel]:
    """Return the errors of m sales that the model does not know, and the model that knows them.

    Each sale is valued three times: with all its facts, with a random part of the optional ones withheld, and with
    the required ones alone. Withheld facts are looked up or unknown as in a real request. The price index is taken
    as it was known at the beginning of the sale's month: that is how the model is used.
    """
    optional = [feature.name for feature in model.market.features if not feature.required]
    share = rng.random((len(sales), 1))
    random_part = rng.random((len(sales), len(optional))) < share
    valued = []
    for hidden in (np.zeros_like(random_part), random_part, np.ones_like(random_part)):
        facts = sales.facts.without(dict(zip(optional, hidden.T, strict=True)))
        completed, looked_up = lookup.complete(facts)
        estimates = model.estimate(completed, sales.date, sales.home, sales.date)
        missing = missing_facts(model, model.unknown(completed), looked_up)
        scales = error_scale.scales(facts, estimates.error_features)
        residual = np.log(sales.price) - estimates.log_worth
        valued.append((completed, CalibrationResiduals(residual, missing, scales)))
    knowing = model.with_sales(replace(sales, facts=valued[0][0]), valued[0][1].residual)
    index = knowing.index
    widening = index.widening(index.standard_error_before_month(sales.date, len(sales)))[:, None]
    return (
        tuple(
            CalibrationResiduals(
                errors.residual - index.before_month(model.market, completed, sales.date),
                errors.missing,
                errors.scales * widening,
            )
            for completed, errors in valued
        ),
        knowing,
    )


def join_residuals(
    known: tuple[CalibrationResiduals, ...], newest: tuple[CalibrationResiduals, ...]
) -> tuple[CalibrationResiduals, ...]:
    """Return the errors of both, entry by entry, of the newest `MAX_CALIBRATION_SALES` sales."""
    return tuple(old.joined(new, MAX_CALIBRATION_SALES) for old, new in zip(known, newest, strict=True))
