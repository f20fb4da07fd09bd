"""What the networks are trained and validated on: columns and prices, computed once from the sales.

Some sales are included a second time with facts withheld, so that the networks can value a subject that lacks
them. Knows nothing of how networks are built: all networks share one training set.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from estimator.features.leave_home_out import LeaveHomeOut
from estimator.features.pipeline import FeaturePipeline, Features
from estimator.market.arrays import FloatArray
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.model.price_index import PriceIndex


@dataclass(frozen=True)
class Inputs:
    """The columns that a network is given.

    Parameters
    ----------
    n_columns
        All of them.
    n_numeric
        How many of them, the first ones, are numbers to be encoded as waves.
    n_monotone
        How many of them, the last ones, may only raise the price.
    """

    n_columns: int
    n_numeric: int
    n_monotone: int


@dataclass(frozen=True)
class TrainingSet:
    """Made by `build_training_set`.

    Parameters
    ----------
    inputs
        What the d + r columns are, r of them monotone.
    columns
        Features of n training sales, shape (n, d + r).
    target
        Their standardised log prices, adjusted for time, shape (n,).
    validation
        Features of m sales that the networks are not trained on; of none in `extend_training_set`.
    validation_log_price
        Shape (m,), adjusted for time, not standardised.
    mean, deviation
        Of the adjusted log prices of the sales that the networks were first trained on, each counted once.
    leave_home_out
        Features of the training sales, each computed without its own home's prices.
    """

    inputs: Inputs
    columns: NDArray[np.float32]
    target: FloatArray
    validation: Features
    validation_log_price: FloatArray
    mean: float
    deviation: float
    leave_home_out: Features


def build_training_set(
    market: Market,
    sales: Sales,
    validation: Sales,
    index: PriceIndex,
    withheld_share: float,
    rng: np.random.Generator,
) -> tuple[FeaturePipeline, TrainingSet]:
    """Fit the feature pipeline to the training sales, and compute the features of all sales.

    Parameters
    ----------
    sales, validation
        Training and validation sales, their areas' figures filled in. There may be no validation sales.
    index
        Adjusts their prices for time.
    withheld_share
        Share of the training sales that is included a second time with facts withheld.
    """
    log_price = adjusted_log_price(market, sales, index)
    scale = float(log_price.mean()), float(log_price.std()) or 1.0
    fitted = FeaturePipeline.fit(market, sales, log_price, rng)
    training_set = _assemble(fitted, sales, log_price, scale, withheld_share, rng)
    held_out = fitted[0].transform(validation.facts, validation.date, validation.home, validation.date)
    validation_log_price = adjusted_log_price(market, validation, index)
    return fitted[0], replace(training_set, validation=held_out, validation_log_price=validation_log_price)


def extend_training_set(
    pipeline: FeaturePipeline,
    sales: Sales,
    index: PriceIndex,
    scale: tuple[float, float],
    withheld_share: float,
    rng: np.random.Generator,
) -> tuple[FeaturePipeline, TrainingSet]:
    """Return a training set of more sales for networks that know the pipeline's columns, without validation sales.

    Parameters
    ----------
    sales
        All sales to learn from, their areas' figures filled in.
    index
        Adjusts their prices for time.
    scale
        Mean and deviation by which log prices were standardised for the networks.
    withheld_share
        As for `build_training_set`.
    """
    log_price = adjusted_log_price(pipeline.encoder.market, sales, index)
    fitted = pipeline.fit_again(sales, log_price)
    return fitted[0], _assemble(fitted, sales, log_price, scale, withheld_share, rng)


def _assemble(
    fitted: tuple[FeaturePipeline, LeaveHomeOut, Features],
    sales: Sales,
    log_price: FloatArray,
    scale: tuple[float, float],
    withheld_share: float,
    rng: np.random.Generator,
) -> TrainingSet:
    """Return the training set of sales that a pipeline was fitted to, without validation sales."""
    pipeline, kriging_left_out, features = fitted
    mean, deviation = scale
    rows, withheld = withhold_facts(pipeline.encoder.market, sales, withheld_share, rng)
    withheld_features = pipeline.transform(
        withheld.facts, withheld.date, withheld.home, withheld.date, kriging_left_out
    )
    none = sales.take(np.zeros(len(sales), np.bool_))
    return TrainingSet(
        inputs=Inputs(features.columns.shape[1], pipeline.n_numeric, pipeline.n_monotone),
        columns=np.vstack((features.columns, withheld_features.columns)),
        target=(np.concatenate((log_price, log_price[rows])) - mean) / deviation,
        validation=pipeline.transform(none.facts, none.date),
        validation_log_price=np.empty(0),
        mean=mean,
        deviation=deviation,
        leave_home_out=features,
    )


def adjusted_log_price(market: Market, sales: Sales, index: PriceIndex) -> FloatArray:
    """Return the log prices of n sales adjusted for time, shape (n,): what the index adds is taken off."""
    log_price: FloatArray = np.log(sales.price) - index.at(market, sales.facts, sales.date)
    return log_price


def withhold_facts(
    market: Market, sales: Sales, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Sales]:
    """Draw a share of the sales; return their rows, and the sales with random optional facts hidden."""
    rows = np.sort(rng.choice(len(sales), round(share * len(sales)), replace=False))
    drawn = sales.take(rows)
    optional = [feature.name for feature in market.features if not feature.required]
    hidden = rng.random((len(rows), len(optional))) < rng.random((len(rows), 1))
    return rows, replace(drawn, facts=drawn.facts.without(dict(zip(optional, hidden.T, strict=True))))
