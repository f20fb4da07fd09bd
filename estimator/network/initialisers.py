"""Where learning starts: random weights whose size keeps signals neither vanishing nor exploding.

Each initialiser is a function of a generator and the shape ``(inputs, outputs)``. They draw in float64
whatever the network's number type, so that a float32 and a float64 network of one seed start at the same
place.
"""

from collections.abc import Callable

import numpy as np

from estimator.network.arrays import Array, Shape

Initialiser = Callable[[np.random.Generator, Shape], Array]


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 2 / inputs): ReLU halves the variance, the 2 gives it back (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, np.sqrt(2.0 / shape[0]), shape)


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """U(±√(6 / (inputs + outputs))): fair to both directions (Glorot and Bengio 2010, eq. 16)."""
    bound = np.sqrt(6.0 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 1 / inputs): unit variance in, unit variance out (LeCun et al. 1998, eq. 16)."""
    return rng.normal(0.0, np.sqrt(1.0 / shape[0]), shape)


def zeros(rng: np.random.Generator, shape: Shape) -> Array:  # noqa: ARG001 - every initialiser has this form
    """All zeros: for biases, and for last layers that are to start at "no effect"."""
    return np.zeros(shape)


def random_signs(rng: np.random.Generator, shape: Shape) -> Array:
    """−1 or 1, a coin toss each: members that see differently signed inputs grow apart."""
    return rng.integers(0, 2, shape) * 2.0 - 1.0


def ones(rng: np.random.Generator, shape: Shape) -> Array:  # noqa: ARG001 - as for zeros
    """All ones: members alike at the start."""
    return np.ones(shape)
