"""Lessons → networks that learn side by side, and the share that kriging has beside them.

Each network is an ensemble whose members share their weights but for a few vectors (TabM, Gorishniy et al. 2024).
Every number goes in twice: as it is and as trained waves (Gorishniy et al. 2022), so that price may rise and fall
within a mile. Knows no homes: columns and prices alone.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from estimator.features.pipeline import Features
from estimator.market.arrays import FloatArray
from estimator.model.recipe import LEAST_BATCH, Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import (
    RMSE,
    AdamW,
    Batches,
    Concat,
    Dense,
    Epoch,
    HuberRMSE,
    Identity,
    Layer,
    MemberBias,
    MemberDense,
    MemberScale,
    MonotoneSum,
    Network,
    Periodic,
    Plan,
    ReLU,
    Sequential,
    StackedNetworks,
    StopTraining,
    cosine,
    train,
)
from estimator.threads import parallel_map

THROUGH = 128
"""Homes that go through a network at a time: what eight members make of them then stays in a core's cache. 64 and
256 were slower."""


HUBER = 1.345
"""Usual errors beyond which a sale counts by its size alone for every second network (Huber 1981, Robust
Statistics: on normal errors, 5 % of the efficiency for safety from the rest); the others learn by the RMSE, which
judges all. On validation sales, eight networks: log RMSE and median error .4 and 1.7 % lower than with the RMSE
alone in Ames, .2 and .4 % in King County by time; .4 % higher and 1.3 % lower in California. Limits of .7 to 2 did
alike.
"""
_DEVIATIONS = 1.4826
"""Standard deviations in a median error, of normal errors."""


@dataclass(frozen=True)
class Moment:
    """The end of an epoch of one of the networks.

    Parameters
    ----------
    place
        Which of the networks, from 0.
    network
        In the weights that were validated.
    epoch
        What happened in it.
    done, planned
        Epochs of all networks so far, those counted that a network turned out not to need; and at most.
    """

    place: int
    network: Network
    epoch: Epoch
    done: int
    planned: int


Callback = Callable[[Moment], None]
"""Called after each epoch of each network, one call at a time; whose comes next is the machine's to say."""


@runtime_checkable
class Watcher(Protocol):
    """A callback that is told of every step of the first network too."""

    def step(self, network: Network, done: int) -> None:
        """Look at the network before its first step and after each."""


@dataclass(frozen=True)
class TrainedEnsemble:
    """What came of the lessons.

    Parameters
    ----------
    networks
        Columns → standardised log price, to be averaged.
    kriging_share
        Of kriging's own estimate beside theirs, 0 to 1.
    log_rmse
        Of both together on the validation sales, which chose them: lower than it will be on others.
    """

    networks: tuple[Network, ...]
    kriging_share: float
    log_rmse: float


def train_ensemble(
    lessons: TrainingSet, recipe: Recipe, rng: np.random.Generator, callbacks: Sequence[Callback] = ()
) -> TrainedEnsemble:
    """Train networks by a recipe, and weigh kriging beside them.

    Parameters
    ----------
    rng
        Source of all randomness: the same one gives the same networks.
    callbacks
        Called after each epoch.

    Raises
    ------
    NonFiniteLossError
        The recipe cannot be learned by: its steps lead away from any answer.
    """
    log_price = lessons.validation_log_price
    networks = _train(lessons, recipe, rng, _Told(callbacks, recipe))
    by_networks = average(StackedNetworks(networks), lessons.validation.columns) * lessons.deviation + lessons.mean
    share = share_of(lessons.validation, by_networks, log_price)
    miss = mixed(by_networks, lessons.validation, share) - log_price
    return TrainedEnsemble(networks, share, float(np.sqrt(np.mean(miss**2))))


def log_rmse_of_more(lessons: TrainingSet, learned: TrainedEnsemble, networks: int) -> float:
    """Return the validation log RMSE to be expected of more networks like these m, which learn by the same recipe.

    What several say together is off by less than one of them, by the variance between them (Krogh and Vedelsby
    1995, Neural network ensembles, cross validation, and active learning, eq. 5): the mean square of N is lower
    than that of m by variance·(1/m − 1/N).

    Parameters
    ----------
    networks
        How many, N ≥ m; of a single one nothing tells how unlike it others are, so that N is then 1.
    """
    m = len(learned.networks)
    if networks == m:
        return learned.log_rmse
    seen = lessons.validation
    answers = np.stack([network.predict(seen.columns, THROUGH)[:, 0] for network in learned.networks])
    by_networks = lessons.deviation * (1 - learned.kriging_share * seen.complete)
    variance = float(np.mean(by_networks**2 * answers.var(axis=0, ddof=1)))
    return math.sqrt(max(learned.log_rmse**2 - variance * (1 / m - 1 / networks), 0.0))


