"""Ablation: the error of our model on the validation sales without each of its parts.

A part is removed from outside, so that the model needs no switches: its columns are set to 0, or the networks are
built and trained differently. Kriging and the adjustment grid are fitted once and stay the same. This module
depends on internals of `estimator.model`. The test part is not used.
"""

import copy
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import TITLES, DataSet
from estimator.features.comparable_features import FEATURE_NAMES, N_GRID_FEATURES
from estimator.features.pipeline import FeaturePipeline, Features
from estimator.market.arrays import FloatArray
from estimator.model.ensemble import blend_kriging, fit_kriging_share, predict_mean, train_ensemble
from estimator.model.price_index import first_index
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet, build_training_set
from estimator.network import Network, StackedNetworks

ROWS = ("king_county-time", "king_county-random", "ames-random")
"""Data sets with coordinates and dates, which every part of the model needs."""

DEFAULT_RECIPE = Recipe()
"""The recipe that the appraiser uses by default."""

Part = Literal["kriging", "grid", "nearest"]


@dataclass(frozen=True)
class Variant:
    """Our model without one of its parts.

    Parameters
    ----------
    title
        The part that is left out.
    masked
        Groups of columns that are set to 0 for every home, in training and in valuation.
    periodic
        Whether numbers also go through periodic embeddings.
    kriging_share
        Whether the price is mixed with kriging's estimate.
    n_networks
        How many of the trained networks are averaged; None for all.
    recipe
        Settings that differ from the recipe.
    """

    title: str
    masked: tuple[Part, ...] = ()
    periodic: bool = True
    kriging_share: bool = True
    n_networks: int | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def training_key(self) -> str:
        """Return a key that is equal for variants with the same trained networks."""
        return repr((self.masked, self.periodic, dict(self.recipe)))


FULL_MODEL = Variant("full model")
VARIANTS = (
    FULL_MODEL,
    Variant("kriging, as a feature and in the price", masked=("kriging",), kriging_share=False),
    Variant("kriging's share of the price", kriging_share=False),
    Variant("comparables", masked=("grid", "nearest")),
    Variant("features of the adjustment grid", masked=("grid",)),
    Variant("features of the nearest homes", masked=("nearest",)),
    Variant("periodic embeddings", periodic=False),
    Variant("training sales with facts withheld", recipe={"withheld_share": 0.0}),
    Variant("Huber loss", recipe={"losses": ("rmse",)}),
    Variant("all but one network", n_networks=1),
    Variant("all but two networks", n_networks=2),
    Variant("all but one member of each network", recipe={"members": 1}),
)


@dataclass(frozen=True)
class Setup:
    """Everything that the variants of one seed share.

    Parameters
    ----------
    pipeline
        Feature pipeline, fitted on the training sales.
    training_set
        Training set of the full model.
    n_complete
        Number of sales with all their facts; they are the first rows of the training set.
    required_only
        Features of the validation sales with the required facts only.
    rng
        State of the random generator when the training of the networks starts.
    recipe
        Recipe of the full model.
    """

    pipeline: FeaturePipeline
    training_set: TrainingSet
    n_complete: int
    required_only: Features
    rng: np.random.Generator
    recipe: Recipe


@dataclass(frozen=True)
class Errors:
    """Errors on the validation sales: log RMSE, MdAPE in percent, and log RMSE with the required facts only."""

    log_rmse: float
    mdape: float
    required_log_rmse: float


def prepare(data: DataSet, seed: int, recipe: Recipe = DEFAULT_RECIPE) -> Setup:
    """Fit the feature pipeline and transform the sales, as `PriceModel.fit` does."""
    market, validation = data.market, data.parts.validation
    rng = np.random.default_rng(seed)
    index, _ = first_index(market, data.parts.train.joined(validation), rng)
    pipeline, training_set = build_training_set(
        market, data.parts.train, validation, index, recipe.withheld_share, rng
    )
    optional = [feature.name for feature in market.features if not feature.required]
    required_facts = validation.facts.without(dict.fromkeys(optional, np.ones(len(validation), np.bool_)))
    required_only = pipeline.transform(required_facts, validation.date, validation.home, validation.date)
    recipe = recipe.for_sales(len(data.parts.train), len(market.features))
    return Setup(pipeline, training_set, len(data.parts.train), required_only, rng, recipe)


def part_columns() -> dict[Part, slice]:
    """Return the columns of each part."""
    return {
        "kriging": slice(1),
        "grid": slice(1, 1 + N_GRID_FEATURES),
        "nearest": slice(1 + N_GRID_FEATURES, 1 + len(FEATURE_NAMES)),
    }


def mask(columns: NDArray[np.float32], parts: Sequence[Part]) -> NDArray[np.float32]:
    """Return a copy of the columns, shape (n, d), with 0 in those of the given parts."""
    masked = columns.copy()
    for part in parts:
        masked[:, part_columns()[part]] = 0.0
    return masked


