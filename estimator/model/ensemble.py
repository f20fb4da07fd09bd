"""Train the ensemble of networks on a training set, and fit the share that kriging has in the price.

Knows no homes, only columns and prices.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from estimator.features.pipeline import Features
from estimator.market.arrays import FloatArray
from estimator.model.architecture import build_layers
from estimator.model.losses import make_loss
from estimator.model.recipe import MIN_BATCH_SIZE, Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import (
    AdamW,
    Batches,
    Epoch,
    Network,
    Plan,
    StackedNetworks,
    StopTraining,
    cosine,
    train,
)
from estimator.threads import parallel_map

PREDICTION_BATCH = 128
"""Homes predicted at a time: their activations stay in a core's cache. See benchmarks/DECISIONS.md, "Homes
predicted at a time"."""


PASSES_AGAIN = 4
"""Over all sales, of networks that go on learning. See benchmarks/DECISIONS.md, "Networks that answer learn from
all sales"."""
AVERAGE_DECAY = 0.99
"""Of the weights' average over some hundred steps when they do. It halves by how much a value depends on the seed.
See there."""


@dataclass(frozen=True)
class EpochEvent:
    """The end of an epoch of one of the networks.

    Parameters
    ----------
    index
        Of the network, from 0.
    network
        With the weights that were validated.
    epoch
        Losses, learning rate and time of the epoch.
    done, planned
        Epochs of all networks so far, including those that early stopping saved; and at most.
    """

    index: int
    network: Network
    epoch: Epoch
    done: int
    planned: int


Callback = Callable[[EpochEvent], None]
"""Called after each epoch of each network, one call at a time; the order of the networks is not defined."""


@runtime_checkable
class StepObserver(Protocol):
    """A callback that also observes every step of the first network."""

    def step(self, network: Network, done: int) -> None:
        """Called before the network's first step and after each step, with the number of steps done."""


@dataclass(frozen=True)
class TrainedEnsemble:
    """Trained networks and kriging's share.

    Parameters
    ----------
    networks
        Columns → standardised log price, to be averaged.
    kriging_share
        Weight of kriging's own estimate next to theirs, 0 to 1.
    log_rmse
        Of both together on the validation sales; optimistic, because these sales chose the epochs and the share.
    """

    networks: tuple[Network, ...]
    kriging_share: float
    log_rmse: float


def train_ensemble(
    training_set: TrainingSet, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()
) -> TrainedEnsemble:
    """Train the networks of a recipe and fit kriging's share.

    Parameters
    ----------
    rng
        Source of all randomness: the same one gives the same networks.
    callbacks
        Called after each epoch.

    Raises
    ------
    NonFiniteLossError
        Training diverged.
    """
    validation, log_price = training_set.validation, training_set.validation_log_price
    target = (log_price - training_set.mean) / training_set.deviation

    def rmse(network: Network) -> float:
        return float(np.sqrt(np.mean((network.predict(validation.columns)[:, 0] - target) ** 2)))

    def start(_: int, own_rng: np.random.Generator) -> Network:
        layers = build_layers(training_set.inputs, recipe, members=recipe.members, width=recipe.width)
        return Network(layers, rng=own_rng)

    plan = Plan(epochs=recipe.epochs, schedule=cosine, clip_norm=recipe.clip_norm, patience=recipe.patience)
    networks = _train_networks(training_set, recipe, plan, start, rng, callbacks, rmse)
    standardised = predict_mean(StackedNetworks(networks), validation.columns)
    estimate = standardised * training_set.deviation + training_set.mean
    share = fit_kriging_share(validation, estimate, log_price)
    residual = blend_kriging(estimate, validation, share) - log_price
    return TrainedEnsemble(networks, share, float(np.sqrt(np.mean(residual**2))))


def train_again(
    training_set: TrainingSet,
    networks: Sequence[Network],
    recipe: Recipe,
    rng: np.random.Generator,
    callbacks: Sequence[Callback] = (),
) -> tuple[Network, ...]:
    """Return trained networks that go on learning from a training set with more sales, without validation sales.

    No sales choose each network's best weights here, so they are averaged over the last steps.

    Parameters
    ----------
    networks
        Trained on the columns and the scale of this training set; they are not changed.
    """

    def start(index: int, _: np.random.Generator) -> Network:
        return Network.from_state(networks[index].state())

    plan = Plan(
        epochs=PASSES_AGAIN,
        schedule=lambda progress: cosine(progress / 2),
        clip_norm=recipe.clip_norm,
        average_decay=AVERAGE_DECAY,
    )
    return _train_networks(training_set, recipe, plan, start, rng, callbacks)


