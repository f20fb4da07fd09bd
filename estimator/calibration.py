"""Calibrate a model on sales that it does not know: how far off its values are, with more and with fewer facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.market.areas import AreaLookup, Areas
from estimator.market.arrays import BoolArray, DateArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.ensemble import Callback
from estimator.model.price_model import PriceModel
from estimator.model.recipe import Recipe
from estimator.uncertainty.conformal import MIN_CALIBRATION_SALES, CalibrationResiduals
from estimator.uncertainty.error_scale import ErrorScale

FOLDS = 10
"""Parts of the sales of a small market. Each is valued by a model that was trained on eight of the others, with
one for validation: nearly as many as the model that is kept was trained on. See benchmarks/DECISIONS.md,
"Ranges of small markets are calibrated across ten folds"."""
MAX_CALIBRATION_SALES = 5000
"""Newest sales that the ranges are calibrated on: errors of years ago say little about today's. See
benchmarks/DECISIONS.md, "Adaptive ranges and ranges by place are not used"."""


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
    lookup: AreaLookup,
    model: PriceModel,
    error_scale: ErrorScale,
    sales: Sales,
    rng: np.random.Generator,
    *,
    learn: bool = True,
) -> tuple[tuple[CalibrationResiduals, ...], PriceModel]:
    """Return the errors of m sales that the model does not know, and the model that knows them.

    The price index is taken as it was known at the beginning of the sale's month: that is how the model is used.

    Parameters
    ----------
    learn
        Whether the networks may learn from the sales afterwards. Validation sales have chosen them already.
    """
    valued = _value_unknown(lookup, model, error_scale, sales, rng, before=sales.date)
    completed, errors = valued[0]
    knowing = model.with_sales(replace(sales, facts=completed), errors.residual, learn=learn)
    index, date, n = knowing.index, sales.date, len(sales)
    widening = index.widening(index.standard_error_before_month(date, n))
    errors_by_facts = tuple(
        errors.after_index(index.before_month(model.market, homes, date), widening)._replace(
            row=len(model.sales) + errors.row
        )
        for homes, errors in valued
    )
    return errors_by_facts, knowing


def _value_unknown(
    lookup: AreaLookup,
    model: PriceModel,
    error_scale: ErrorScale,
    sales: Sales,
    rng: np.random.Generator,
    before: DateArray | None,
) -> list[tuple[Facts, CalibrationResiduals]]:
    """Return facts and errors of m sales, the errors of their worth: log(price) − worth; their rows are 0 to m.

    Each sale is valued three times: with all its facts, with a random part of the optional ones withheld, and with
    the required ones alone. Withheld facts are looked up or unknown as in a real request.

    Parameters
    ----------
    before
        Only sales before these dates are comparables, shape (m,); None for all sales.
    """
    optional = [feature.name for feature in model.market.features if not feature.required]
    share = rng.random((len(sales), 1))
    random_part = rng.random((len(sales), len(optional))) < share
    valued = []
    for hidden in (np.zeros_like(random_part), random_part, np.ones_like(random_part)):
        facts = sales.facts.without(dict(zip(optional, hidden.T, strict=True)))
        completed, looked_up = lookup.complete(facts)
        estimates = model.estimate(completed, sales.date, sales.home, before)
        missing = missing_facts(model, model.unknown(completed), looked_up)
        scales = error_scale.scales(facts, estimates.error_features)
        residual = np.log(sales.price) - estimates.log_worth
        valued.append((completed, CalibrationResiduals(residual, missing, scales, np.arange(len(sales)))))
    return valued


@dataclass(frozen=True)
class CalibratedModel:
    """A price model that knows its training and validation sales, and how large its errors are.

    Parameters
    ----------
    lookup
        Fills in the figures of a subject's area.
    model
        Facts → log price.
    error_scale
        How large the error is for some homes relative to others.
    calibration
        Errors of sales that the model did not know, as `calibrate` returns them.
    """

    lookup: AreaLookup
    model: PriceModel
    error_scale: ErrorScale
    calibration: tuple[CalibrationResiduals, ...]


def fit_calibrated(
    market: Market,
    areas: Areas,
    train: Sales,
    validation: Sales,
    rng: np.random.Generator,
    callbacks: Sequence[Callback],
    recipe: Recipe,
) -> CalibratedModel:
    """Train a model and calibrate it on the validation sales, or across both where these are too few for ranges.

    The parameters are those of `PriceModel.fit`; nothing is looked up yet.
    """
    fitted = _fit(market, areas, train, validation, rng, callbacks, recipe)
    sales = train.joined(validation)
    if len(validation) < MIN_CALIBRATION_SALES <= len(np.unique(sales.home)):
        calibration = cross_calibrate(market, areas, fitted.error_scale, sales, rng.spawn(1)[0], recipe)
        return replace(fitted, calibration=calibration)
    return fitted


def _fit(
    market: Market,
    areas: Areas,
    train: Sales,
    validation: Sales,
    rng: np.random.Generator,
    callbacks: Sequence[Callback],
    recipe: Recipe,
) -> CalibratedModel:
    """Train a model and calibrate it on the validation sales."""
    lookup = AreaLookup(market, areas, train.facts)
    model = PriceModel.fit(
        market, complete_sales(lookup, train), complete_sales(lookup, validation), rng, callbacks, recipe
    )
    error_scale = fit_error_scale(market, model, train)
    calibration, model = calibrate(lookup, model, error_scale, validation, rng, learn=False)
    return CalibratedModel(lookup, model, error_scale, calibration)


def cross_calibrate(
    market: Market,
    areas: Areas,
    error_scale: ErrorScale,
    sales: Sales,
    rng: np.random.Generator,
    recipe: Recipe,
) -> tuple[CalibrationResiduals, ...]:
    """Return the errors of n sales, in their order, each valued by a model that was trained without its home.

    A model knows sales of all times here, so its index and its comparables are those of today's values, too.

    Parameters
    ----------
    error_scale
        Of the model that is kept: scales of several fits could not be compared.

    Notes
    -----
    Cross-conformal prediction (Vovk 2015, Cross-conformal predictors): every sale calibrates, where the validation
    sales alone are too few. The models differ from the one that is kept in a fifth of their training sales.
    """
    homes, home = np.unique(sales.home, return_inverse=True)
    fold = (rng.permutation(len(homes)) % FOLDS)[home]
    parts = []
    for number in range(FOLDS):
        held_out, validation = fold == number, fold == (number + 1) % FOLDS
        train = sales.take(~held_out & ~validation)
        fitted = _fit(market, areas, train, sales.take(validation), rng, (), recipe)
        own = sales.take(held_out)
        valued = _value_unknown(fitted.lookup, fitted.model, error_scale, own, rng, before=None)
        index = fitted.model.index
        widening = index.widening(index.standard_error(own.date, len(own)))
        row = np.flatnonzero(held_out)
        parts.append(
            [
                errors.after_index(index.at(market, homes, own.date), widening)._replace(row=row)
                for homes, errors in valued
            ]
        )
    joined = map(CalibrationResiduals.concatenated, zip(*parts, strict=True))
    return tuple(errors.take(np.argsort(errors.row)) for errors in joined)


def join_residuals(
    known: tuple[CalibrationResiduals, ...], added: tuple[CalibrationResiduals, ...], date: DateArray | None
) -> tuple[CalibrationResiduals, ...]:
    """Return the errors of both, entry by entry, of the newest `MAX_CALIBRATION_SALES` sales.

    Parameters
    ----------
    date
        Of all sales that the model knows, with those added. A sale that is recorded late is not new.
    """
    return tuple(
        CalibrationResiduals.concatenated(pair).newest(date, MAX_CALIBRATION_SALES)
        for pair in zip(known, added, strict=True)
    )
