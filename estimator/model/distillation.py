"""Teach one network what the trained networks know, so that a valuation costs one network instead of all.

Knowledge distillation (Hinton, Vinyals and Dean 2015, Distilling the knowledge in a neural network): the student
learns the mean value of its teachers, not the prices. It never falls where a monotone fact rises, as they do.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from estimator.market.arrays import Float32Array
from estimator.model.architecture import build_layers, copy_first_member
from estimator.model.ensemble import predict_mean
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet
from estimator.network import MSE, AdamW, Batches, Network, Plan, StackedNetworks, cosine, train

MAX_SOLD = 100_000
"""A student learns from this many sales of the training set at most, drawn at random. The function that it learns
is the same for all of them, so more teach it little, and each takes memory three times. See
benchmarks/DECISIONS.md, "Sales that a student is given"."""
JITTERED_PER_SALE = 2
"""Homes that no one sold for each one of the training set. Its teachers value them, so they cost no sales."""
MAX_SWAPPED_SHARE = 0.5
"""Share of a jittered home's columns that are another home's, at most."""
PASSES = 15
"""Over the training set and the jittered homes."""
PASSES_AGAIN = 5
"""Passes of a student that goes on learning because its teachers did."""
LEARNING_RATE = 1e-3
"""At the start. See benchmarks/DECISIONS.md, "One network is taught by all", for all five."""


def teach_student(
    training_set: TrainingSet,
    teachers: Sequence[Network],
    recipe: Recipe,
    rng: np.random.Generator,
    before: Network | None = None,
) -> Network:
    """Return one network of one member that values homes nearly as its teachers do on average.

    A new one starts as the first member of the first teacher, which is nearer to their mean than random weights.

    Parameters
    ----------
    teachers
        The networks that the recipe made from the training set.
    rng
        Source of all randomness: the same one gives the same student.
    before
        The student before its teachers went on learning. The new one starts from it; it is not changed itself.
    """
    sold = training_set.columns
    if len(sold) > MAX_SOLD:
        sold = sold[np.sort(rng.choice(len(sold), MAX_SOLD, replace=False))]
    columns = np.vstack((sold, jitter(sold, JITTERED_PER_SALE, rng)))
    target = predict_mean(StackedNetworks(teachers), columns)
    student = Network(build_layers(training_set.inputs, recipe, members=1, width=recipe.width), rng=rng)
    if before is None:
        copy_first_member(teachers[0], student)
    else:
        np.copyto(student.parameters.vector, before.parameters.vector)
    train(
        student,
        Batches(columns, target, recipe.batch_size),
        loss=MSE(),
        optimiser=AdamW(LEARNING_RATE, weight_decay=recipe.weight_decay),
        rng=rng,
        plan=Plan(epochs=PASSES if before is None else PASSES_AGAIN, schedule=cosine, clip_norm=recipe.clip_norm),
    )
    return student


def jitter(columns: Float32Array, copies: int, rng: np.random.Generator) -> Float32Array:
    """Return homes like those with the given columns, shape (n, d), but with some columns of other homes.

    Each home gets a share of its own, so that some are nearly sold homes and some are far from all.

    Parameters
    ----------
    copies
        Jittered homes for each one, so the result has the shape (copies · n, d).
    """
    n, d = columns.shape
    homes: NDArray[np.intp] = np.tile(np.arange(n), copies)
    other = rng.integers(0, n, len(homes))
    swapped = rng.random((len(homes), d), np.float32) < MAX_SWAPPED_SHARE * rng.random((len(homes), 1), np.float32)
    return np.where(swapped, columns[other], columns[homes])
