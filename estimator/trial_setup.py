"""What trials of settings have in common: sales and features, read and computed once, as in a training."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from estimator.calibration import complete_sales
from estimator.market.areas import AreaLookup
from estimator.market.market_data import MarketData, read_market_data
from estimator.market.sales import Split
from estimator.model.price_index import first_index
from estimator.model.recipe import DEFAULTS, Recipe, Settings, read_settings
from estimator.model.training_set import TrainingSet, build_training_set

MAX_TRIAL_NETWORKS = 4
"""Networks trained in a trial, at most: with one network, settings win that do worse in an ensemble. See
benchmarks/DECISIONS.md, "Networks in a tuning trial"."""


@dataclass(frozen=True)
class TrialSetup:
    """What all trials have in common.

    Parameters
    ----------
    training_set
        The features and prices to train and validate on.
    recipe
        The settings that are not tried, with the number of networks of a trial.
    n_served
        Number of networks of a model trained with the resulting recipe.
    rng
        In the state it has in a training when the networks are created; every trial starts from a copy.
    """

    training_set: TrainingSet
    recipe: Recipe
    n_served: int
    rng: np.random.Generator


def prepare_trials(
    market_path: Path, split: Split | None, seed: int, tried: Collection[str]
) -> tuple[MarketData, TrialSetup]:
    """Read and split the sales and build the training set, as a training with the same seed does.

    Parameters
    ----------
    market_path, split, seed
        As for `train_market`.
    tried
        Names of the settings that are tried; the others are those of the market's recipe.

    Raises
    ------
    EstimatorError
        The market, its recipe, the sales or the areas cannot be used.
    """
    rng = np.random.default_rng(seed)
    data = read_market_data(market_path, None, split, rng)
    declared = replace(DEFAULTS, **settings_not_tried(data.folder, tried))
    served = declared.for_sales(len(data.parts.train), len(data.market.features))
    recipe = replace(served, networks=min(MAX_TRIAL_NETWORKS, served.networks))
    lookup = AreaLookup(data.market, data.areas, data.parts.train.facts)
    train, validation = (complete_sales(lookup, part) for part in (data.parts.train, data.parts.validation))
    with threadpool_limits(1, user_api="blas"):
        index, _ = first_index(data.market, train.joined(validation), rng)
        _, training_set = build_training_set(data.market, train, validation, index, recipe.withheld_share, rng)
    return data, TrialSetup(training_set, recipe, served.networks, rng)


def settings_not_tried(folder: Path, tried: Collection[str]) -> Settings:
    """Return the settings of a market's recipe that are not tried."""
    return {name: value for name, value in read_settings(folder).items() if name not in tried}
