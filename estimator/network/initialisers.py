"""Weight initialisers, scaled so that signals neither vanish nor explode from layer to layer.

Each initialiser is a function of a random generator and the shape ``(inputs, outputs)``. All draw in float64, so
that a float32 and a float64 network with one seed start from the same weights.
"""

from collections.abc import Callable

import numpy as np

from estimator.network.arrays import Array, Shape

Initialiser = Callable[[np.random.Generator, Shape], Array]


def he_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 2 / inputs), where the 2 compensates for ReLU halving the variance (He et al. 2015, eq. 10)."""
    return rng.normal(0.0, np.sqrt(2.0 / shape[0]), shape)


def xavier_uniform(rng: np.random.Generator, shape: Shape) -> Array:
    """U(±√(6 / (inputs + outputs))), a compromise for both passes (Glorot and Bengio 2010, eq. 16)."""
    bound = np.sqrt(6.0 / sum(shape))
    return rng.uniform(-bound, bound, shape)


def lecun_normal(rng: np.random.Generator, shape: Shape) -> Array:
    """N(0, 1 / inputs), which keeps unit variance (LeCun et al. 1998, eq. 16)."""
    return rng.normal(0.0, np.sqrt(1.0 / shape[0]), shape)


def zeros(rng: np.random.Generator, shape: Shape) -> Array:  # noqa: ARG001 - the signature of all initialisers
    """All zeros, for biases and for output layers that should have no effect at first."""
    return np.zeros(shape)


def random_signs(rng: np.random.Generator, shape: Shape) -> Array:
    """−1 or 1 with equal probability, which makes the members of an ensemble learn different functions."""
    return rng.integers(0, 2, shape) * 2.0 - 1.0


def ones(rng: np.random.Generator, shape: Shape) -> Array:  # noqa: ARG001 - the signature of all initialisers
    """All ones, which makes the members of an ensemble identical at first."""
    return np.ones(shape)
