"""The networks with kriging's share in the price: features → log price, and how they are fitted.

`fit_price_networks` trains several networks. By default these then teach one, the student, which values homes in
their place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from estimator.features.pipeline import Features
from estimator.market.arrays import FloatArray
from estimator.model.distillation import teach_student
from estimator.model.ensemble import (
    Callback,
    blend_kriging,
    fit_kriging_share,
    predict_mean,
    train_again,
    train_ensemble,
)
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import Network, StackedNetworks


@dataclass(frozen=True, eq=False)
class PriceNetworks:
    """Estimates log prices adjusted for time.

    Parameters
    ----------
    networks
        Columns → standardised log price, averaged.
    mean, deviation
        Of the training sales' log prices. The networks' losses are in units of `deviation`.
    kriging_share
        Weight of kriging's own estimate, 0 to 1, where its inputs are complete; the rest is the networks'.
    """

    networks: StackedNetworks
    mean: float
    deviation: float
    kriging_share: float

    def estimate(self, features: Features) -> FloatArray:
        """Return the log prices of n homes, shape (n,)."""
        log_price = predict_mean(self.networks, features.columns) * self.deviation + self.mean
        return blend_kriging(log_price, features, self.kriging_share)

    def state(self) -> dict[str, Any]:
        """Return everything fitted as plain values and arrays, for `from_state`."""
        return {
            "networks": [network.state() for network in self.networks.networks],
            "mean": self.mean,
            "deviation": self.deviation,
            "kriging_share": self.kriging_share,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the networks from their state; they estimate the same, bit for bit."""
        return cls(
            StackedNetworks([Network.from_state(network) for network in state["networks"]]),
            state["mean"],
            state["deviation"],
            state["kriging_share"],
        )


@dataclass(frozen=True, eq=False)
class TrainedNetworks:
    """What a training gives.

    Parameters
    ----------
    served
        Values homes: the student, or the trained networks themselves.
    teacher
        The trained networks if a student is served, otherwise None.
    """

    served: PriceNetworks
    teacher: PriceNetworks | None


def fit_price_networks(
    training_set: TrainingSet, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()
) -> TrainedNetworks:
    """Train the networks of a recipe, and teach a student if the recipe wants one.

    Parameters
    ----------
    rng
        Source of all randomness: the same one gives the same networks.
    callbacks
        Called after each epoch of the networks that are trained on prices.

    Raises
    ------
    NonFiniteLossError
        Training diverged.
    """
    ensemble = train_ensemble(training_set, recipe, rng, callbacks)
    trained = PriceNetworks(
        StackedNetworks(ensemble.networks), training_set.mean, training_set.deviation, ensemble.kriging_share
    )
    student = _teach(training_set, trained, recipe, rng)
    if student is None:
        return TrainedNetworks(trained, None)
    validation = training_set.validation
    by_student = replace(student, kriging_share=0.0).estimate(validation)
    share = fit_kriging_share(validation, by_student, training_set.validation_log_price)
    return TrainedNetworks(replace(student, kriging_share=share), trained)


def refit_price_networks(
    training_set: TrainingSet,
    fitted: TrainedNetworks,
    recipe: Recipe,
    rng: np.random.Generator,
    callbacks: Sequence[Callback] = (),
) -> TrainedNetworks:
    """Let trained networks go on learning from a training set with more sales, and their student as well.

    Parameters
    ----------
    training_set
        Made by `extend_training_set`.
    fitted
        By `fit_price_networks`, which has chosen kriging's share.
    recipe, rng, callbacks
        As for `fit_price_networks`.
    """
    before = fitted.teacher or fitted.served
    networks = train_again(training_set, before.networks.networks, recipe, rng, callbacks)
    trained = replace(before, networks=StackedNetworks(networks))
    student = _teach(training_set, trained, recipe, rng, fitted.served if fitted.teacher else None)
    if student is None:
        return TrainedNetworks(_levelled(trained, training_set), None)
    student = replace(student, kriging_share=fitted.served.kriging_share)
    return TrainedNetworks(_levelled(student, training_set), _levelled(trained, training_set))


def _teach(
    training_set: TrainingSet,
    teacher: PriceNetworks,
    recipe: Recipe,
    rng: np.random.Generator,
    before: PriceNetworks | None = None,
) -> PriceNetworks | None:
    """Return the student of some networks; None if the recipe wants none, or they are one of one member.

    Parameters
    ----------
    before
        Their student before they went on learning.
    """
    networks = teacher.networks.networks
    if not recipe.student or len(networks) * recipe.members == 1:
        return None
    known = None if before is None else before.networks.networks[0]
    student = teach_student(training_set, networks, recipe, rng, known)
    return replace(teacher, networks=StackedNetworks([student]))


def _levelled(trained: PriceNetworks, training_set: TrainingSet) -> PriceNetworks:
    """Return networks whose median error on the training sales is 0.

    The last steps move all values of a network up or down together, where no sales choose its best weights.
    """
    columns = training_set.leave_home_out.columns
    level = float(np.median(training_set.target[: len(columns)] - predict_mean(trained.networks, columns)))
    return replace(trained, mean=trained.mean + level * trained.deviation)
