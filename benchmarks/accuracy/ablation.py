"""What each part of our model is worth: the error on the validation sales without it.

A part is taken away from outside, so that the model needs no switches: its columns are hidden from the networks,
or the networks are built and trained otherwise. What kriging and the grid learned stays as it was, so that only
the part makes the difference. Knows `estimator.model.price_model`
from within. The test part is never looked at.
"""

import copy
import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from benchmarks.accuracy.datasets import TITLES, DataSet
from estimator.features.comparables import FEATURE_NAMES
from estimator.features.pipeline import FeaturePipeline, Features
from estimator.market.arrays import FloatArray
from estimator.model import ensemble
from estimator.model.ensemble import average, mixed, share_of, train_ensemble
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet, build_training_set
from estimator.network import Network, StackedNetworks

ROWS = ("king_county-time", "king_county-random", "ames-random")
"""Data sets whose homes have places and dates, so that they have every part."""

SERVED = Recipe()
"""As the appraiser trains."""

Part = Literal["kriging", "grid", "nearest", "date"]
_BY_GRID = 3
"""Of the comparables' facts, the first ones."""


@dataclass(frozen=True)
class Variant:
    """Our model without something.

    Parameters
    ----------
    title
        What it goes without.
    hidden
        Parts of the columns that are 0 for every home, learned from or valued.
    waves
        Whether numbers go in as waves too.
    shared
        Whether kriging has a share in the price.
    averaged
        How many of the networks are asked; None: all.
    huber
        Whether every second network learns by Huber's loss.
    recipe
        What is otherwise in the recipe.
    """

    title: str
    hidden: tuple[Part, ...] = ()
    waves: bool = True
    shared: bool = True
    averaged: int | None = None
    huber: bool = True
    recipe: Mapping[str, Any] = field(default_factory=dict)

    def taught_as(self) -> str:
        """Return the same text for variants whose networks are the same."""
        return repr((self.hidden, self.waves, self.huber, dict(self.recipe)))


WHOLE = Variant("the whole model")
VARIANTS = (
    WHOLE,
    Variant("kriging, as a fact and in the price", hidden=("kriging",), shared=False),
    Variant("kriging's share in the price", shared=False),
    Variant("comparables", hidden=("grid", "nearest")),
    Variant("the grid's three facts", hidden=("grid",)),
    Variant("the nearest's three facts", hidden=("nearest",)),
    Variant("the networks' own date", hidden=("date",)),
    Variant("waves of the numbers", waves=False),
    Variant("sales with facts withheld", recipe={"withheld_share": 0.0}),
    Variant("Huber's loss", huber=False),
    Variant("all networks but the first", averaged=1),
    Variant("all networks but four", averaged=4),
    Variant("members but one in each network", recipe={"members": 1}),
)


@dataclass(frozen=True)
class Lesson:
    """What one seed's networks learn from and are asked.

    Parameters
    ----------
    evidence
        As learned from the training sales.
    lessons
        What the whole model's networks learn from and are chosen on.
    sold
        How many of the lessons are sales with all their facts, the first ones.
    bare
        What is seen of the validation sales with their required facts alone.
    rng
        As it is when the networks' training starts.
    recipe
        Of the whole model.
    """

    evidence: FeaturePipeline
    lessons: TrainingSet
    sold: int
    bare: Features
    rng: np.random.Generator
    recipe: Recipe


@dataclass(frozen=True)
class Errors:
    """Of the validation sales: log RMSE, MdAPE in percent, and log RMSE with the required facts alone."""

    log_rmse: float
    mdape: float
    bare_log_rmse: float


def look(data: DataSet, seed: int, recipe: Recipe = SERVED) -> Lesson:
    """Learn the evidence and look at the sales, as `PriceModel.fit` does."""
    market, validation = data.market, data.parts.validation
    rng = np.random.default_rng(seed)
    evidence, lessons = build_training_set(market, data.parts.train, validation, recipe.withheld_share, rng)
    optional = [feature.name for feature in market.features if not feature.required]
    bare = validation.facts.without(dict.fromkeys(optional, np.ones(len(validation), np.bool_)))
    seen = evidence.transform(bare, validation.date, validation.home)
    return Lesson(evidence, lessons, len(data.parts.train), seen, rng, recipe)


def columns_of(evidence: FeaturePipeline) -> dict[Part, slice]:
    """Return where each part's columns are."""
    end = 1 + len(FEATURE_NAMES) + evidence.encoding.width
    return {
        "kriging": slice(1),
        "grid": slice(1, 1 + _BY_GRID),
        "nearest": slice(1 + _BY_GRID, 1 + len(FEATURE_NAMES)),
        "date": slice(end - 1, end),
    }


def hide(columns: NDArray[np.float32], evidence: FeaturePipeline, parts: Sequence[Part]) -> NDArray[np.float32]:
    """Return columns of n homes, shape (n, d), with 0 in those of some parts."""
    seen = columns.copy()
    for part in parts:
        seen[:, columns_of(evidence)[part]] = 0.0
    return seen