def _train(lessons: TrainingSet, recipe: Recipe, rng: np.random.Generator, told: "_Told") -> tuple[Network, ...]:
    """Train the networks side by side: each has random numbers of its own, so that it is the same in any order."""
    x, y, limit = lessons.columns, lessons.price, _limit(lessons)
    target = (lessons.validation_log_price - lessons.mean) / lessons.deviation

    def rmse(network: Network) -> float:
        return float(np.sqrt(np.mean((network.predict(lessons.validation.columns)[:, 0] - target) ** 2)))

    def learned(place: int, own: np.random.Generator) -> Network:
        network = Network(_layers(lessons, recipe), rng=own)
        train(
            network,
            Batches(x, y, min(recipe.batch_size, max(LEAST_BATCH, len(x) // recipe.least_steps))),
            loss=HuberRMSE(limit) if place % 2 else RMSE(),
            optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
            rng=own,
            plan=Plan(
                epochs=recipe.epochs,
                schedule=cosine,
                clip_norm=recipe.clip_norm,
                patience=recipe.patience,
                on_step=None if place else told.step,
            ),
            validation=rmse,
            callbacks=[partial(told.epoch, place)],
        )
        told.finished(place)
        return network

    learners = enumerate(rng.spawn(recipe.networks))
    return tuple(parallel_map(lambda learner: learned(*learner), learners, give_up=told.give_up))


def _limit(lessons: TrainingSet) -> float:
    """Return the standardised error beyond which a sale counts by its size alone: see `HUBER`.

    What is usual is told by kriging's misses of the sales, each without its own home's, before any network learns.
    """
    left_out = lessons.left_out
    said = (left_out.kriging_log_price - lessons.mean) / lessons.deviation
    usual = _DEVIATIONS * float(np.median(np.abs(lessons.price[: len(said)] - said)))
    return HUBER * usual or math.inf


class _Told:
    """Tells callbacks of networks that learn side by side."""

    def __init__(self, callbacks: Sequence[Callback], recipe: Recipe) -> None:
        said: Sequence[object] = callbacks
        self._callbacks = callbacks
        self._watchers = [callback for callback in said if isinstance(callback, Watcher)]
        self._planned = recipe.epochs
        self._done = [0] * recipe.networks
        self._given_up = False
        self._lock = Lock()

    def step(self, network: Network, done: int) -> None:
        """Tell every watcher of a step."""
        for watcher in self._watchers:
            watcher.step(network, done)

    def epoch(self, place: int, network: Network, epoch: Epoch) -> None:
        """Tell every callback of an epoch of a network."""
        if self._given_up:
            raise StopTraining
        with self._lock:
            self._done[place] = epoch.number
            moment = Moment(place, network, epoch, sum(self._done), self._planned * len(self._done))
            for callback in self._callbacks:
                callback(moment)

    def finished(self, place: int) -> None:
        """Count the epochs that a network did not need."""
        with self._lock:
            self._done[place] = self._planned

    def give_up(self) -> None:
        """End every network's training after its epoch: one of them failed, or nobody waits for them."""
        self._given_up = True


def average(networks: StackedNetworks, columns: NDArray[np.float32]) -> FloatArray:
    """Return the networks' mean answer for columns (n, d), shape (n,)."""
    return networks.predict(columns, THROUGH)[:, 0]


def mixed(by_networks: FloatArray, seen: Features, share: float) -> FloatArray:
    """Return log prices (n,) of which kriging has a share, where it knows enough; see `Features.complete`."""
    part = share * seen.complete
    # Not by their difference, whose rounding could make a price fall where both rise.
    mixed: FloatArray = (1 - part) * by_networks + part * seen.kriging_log_price
    return mixed


def share_of(seen: Features, by_networks: FloatArray, log_price: FloatArray) -> float:
    """Return the share of kriging, 0 to 1, whose mix with the networks is nearest to m log prices.

    Least squares of one number (Wolpert 1992, Stacked generalization). It is 0.2 to 0.4 in King County; in Ames,
    where sales are few, more than half, and the error 4 % less; in California, with the networks far ahead, none.
    """
    apart = seen.complete * (seen.kriging_log_price - by_networks)
    square = float(apart @ apart)
    return float(np.clip(apart @ (log_price - by_networks) / square, 0.0, 1.0)) if square else 0.0


def _layers(lessons: TrainingSet, recipe: Recipe) -> list[Layer]:
    """Return a network that no directed number can lower, whatever the others are."""
    context = lessons.columns.shape[1] - lessons.directed
    waves = Periodic(lessons.numbers, recipe.waves, recipe.waves_width, recipe.waves_sigma)
    first: list[Layer] = []
    n_in = context
    if lessons.numbers:
        first = [Concat([(0, lessons.numbers, Sequential([waves, ReLU()])), (0, context, Identity())])]
        n_in += lessons.numbers * recipe.waves_width
    layers = [*first, MemberScale(recipe.members, n_in)]
    for _ in range(recipe.depth):
        layers += [Dense(n_in, recipe.width, bias=None), MemberBias(recipe.members, recipe.width), ReLU()]
        n_in = recipe.width
    terms = Sequential([*layers, MemberDense(recipe.members, n_in, 1 + lessons.directed)])
    return [MonotoneSum(context, terms)]
