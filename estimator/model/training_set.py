"""What networks learn from and are chosen on: columns and prices, made once from the sales.

Some sales stand in them a second time with facts withheld, so that networks understand a subject that lacks them.
Knows nothing of how networks are built: all that learn from the same sales share the same lessons.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from estimator.features.pipeline import FeaturePipeline, Seen
from estimator.market.facts import FloatArray
from estimator.market.market import Market
from estimator.market.sales import Sales


@dataclass(frozen=True)
class TrainingSet:
    """Made by `build_training_set`.

    Parameters
    ----------
    numbers
        How many of the d + r columns, the first ones, are numbers to be made waves of.
    directed
        How many of them, r, the last ones, are numbers that the price may only rise with.
    columns
        What is seen of n training sales, shape (n, d + r).
    price
        Their standardised log prices, shape (n,).
    validation
        What is seen of m sales that are not learned from.
    validation_log_price
        Shape (m,), not standardised.
    mean, deviation
        Of the training sales' log prices, each counted once.
    left_out
        What is seen of the training sales, each without its own home's prices.
    """

    numbers: int
    directed: int
    columns: NDArray[np.float32]
    price: FloatArray
    validation: Seen
    validation_log_price: FloatArray
    mean: float
    deviation: float
    left_out: Seen


def build_training_set(
    market: Market, sales: Sales, validation: Sales, withheld_share: float, rng: np.random.Generator
) -> tuple[FeaturePipeline, TrainingSet]:
    """Learn what is to be seen of homes, and look at the sales so.

    Parameters
    ----------
    sales, validation
        Training and validation sales, their area's figures filled in.
    withheld_share
        Of the training sales, those that stand among the lessons a second time with facts withheld.
    """
    log_price = np.log(sales.price)
    mean, deviation = float(log_price.mean()), float(log_price.std()) or 1.0
    evidence, left_out, known = FeaturePipeline.fit(market, sales, rng)
    again, less_known = _withheld(market, sales, withheld_share, rng)
    hidden = evidence.seen(less_known.facts, less_known.date, less_known.home, left_out)
    lessons = TrainingSet(
        evidence.numbers,
        evidence.directed.width,
        np.vstack((known.columns, hidden.columns)),
        (np.concatenate((log_price, log_price[again])) - mean) / deviation,
        evidence.seen(validation.facts, validation.date, validation.home),
        np.log(validation.price),
        mean,
        deviation,
        known,
    )
    return evidence, lessons


def _withheld(
    market: Market, sales: Sales, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.intp], Sales]:
    """Choose a share of the sales by lot; return which, and them with some optional facts withheld."""
    rows = np.sort(rng.choice(len(sales), round(share * len(sales)), replace=False))
    chosen = sales.take(rows)
    optional = [feature.name for feature in market.features if not feature.required]
    hidden = rng.random((len(rows), len(optional))) < rng.random((len(rows), 1))
    return rows, replace(chosen, facts=chosen.facts.without(dict(zip(optional, hidden.T, strict=True))))