def teach(lesson: Lesson, variant: Variant) -> Sequence[Network]:
    """Train a variant's networks; each variant's start from the same random numbers."""
    recipe = replace(lesson.recipe, **variant.recipe)
    whole, chosen = lesson.lessons, lesson.lessons.validation
    n = len(whole.columns) if recipe.withheld_share else lesson.sold
    lessons = replace(
        whole,
        numbers=whole.numbers if variant.waves else 0,
        columns=hide(whole.columns[:n], lesson.evidence, variant.hidden),
        price=whole.price[:n],
        validation=replace(chosen, columns=hide(chosen.columns, lesson.evidence, variant.hidden)),
    )
    # Without a limit to what counts as usual, Huber's loss is the RMSE.
    with patch.object(ensemble, "HUBER", ensemble.HUBER if variant.huber else math.inf):
        return train_ensemble(lessons, recipe, copy.deepcopy(lesson.rng)).networks


def judge(lesson: Lesson, variant: Variant, networks: Sequence[Network]) -> Errors:
    """Value the validation sales by the networks and kriging's share."""
    lessons = lesson.lessons

    def by_networks(seen: Features) -> FloatArray:
        columns = hide(seen.columns, lesson.evidence, variant.hidden)
        return average(StackedNetworks(networks[: variant.averaged]), columns) * lessons.deviation + lessons.mean

    known = by_networks(lessons.validation)
    share = share_of(lessons.validation, known, lessons.validation_log_price) if variant.shared else 0.0
    whole = mixed(known, lessons.validation, share) - lessons.validation_log_price
    bare = mixed(by_networks(lesson.bare), lesson.bare, share) - lessons.validation_log_price
    return Errors(_rms(whole), 100 * float(np.median(np.abs(np.expm1(whole)))), _rms(bare))


def ablate(
    data: DataSet, seed: int, recipe: Recipe = SERVED, tell: Callable[[Variant, Errors], None] | None = None
) -> dict[str, Errors]:
    """Return the errors of every variant, by its title; `tell` hears of each as it is known."""
    lesson = look(data, seed, recipe)
    taught: dict[str, Sequence[Network]] = {}
    errors = {}
    for variant in VARIANTS:
        key = variant.taught_as()
        if key not in taught:
            taught[key] = teach(lesson, variant)
        errors[variant.title] = judge(lesson, variant, taught[key])
        if tell is not None:
            tell(variant, errors[variant.title])
    return errors


def page(found: Mapping[str, Sequence[Mapping[str, Errors]]], command: str) -> str:
    """Return the tables: data set → the errors of each seed."""
    about = f"""\
# What each part is worth

Errors on the validation sales without a part: means over seeds. The same sales chose every variant's epoch and
kriging's share, so these are for comparing parts, not for telling how accurate the model is; without the drift of
the market, which they measure as well. “Required facts alone” has all else unknown, the areas' figures too.

Behind ± stands the standard deviation of the whole model's log RMSE over seeds: a part whose absence changes less
than that is not shown to be worth anything.

Made by `{command}`: Python {platform.python_version()}, NumPy {np.__version__}.
"""
    return "\n".join([about, *(_section(row, seeds) for row, seeds in found.items() if seeds)])


def _section(row: str, seeds: Sequence[Mapping[str, Errors]]) -> str:
    lines = [
        f"## {TITLES[row]}\n",
        f"Seeds 0 to {len(seeds) - 1}.\n" if len(seeds) > 1 else "Seed 0.\n",
        "| without | log RMSE | more, % | MdAPE, % | required facts alone, log RMSE | more, % |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    whole = _mean([seed[WHOLE.title] for seed in seeds])
    spread = float(np.std([seed[WHOLE.title].log_rmse for seed in seeds], ddof=1)) if len(seeds) > 1 else None
    for variant in VARIANTS:
        errors = _mean([seed[variant.title] for seed in seeds])
        cells = [
            "– (the whole model)" if variant is WHOLE else variant.title,
            f"{errors.log_rmse:.4f}" + (f" ± {spread:.4f}" if variant is WHOLE and spread is not None else ""),
            "" if variant is WHOLE else f"{100 * (errors.log_rmse / whole.log_rmse - 1):+.1f}",
            f"{errors.mdape:.2f}",
            f"{errors.bare_log_rmse:.4f}",
            "" if variant is WHOLE else f"{100 * (errors.bare_log_rmse / whole.bare_log_rmse - 1):+.1f}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _mean(each: Sequence[Errors]) -> Errors:
    return Errors(*(float(np.mean(values)) for values in zip(*(vars(e).values() for e in each), strict=True)))


def _rms(miss: FloatArray) -> float:
    return math.sqrt(float(np.mean(miss**2)))
