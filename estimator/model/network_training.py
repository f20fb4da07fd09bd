"""Train one network of the ensemble, on this machine or on a worker of a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from estimator.model.architecture import build_layers
from estimator.model.losses import make_loss
from estimator.model.recipe import MIN_BATCH_SIZE, Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import AdamW, Batches, Epoch, Network, Plan, train


@dataclass(frozen=True)
class Training:
    """What the networks of a recipe have in common. Can be sent to another machine.

    Parameters
    ----------
    recipe, plan
        How they are trained.
    trained
        Networks that go on learning, without validation sales; empty for new ones, whose epochs the validation
        sales choose.
    """

    recipe: Recipe
    plan: Plan
    trained: Sequence[Network] = ()


def train_network(
    training_set: TrainingSet,
    training: Training,
    index: int,
    rng: np.random.Generator,
    on_step: Callable[[Network, int], None] | None = None,
    on_epoch: Callable[[Network, Epoch], None] | None = None,
) -> tuple[Network, tuple[Epoch, ...]]:
    """Return the trained network with an index, and its epochs.

    Raises
    ------
    NonFiniteLossError
        Training diverged.
    """
    recipe, columns = training.recipe, training_set.columns
    network = _start(training_set, training, index, rng)
    batch_size = min(recipe.batch_size, max(MIN_BATCH_SIZE, len(columns) // recipe.least_steps))
    history = train(
        network,
        Batches(columns, training_set.target, batch_size),
        loss=make_loss(recipe.losses[index % len(recipe.losses)], recipe.equity_weight, training_set),
        optimiser=AdamW(recipe.learning_rate, weight_decay=recipe.weight_decay),
        rng=rng,
        plan=replace(training.plan, on_step=on_step),
        validation=None if training.trained else _validation_rmse(training_set),
        callbacks=[] if on_epoch is None else [on_epoch],
    )
    return network, history.epochs


def _start(training_set: TrainingSet, training: Training, index: int, rng: np.random.Generator) -> Network:
    """Return the network with an index as it is before the training."""
    if training.trained:
        return Network.from_state(training.trained[index].state())
    recipe = training.recipe
    layers = build_layers(training_set.inputs, recipe, members=recipe.members, width=recipe.width)
    return Network(layers, rng=rng)


def _validation_rmse(training_set: TrainingSet) -> Callable[[Network], float]:
    """Return what computes a network's RMSE on the validation sales, standardised."""
    columns = training_set.validation.columns
    target = (training_set.validation_log_price - training_set.mean) / training_set.deviation
    return lambda network: float(np.sqrt(np.mean((network.predict(columns)[:, 0] - target) ** 2)))