def train(setup: Setup, variant: Variant) -> Sequence[Network]:
    """Train the networks of a variant; all variants start from the same random state."""
    recipe = replace(setup.recipe, **variant.recipe)
    full, validation = setup.training_set, setup.training_set.validation
    n = len(full.columns) if recipe.withheld_share else setup.n_complete
    training_set = replace(
        full,
        inputs=full.inputs if variant.periodic else replace(full.inputs, n_numeric=0),
        columns=mask(full.columns[:n], variant.masked),
        target=full.target[:n],
        validation=replace(validation, columns=mask(validation.columns, variant.masked)),
    )
    return train_ensemble(training_set, recipe, copy.deepcopy(setup.rng)).networks


def evaluate(setup: Setup, variant: Variant, networks: Sequence[Network]) -> Errors:
    """Value the validation sales with the networks of a variant and return the errors."""
    training_set = setup.training_set

    def by_networks(features: Features) -> FloatArray:
        columns = mask(features.columns, variant.masked)
        return (
            predict_mean(StackedNetworks(networks[: variant.n_networks]), columns) * training_set.deviation
            + training_set.mean
        )

    by_all_facts = by_networks(training_set.validation)
    share = (
        fit_kriging_share(training_set.validation, by_all_facts, training_set.validation_log_price)
        if variant.kriging_share
        else 0.0
    )
    error = blend_kriging(by_all_facts, training_set.validation, share) - training_set.validation_log_price
    required_error = (
        blend_kriging(by_networks(setup.required_only), setup.required_only, share)
        - training_set.validation_log_price
    )
    return Errors(_rms(error), 100 * float(np.median(np.abs(np.expm1(error)))), _rms(required_error))


def ablate(
    data: DataSet,
    seed: int,
    recipe: Recipe = DEFAULT_RECIPE,
    report: Callable[[Variant, Errors], None] | None = None,
) -> dict[str, Errors]:
    """Return the errors of every variant by title; `report` is called after each variant."""
    setup = prepare(data, seed, recipe)
    trained: dict[str, Sequence[Network]] = {}
    errors = {}
    for variant in VARIANTS:
        key = variant.training_key()
        if key not in trained:
            trained[key] = train(setup, variant)
        errors[variant.title] = evaluate(setup, variant, trained[key])
        if report is not None:
            report(variant, errors[variant.title])
    return errors


def page(errors: Mapping[str, Sequence[Mapping[str, Errors]]], command: str) -> str:
    """Return the page in Markdown; `errors` has the errors of each seed by data set."""
    introduction = f"""\
# Ablation: the model without each of its parts

Errors on the validation sales when one part is left out, as means over seeds. The validation sales also selected
the epoch and kriging's share of every variant, so use these figures to compare parts, not as the accuracy of the
model. Prices are adjusted for time by the price index, which knows the validation sales too. With “required
facts only” all other facts are unknown, including the area figures.

The number after ± is the standard deviation of the full model's log RMSE over seeds. A part that changes the error
by less than that has no proven effect.

Made by `{command}`: Python {platform.python_version()}, NumPy {np.__version__}.
"""
    return "\n".join([introduction, *(_section(row, seeds) for row, seeds in errors.items() if seeds)])


def _section(row: str, seeds: Sequence[Mapping[str, Errors]]) -> str:
    lines = [
        f"## {TITLES[row]}\n",
        f"Seeds 0 to {len(seeds) - 1}.\n" if len(seeds) > 1 else "Seed 0.\n",
        "| left out | log RMSE | change, % | MdAPE, % | required facts only, log RMSE | change, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    full = _mean([seed[FULL_MODEL.title] for seed in seeds])
    spread = float(np.std([seed[FULL_MODEL.title].log_rmse for seed in seeds], ddof=1)) if len(seeds) > 1 else None
    for variant in VARIANTS:
        errors = _mean([seed[variant.title] for seed in seeds])
        cells = [
            "– (full model)" if variant is FULL_MODEL else variant.title,
            f"{errors.log_rmse:.4f}"
            + (f" ± {spread:.4f}" if variant is FULL_MODEL and spread is not None else ""),
            "" if variant is FULL_MODEL else f"{_change(errors.log_rmse, full.log_rmse):+.1f}",
            f"{errors.mdape:.2f}",
            f"{errors.required_log_rmse:.4f}",
            ""
            if variant is FULL_MODEL
            else f"{100 * (errors.required_log_rmse / full.required_log_rmse - 1):+.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mean(by_seed: Sequence[Errors]) -> Errors:
    return Errors(
        *(float(np.mean(values)) for values in zip(*(vars(errors).values() for errors in by_seed), strict=True))
    )


def _change(value: float, reference: float) -> float:
    """Return the relative change in percent."""
    return 100 * (value / reference - 1)


def _rms(error: FloatArray) -> float:
    return math.sqrt(float(np.mean(error**2)))
