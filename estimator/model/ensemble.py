"""Train the ensemble of networks on a training set, and fit the share that kriging has in the price.

Knows no homes, only columns and prices.
"""

import math
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from estimator.cluster import on_workers, trains_on_cluster
from estimator.features.pipeline import Features
from estimator.market.arrays import FloatArray
from estimator.model.network_training import Training, train_network
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import Epoch, Network, Plan, StackedNetworks, StopTraining, cosine
from estimator.threads import parallel_map

PREDICTION_BATCH = 128
"""Homes predicted at a time: their activations stay in a core's cache. See benchmarks/DECISIONS.md, "Homes
predicted at a time"."""


PASSES_AGAIN = 4
"""Passes over all sales with which networks go on learning; no more than the recipe's epochs, which are few where
a pass has many steps. See benchmarks/DECISIONS.md, "Networks that answer learn from all sales"."""
AVERAGE_DECAY = 0.99
"""Decay of the running average of their weights, which spans about a hundred steps. The average halves by how much
a value depends on the seed: see the same section."""


@dataclass(frozen=True)
class EpochEvent:
    """The end of an epoch of one of the networks.

    Parameters
    ----------
    index
        Of the network, from 0.
    network
        With the weights that were validated; of a network that a cluster has trained, with those that were kept.
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
    plan = Plan(epochs=recipe.epochs, schedule=cosine, clip_norm=recipe.clip_norm, patience=recipe.patience)
    networks = _train_networks(training_set, Training(recipe, plan), rng, callbacks)
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
    plan = Plan(
        epochs=min(PASSES_AGAIN, recipe.epochs),
        schedule=lambda progress: cosine(progress / 2),
        clip_norm=recipe.clip_norm,
        average_decay=AVERAGE_DECAY,
    )
    return _train_networks(training_set, Training(recipe, plan, networks), rng, callbacks)


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
    training_set: TrainingSet, training: Training, rng: np.random.Generator, callbacks: Sequence[Callback]
) -> tuple[Network, ...]:
    """Train the networks of a recipe in parallel, in threads or by the workers of a cluster.

    Each has its own random generator, so the order does not matter.
    """
    n_networks = len(training.trained) or training.recipe.networks
    dispatcher = _CallbackDispatcher(callbacks, n_networks, training.plan.epochs)

    def train_here(item: tuple[int, np.random.Generator]) -> Network:
        index, own_rng = item
        on_step = dispatcher.step if index == 0 else None
        network, _ = train_network(
            training_set, training, index, own_rng, on_step, partial(dispatcher.epoch, index)
        )
        dispatcher.finish(index)
        return network

    first, *others = enumerate(rng.spawn(n_networks))
    if not (others and trains_on_cluster()):
        return tuple(parallel_map(train_here, [first, *others], on_error=dispatcher.stop))
    # The first one is trained here, because every step of it is observed. The others' epochs come at the end.
    with closing(on_workers(train_network, training_set, [(training, *item) for item in others])) as elsewhere:
        networks = parallel_map(train_here, [first], on_error=dispatcher.stop)
        for index, (network, epochs) in enumerate(elsewhere, start=1):
            for epoch in epochs:
                dispatcher.epoch(index, network, epoch)
            dispatcher.finish(index)
            networks.append(network)
    return tuple(networks)


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
