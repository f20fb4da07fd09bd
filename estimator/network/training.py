"""The loop that makes a network learn: batches, steps, validation, early stopping, and a record of it all.

Knows nothing of what the numbers mean, nor of screens: progress is for callbacks to show.
"""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from estimator.network.averaging import ExponentialAverage
from estimator.network.batches import Source, pair
from estimator.network.losses import Loss
from estimator.network.network import Network
from estimator.network.optimisers import Optimiser, clip_global_norm
from estimator.network.schedules import Schedule, constant


class NonFiniteLossError(ArithmeticError):
    """A loss became infinite or not a number: learning cannot go on."""


class StopTraining(Exception):  # noqa: N818 - no error: a callback's way to say that it is enough
    """Raised by a callback to end the training after this epoch."""


@dataclass(frozen=True)
class Plan:
    """How long and how to train.

    Attributes
    ----------
    epochs
        Passes over the data, at most.
    schedule
        The learning rate's factor by progress, 0 to 1. See ``schedules``.
    clip_norm
        The greatest length a gradient may have before a step; None for no limit.
    patience
        Epochs without a better validation loss before training stops; None to go on to the end.
    average_decay
        β of an exponential average of the weights, which is then what is validated and kept; None for none.
    watch
        Called with the network and the steps done, before the first step and after each; None for nobody.
    """

    epochs: int = 100
    schedule: Schedule = constant
    clip_norm: float | None = None
    patience: int | None = None
    average_decay: float | None = None
    watch: Callable[[Network, int], None] | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"a training has at least one epoch, not {self.epochs}")


@dataclass(frozen=True)
class Epoch:
    """What happened in one epoch.

    Attributes
    ----------
    number, planned
        Which epoch this was, from 1, and how many there may be.
    train_loss
        The mean loss of its batches, each weighed by its rows, with whatever was random in them.
    validation_loss
        The loss, or the caller's metric, after the epoch; None without validation.
    learning_rate
        Of the epoch's last step.
    seconds
        How long it took, validation included.
    best
        Whether no epoch before had a lower validation loss.
    """

    number: int
    planned: int
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    seconds: float
    best: bool


@dataclass(frozen=True)
class History:
    """The epochs of a training, and the one whose weights were kept."""

    epochs: tuple[Epoch, ...]
    kept: Epoch


Metric = Callable[[Network], float]
"""A figure of a network, lower is better."""
Callback = Callable[[Network, Epoch], None]
"""Called after each epoch with the network, in the weights that were validated."""


def train(
    network: Network,
    batches: Source,
    *,
    loss: Loss,
    optimiser: Optimiser,
    rng: np.random.Generator,
    plan: Plan = Plan(),
    validation: tuple[ArrayLike, ArrayLike] | Metric | None = None,
    callbacks: Sequence[Callback] = (),
) -> History:
    """Fit the network to the batches.

    Parameters
    ----------
    network
        Is trained in place. With validation it ends with the weights of its best epoch, else with the last.
    batches
        Where examples and targets come from; ``Batches`` for arrays.
    loss
        What is made small.
    optimiser
        How; it starts afresh.
    rng
        Shuffles, augments and draws dropout's masks. The same seed gives the same weights, bit for bit.
    plan
        How long, and how.
    validation
        Examples and targets the network does not learn from, measured with ``loss``; or a function of the
        network that gives a figure, lower is better.
    callbacks
        Called after each epoch. They may change a dropout rate, keep a picture, or raise ``StopTraining``.

    Raises
    ------
    NonFiniteLossError
        If a batch's loss or the validation loss is infinite or not a number.
    ValueError
        If ``plan.patience`` is set without validation, or an epoch has no batches.
    """
    metric = _metric(validation, loss, network.dtype.type)
    if plan.patience is not None and metric is None:
        raise ValueError("patience waits for a better validation loss, and there is no validation")
    weights = network.parameters.vector
    average = None if plan.average_decay is None else ExponentialAverage(plan.average_decay, weights)
    optimiser.start(weights)
    if plan.watch is not None:
        plan.watch(network, 0)
    epochs: list[Epoch] = []
    kept_weights = weights.copy()
    kept_place, lowest = 0, math.inf
    for number in range(1, plan.epochs + 1):
        began = time.perf_counter()
        train_loss, rate = _one_pass(network, batches, loss, optimiser, rng, plan, number, average)
        with _wearing(average, network):
            figure = None if metric is None else _finite(metric(network), "validation loss", number, rate)
            best = figure is None or figure < lowest
            if best:
                kept_place, lowest = number - 1, math.inf if figure is None else figure
                np.copyto(kept_weights, weights)
            epochs.append(Epoch(number, plan.epochs, train_loss, figure, rate, time.perf_counter() - began, best))
            try:
                for callback in callbacks:
                    callback(network, epochs[-1])
            except StopTraining:
                break
        if plan.patience is not None and number - 1 - kept_place >= plan.patience:
            break
    np.copyto(weights, kept_weights)
    return History(tuple(epochs), epochs[kept_place])


def _one_pass(
    network: Network,
    batches: Source,
    loss: Loss,
    optimiser: Optimiser,
    rng: np.random.Generator,
    plan: Plan,
    number: int,
    average: ExponentialAverage | None,
) -> tuple[float, float]:
    """Learn from every batch once; the mean loss and the last learning rate."""
    steps = len(batches)
    total, rows, factor = 0.0, 0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows makes the loss infinite, and that is told
        for step, (x, y) in enumerate(batches.epoch(rng)):
            factor = plan.schedule((number - 1 + step / steps) / plan.epochs)
            batch_loss = loss.forward(network.forward(x, rng), y)
            total += len(x) * _finite(batch_loss, "loss", number, optimiser.learning_rate * factor)
            rows += len(x)
            network.backward_parameters(loss.backward())
            if plan.clip_norm is not None:
                clip_global_norm(network.gradients.vector, plan.clip_norm)
            optimiser.step(network.parameters.vector, network.gradients.vector, factor)
            if average is not None:
                average.update(network.parameters.vector)
            if plan.watch is not None:
                plan.watch(network, (number - 1) * steps + step + 1)
    if not rows:
        raise ValueError(f"epoch {number} had no batches")
    return total / rows, optimiser.learning_rate * factor


def _metric(
    validation: tuple[ArrayLike, ArrayLike] | Metric | None, loss: Loss, dtype: type[np.floating[Any]]
) -> Metric | None:
    """The figure to be validated by."""
    if validation is None or callable(validation):
        return validation
    x, y = pair(*validation, dtype)
    return lambda network: loss.forward(network.predict(x), y)


def _finite(value: float, what: str, number: int, rate: float) -> float:
    """The value, if it is a number."""
    if not math.isfinite(value):
        raise NonFiniteLossError(
            f"the {what} became {value} in epoch {number} at learning rate {rate:g}: "
            "look for missing or huge numbers in the data, lower the learning rate or clip the gradient"
        )
    return value


@contextmanager
def _wearing(average: ExponentialAverage | None, network: Network) -> Iterator[None]:
    """Put the averaged weights on the network, and its own back afterwards."""
    if average is None:
        yield
        return
    own = network.parameters.vector.copy()
    np.copyto(network.parameters.vector, average.vector)
    try:
        yield
    finally:
        np.copyto(network.parameters.vector, own)
