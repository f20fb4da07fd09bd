"""What a weight of the penalty on regressive values costs in accuracy, and what it gains in vertical equity.

Trains once for each `equity_weight` on one training set and compares the values of the validation sales. The test
sales are not used: a setting is chosen before they are looked at.
"""

from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.assessment.ratio_study import ratio_study
from estimator.errors import DataError
from estimator.market.arrays import FloatArray
from estimator.market.sales import Split
from estimator.model.ensemble import TrainedEnsemble, blend_kriging, predict_mean, train_ensemble
from estimator.model.recipe import BOUNDS
from estimator.model.training_set import TrainingSet
from estimator.network import NonFiniteLossError, StackedNetworks
from estimator.trial_setup import prepare_trials

SETTING = "equity_weight"
"""The setting of a recipe that is tried."""

DEFAULT_WEIGHTS = (0.0, 0.3, 1.0, 3.0, 10.0)
"""From no penalty to one that outweighs the error: prices are standardised, so the scale is that of any market.
See benchmarks/DECISIONS.md, "Weight of equity"."""

_FIGURES = ("cod", "prd", "prb", "prb_low", "prb_high", "mki", "vei", "vei_low", "vei_high")

Progress = Callable[[int, int], None]
"""Called after each training with the number of trainings that are done, and of all."""


@dataclass(frozen=True)
class DialPoint:
    """Figures of the validation sales with one weight.

    Parameters
    ----------
    weight
        The `equity_weight`.
    mdape
        Median error, in percent.
    log_rmse
        Root mean square of log(value/price).
    study
        Figures of the ratio study by name, with the bounds of their intervals; None where there are too few sales.
    met
        Measure → whether it is acceptable; None without a verdict.
    """

    weight: float
    mdape: float
    log_rmse: float
    study: dict[str, float | None]
    met: dict[str, bool | None]

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as plain values, rounded to four decimals."""
        return {
            "weight": self.weight,
            "mdape": round(self.mdape, 4),
            "log_rmse": round(self.log_rmse, 4),
            **self.study,
            "met": self.met,
        }


@dataclass(frozen=True)
class EquityDial:
    """The points of a market's dial, in the order of their weights, and how they were made."""

    market: str
    sales: int
    networks: int
    seed: int
    points: tuple[DialPoint, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the dial as plain values."""
        return {
            "market": self.market,
            "sales": self.sales,
            "networks": self.networks,
            "seed": self.seed,
            "points": [point.to_dict() for point in self.points],
        }


def equity_dial(
    market_path: Path, split: Split | None, seed: int, weights: Sequence[float], progress: Progress | None = None
) -> EquityDial:
    """Train with each weight and compare values and prices of the validation sales.

    Parameters
    ----------
    market_path, split, seed
        As for `train_market`; the other settings are those of the market's recipe.
    weights
        Different ones, at least one.

    Raises
    ------
    EstimatorError
        A weight is out of bounds, the market, its recipe, the sales or the areas cannot be used, or the training
        with a weight diverged.
    """
    low, high = BOUNDS[SETTING]
    for weight in weights:
        if not low <= weight <= high:
            raise DataError(f"weight {weight:g} must be from {low:g} to {high:g}")
    data, setup = prepare_trials(market_path, split, seed, (SETTING,))
    ordered = sorted(set(weights))
    points = []
    for done, weight in enumerate(ordered):
        recipe = replace(setup.recipe, equity_weight=weight)
        try:
            with threadpool_limits(1, user_api="blas"):
                ensemble = train_ensemble(setup.training_set, recipe, deepcopy(setup.rng))
                points.append(dial_point(weight, setup.training_set, ensemble))
        except NonFiniteLossError as error:
            raise DataError(f"the training with weight {weight:g} diverged: try smaller weights") from error
        if progress is not None:
            progress(done + 1, len(ordered))
    return EquityDial(data.market.name, len(data.parts.validation), setup.recipe.networks, seed, tuple(points))


def dial_point(weight: float, training_set: TrainingSet, ensemble: TrainedEnsemble) -> DialPoint:
    """Return the figures of the validation sales, values and prices as of one day."""
    validation = training_set.validation
    networks = predict_mean(StackedNetworks(ensemble.networks), validation.columns)
    estimate = networks * training_set.deviation + training_set.mean
    log_value: FloatArray = blend_kriging(estimate, validation, ensemble.kriging_share)
    log_ratio = log_value - training_set.validation_log_price
    study = ratio_study(np.exp(training_set.validation_log_price), np.exp(log_value)).overall
    figures = study.figures
    return DialPoint(
        weight,
        100 * float(np.median(np.abs(np.expm1(log_ratio)))),
        float(np.sqrt(np.mean(log_ratio**2))),
        {name: figures[name] for name in _FIGURES},
        study.met,
    )
