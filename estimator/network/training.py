"""The training loop: mini-batches, optimiser steps, validation, early stopping and a history.

It prints nothing; callbacks can show the progress.
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
from estimator.network.batches import Source, as_batch
from estimator.network.losses import Loss
from estimator.network.network import Network
from estimator.network.optimisers import Optimiser, clip_global_norm
from estimator.network.schedules import Schedule, constant


class NonFiniteLossError(ArithmeticError):
    """A loss became infinite or NaN, so that training cannot continue."""


class StopTraining(Exception):  # noqa: N818 - not an error: a callback raises it to end the training
    """Raised by a callback to end the training after this epoch."""


@dataclass(frozen=True)
class Plan:
    """The settings of the training loop.

    Attributes
    ----------
    epochs
        Maximum number of passes over the data, at least 1.
    schedule
        Learning-rate factor as a function of the progress, from 0 to 1. See ``schedules``.
    clip_norm
        Maximum norm of the gradient, see ``clip_global_norm``; None for no clipping.
    patience
        Early stopping: number of epochs without a better validation loss after which training stops; None to train
        for all epochs.
    average_decay
        β of an exponential average of the weights, which is then validated and kept in place of the weights; None
        for no averaging.
    on_step
        Called with the network and the number of steps done, before the first step and after each step; or None.

    Raises
    ------
    ValueError
        If ``epochs`` is below 1.
    """

    epochs: int = 100
    schedule: Schedule = constant
    clip_norm: float | None = None
    patience: int | None = None
    average_decay: float | None = None
    on_step: Callable[[Network, int], None] | None = None

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, not {self.epochs}")


@dataclass(frozen=True)
class Epoch:
    """The results of one epoch.

    Attributes
    ----------
    number, planned
        The epoch's number, from 1, and the maximum number of epochs.
    train_loss
        The mean loss of its batches, weighted by their rows; computed in training mode, so with dropout.
    validation_loss
        The validation loss, or the caller's metric, after the epoch; None without validation.
    learning_rate
        The learning rate of the epoch's last step.
    seconds
        Duration of the epoch including validation, in seconds.
    best
        Whether the validation loss is lower than in all earlier epochs; True without validation.
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
    """All epochs of a training, and the epoch whose weights the network now has."""

    epochs: tuple[Epoch, ...]
    kept: Epoch


Metric = Callable[[Network], float]
"""Computes a number from a network; lower is better."""
Callback = Callable[[Network, Epoch], None]
"""Called after each epoch; the network has the weights that were validated."""


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
    """Train the network.

    Parameters
    ----------
    network
        Trained in place. At the end it has the weights of the best epoch, or of the last one without validation.
    batches
        The source of examples and targets; ``Batches`` for arrays.
    loss
        The loss to minimise.
    optimiser
        The optimiser; its state is reset first.
    rng
        The source of all random numbers: shuffling, augmentation, dropout. The same seed gives the same weights to
        the last bit.
    plan
        Number of epochs, schedule, clipping, early stopping and averaging.
    validation
        Held-out examples and targets, evaluated with ``loss``; or a function that computes a number from the
        network, lower is better.
    callbacks
        Called after each epoch. They may change a dropout rate, record predictions, or raise ``StopTraining``.

    Returns
    -------
    History
        All epochs, and the one whose weights were kept.

    Raises
    ------
    NonFiniteLossError
        If a batch's loss or the validation loss is infinite or NaN.
    ValueError
        If ``plan.patience`` is set without validation, or an epoch has no batches.
    """
    metric = _validation_metric(validation, loss, network.dtype.type)
    if plan.patience is not None and metric is None:
        raise ValueError("early stopping (patience) needs validation data or a metric; pass `validation`")
    weights = network.parameters.vector
    average = None if plan.average_decay is None else ExponentialAverage(plan.average_decay, weights)
    optimiser.reset(weights)
    if plan.on_step is not None:
        plan.on_step(network, 0)
    epochs: list[Epoch] = []
    kept_weights = weights.copy()
    kept_index, lowest = 0, math.inf
    for number in range(1, plan.epochs + 1):
        started = time.perf_counter()
        train_loss, rate = _train_epoch(network, batches, loss, optimiser, rng, plan, number, average)
        with _averaged_weights(average, network):
            score = None if metric is None else _check_finite(metric(network), "validation loss", number, rate)
            best = score is None or score < lowest
            if best:
                kept_index, lowest = number - 1, math.inf if score is None else score
                np.copyto(kept_weights, weights)
            epochs.append(Epoch(number, plan.epochs, train_loss, score, rate, time.perf_counter() - started, best))
            try:
                for callback in callbacks:
                    callback(network, epochs[-1])
            except StopTraining:
                break
        if plan.patience is not None and number - 1 - kept_index >= plan.patience:
            break
    np.copyto(weights, kept_weights)
    return History(tuple(epochs), epochs[kept_index])


def _train_epoch(
    network: Network,
    batches: Source,
    loss: Loss,
    optimiser: Optimiser,
    rng: np.random.Generator,
    plan: Plan,
    number: int,
    average: ExponentialAverage | None,
) -> tuple[float, float]:
    """Train on every batch once; return the mean loss and the last learning rate."""
    steps = len(batches)
    total, rows, factor = 0.0, 0, 1.0
    with np.errstate(over="ignore", invalid="ignore"):  # an overflow makes the loss non-finite, which is reported
        for step, (x, y) in enumerate(batches.epoch(rng)):
            factor = plan.schedule((number - 1 + step / steps) / plan.epochs)
            batch_loss = loss.forward(network.forward(x, rng), y)
            total += len(x) * _check_finite(batch_loss, "loss", number, optimiser.learning_rate * factor)
            rows += len(x)
            network.backward_parameters(loss.backward())
            if plan.clip_norm is not None:
                clip_global_norm(network.gradients.vector, plan.clip_norm)
            optimiser.step(network.parameters.vector, network.gradients.vector, factor)
            if average is not None:
                average.update(network.parameters.vector)
            if plan.on_step is not None:
                plan.on_step(network, (number - 1) * steps + step + 1)
    if not rows:
        raise ValueError(f"the batch source yielded no batches in epoch {number}")
    return total / rows, optimiser.learning_rate * factor


def _validation_metric(
    validation: tuple[ArrayLike, ArrayLike] | Metric | None, loss: Loss, dtype: type[np.floating[Any]]
) -> Metric | None:
    """Return the function that validates the network, or None without validation."""
    if validation is None or callable(validation):
        return validation
    x, y = as_batch(*validation, dtype)
    return lambda network: loss.forward(network.predict(x), y)


def _check_finite(value: float, name: str, epoch: int, rate: float) -> float:
    """Return the value, or raise a NonFiniteLossError if it is infinite or NaN."""
    if not math.isfinite(value):
        raise NonFiniteLossError(
            f"the {name} became {value} in epoch {epoch} at learning rate {rate:g}: "
            "look for missing or huge numbers in the data, lower the learning rate or clip the gradient"
        )
    return value


@contextmanager
def _averaged_weights(average: ExponentialAverage | None, network: Network) -> Iterator[None]:
    """Give the network the averaged weights, and restore its own afterwards."""
    if average is None:
        yield
        return
    own_weights = network.parameters.vector.copy()
    np.copyto(network.parameters.vector, average.vector)
    try:
        yield
    finally:
        np.copyto(network.parameters.vector, own_weights)