def expected_log_rmse(training_set: TrainingSet, ensemble: TrainedEnsemble, n_networks: int) -> float:
    """Estimate the validation log RMSE of an ensemble of more networks of the same recipe.

    The mean square error of N averaged networks is lower than that of m by variance·(1/m − 1/N), with the variance
    between networks (Krogh and Vedelsby 1995, Neural network ensembles, cross validation, and active learning,
    eq. 5).

    Parameters
    ----------
    ensemble
        Of m networks, m ≥ 2 unless `n_networks` is 1.
    n_networks
        N ≥ m.
    """
    m = len(ensemble.networks)
    if n_networks == m:
        return ensemble.log_rmse
    validation = training_set.validation
    predictions = [network.predict(validation.columns, PREDICTION_BATCH)[:, 0] for network in ensemble.networks]
    weight = training_set.deviation * (1 - ensemble.kriging_share * validation.complete)
    variance = float(np.mean(weight**2 * np.stack(predictions).var(axis=0, ddof=1)))
    return math.sqrt(max(ensemble.log_rmse**2 - variance * (1 / m - 1 / n_networks), 0.0))


def _train_networks(
    training_set: TrainingSet,
    recipe: Recipe,
    plan: Plan,
    start: Callable[[int, np.random.Generator], Network],
    rng: np.random.Generator,
    callbacks: Sequence[Callback],
    validation: Callable[[Network], float] | None = None,
) -> tuple[Network, ...]:
    """Train the networks of a recipe in parallel.

    Each has its own random generator, so the order does not matter.

    Parameters
    ----------
    start
        Returns the network with an index as it is before the training.
    """
    x, y = training_set.columns, training_set.target
    batch_size = min(recipe.batch_size, max(MIN_BATCH_SIZE, len(x) // recipe.least_steps))
    dispatcher = _CallbackDispatcher(callbacks, recipe.networks, plan.epochs)

    def train_one(index: int, own_rng: np.random.Generator) -> Network:
        network = start(index, own_rng)
        train(
            network,
            Batches(x, y, batch_size),
            loss=make_loss(recipe.losses[index % len(recipe.losses)], recipe.equity_weight, training_set),
            optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
            rng=own_rng,
            plan=replace(plan, on_step=dispatcher.step if index == 0 else None),
            validation=validation,
            callbacks=[partial(dispatcher.epoch, index)],
        )
        dispatcher.finish(index)
        return network

    indexed = enumerate(rng.spawn(recipe.networks))
    return tuple(parallel_map(lambda item: train_one(*item), indexed, on_error=dispatcher.stop))


class _CallbackDispatcher:
    """Passes the steps and epochs of networks that train in parallel to the callbacks, one call at a time."""

    def __init__(self, callbacks: Sequence[Callback], n_networks: int, epochs: int) -> None:
        objects: Sequence[object] = callbacks  # lets the type checker accept the isinstance check
        self._callbacks = callbacks
        self._observers = [callback for callback in objects if isinstance(callback, StepObserver)]
        self._planned = epochs
        self._done = [0] * n_networks
        self._stopped = False
        self._lock = Lock()

    def step(self, network: Network, done: int) -> None:
        """Pass a step to every observer."""
        for observer in self._observers:
            observer.step(network, done)

    def epoch(self, index: int, network: Network, epoch: Epoch) -> None:
        """Pass an epoch of a network to every callback; end its training after `stop`."""
        if self._stopped:
            raise StopTraining
        with self._lock:
            self._done[index] = epoch.number
            event = EpochEvent(index, network, epoch, sum(self._done), self._planned * len(self._done))
            for callback in self._callbacks:
                callback(event)

    def finish(self, index: int) -> None:
        """Count the epochs that early stopping saved as done."""
        with self._lock:
            self._done[index] = self._planned

    def stop(self) -> None:
        """End all trainings after their current epoch, because one failed or the caller was interrupted."""
        self._stopped = True


def predict_mean(networks: StackedNetworks, columns: NDArray[np.float32]) -> FloatArray:
    """Return the networks' mean prediction for columns (n, d), standardised log price, shape (n,)."""
    return networks.predict(columns, PREDICTION_BATCH)[:, 0]


def blend_kriging(network_log_price: FloatArray, features: Features, share: float) -> FloatArray:
    """Return the networks' log prices (n,) with a share of kriging's where its inputs are `complete`."""
    weight = share * features.complete
    # Not the networks' plus the weighted difference: rounding could make a price fall where both rise.
    blended: FloatArray = (1 - weight) * network_log_price + weight * features.kriging_log_price
    return blended


def fit_kriging_share(features: Features, network_log_price: FloatArray, log_price: FloatArray) -> float:
    """Return the share of kriging, 0 to 1, whose blend with the networks is closest to m log prices.

    Least squares with one coefficient (Wolpert 1992, Stacked generalization).
    See benchmarks/DECISIONS.md, "Kriging's share in the price".
    """
    difference = features.complete * (features.kriging_log_price - network_log_price)
    square = float(difference @ difference)
    return float(np.clip(difference @ (log_price - network_log_price) / square, 0.0, 1.0)) if square else 0.0
