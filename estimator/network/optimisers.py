"""Optimisers, which update one flat vector of parameters in place from a gradient vector of the same length."""

import math

import numpy as np

from estimator.network.arrays import Array


class Optimiser:
    """Base class: θ ← θ − update, where a subclass computes the update.

    Parameters
    ----------
    learning_rate
        The learning rate η, which a schedule multiplies.
    rate_factors
        A factor of the learning rate for each parameter ``(p,)``, or None. See ``Parameters.broadcast``.

    Raises
    ------
    ValueError
        If the learning rate is negative.
    """

    def __init__(self, learning_rate: float, *, rate_factors: Array | None = None) -> None:
        if learning_rate < 0:
            raise ValueError(f"the learning rate must be 0 or more, not {learning_rate}")
        self.learning_rate = learning_rate
        self.rate_factors = rate_factors
        self._update = np.empty(0, np.float32)

    def step(self, parameters: Array, gradients: Array, schedule_factor: float = 1.0) -> None:
        """Update the parameters ``(p,)`` in place by a step with the rate ``learning_rate · schedule_factor``."""
        self._reset_if_new(parameters)
        rate = self.learning_rate * schedule_factor
        self.compute_update(gradients, rate, out=self._update)
        if self.rate_factors is not None:
            np.multiply(self._update, self.rate_factors, out=self._update)
        np.subtract(parameters, self._update, out=parameters)

    def reset(self, parameters: Array) -> None:
        """Forget all earlier steps and allocate memory for a vector of this size and dtype."""
        self._update = np.empty_like(parameters)

    def _reset_if_new(self, parameters: Array) -> None:
        """Reset before the first step, and if the vector's size or dtype has changed."""
        if self._update.shape != parameters.shape or self._update.dtype != parameters.dtype:
            self.reset(parameters)

    def compute_update(self, gradients: Array, rate: float, out: Array) -> None:
        """Write the update, before ``rate_factors``, into ``out``. It is subtracted from the parameters."""
        raise NotImplementedError


class GradientDescent(Optimiser):
    """Gradient descent, θ ← θ − ηg (Cauchy 1847)."""

    def compute_update(self, gradients: Array, rate: float, out: Array) -> None:
        """ηg."""
        np.multiply(gradients, rate, out=out)


class Momentum(Optimiser):
    """Gradient descent with momentum ("heavy ball"), v ← μv + g, θ ← θ − ηv (Polyak 1964).

    η is not part of v, as in PyTorch, so that a change of the learning rate takes effect at once.
    """

    def __init__(self, learning_rate: float, momentum: float = 0.9, *, rate_factors: Array | None = None) -> None:
        super().__init__(learning_rate, rate_factors=rate_factors)
        self.momentum = momentum

    def reset(self, parameters: Array) -> None:
        """Reset to v = 0."""
        super().reset(parameters)
        self._velocity = np.zeros_like(parameters)

    def compute_update(self, gradients: Array, rate: float, out: Array) -> None:
        """ηv."""
        np.multiply(self._velocity, self.momentum, out=self._velocity)
        np.add(self._velocity, gradients, out=self._velocity)
        np.multiply(self._velocity, rate, out=out)


class Adam(Optimiser):
    """Adam, which scales each parameter's step by its past gradients (Kingma and Ba 2015, algorithm 1).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η · m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    Notes
    -----
    This differs from the paper in form, not in value: it stores the sums M = m/(1 − β₁) and V = v/(1 − β₂) in
    place of the means, which saves two passes over the vector per step. Scalars of the last passes absorb the
    constants.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        *,
        rate_factors: Array | None = None,
    ) -> None:
        super().__init__(learning_rate, rate_factors=rate_factors)
        self.betas = betas
        self.epsilon = epsilon

    def reset(self, parameters: Array) -> None:
        """Reset to M = V = 0, t = 0."""
        super().reset(parameters)
        self._sum = np.zeros_like(parameters)
        self._square_sum = np.zeros_like(parameters)
        self._steps = 0

    def compute_update(self, gradients: Array, rate: float, out: Array) -> None:
        """η · m̂/(√v̂ + ε) = a · M/(√V + b), with c = √((1 − β₂)/(1 − β₂ᵗ)), √v̂ = c√V and b = ε/c.

        Dividing m̂ = M(1 − β₁)/(1 − β₁ᵗ) by the same c gives a = η(1 − β₁)/((1 − β₁ᵗ)c).
        """
        beta1, beta2 = self.betas
        self._steps += 1
        c = math.sqrt((1 - beta2) / (1 - beta2**self._steps))
        a = rate * (1 - beta1) / ((1 - beta1**self._steps) * c)
        np.multiply(self._sum, beta1, out=self._sum)
        np.add(self._sum, gradients, out=self._sum)
        np.multiply(gradients, gradients, out=out)
        np.multiply(self._square_sum, beta2, out=self._square_sum)
        np.add(self._square_sum, out, out=self._square_sum)
        np.sqrt(self._square_sum, out=out)
        np.add(out, self.epsilon / c, out=out)
        np.divide(self._sum, out, out=out)
        np.multiply(out, a, out=out)


class AdamW(Adam):
    """Adam with decoupled weight decay, θ ← (1 − ηλ)θ − η · m̂/(√v̂ + ε).

    Loshchilov and Hutter 2019, algorithm 2. The decay is multiplied by the learning rate, as in PyTorch; the paper
    multiplies it by the schedule's factor only.

    Parameters
    ----------
    weight_decay
        λ, the rate at which weights shrink towards 0.
    decay_mask
        A factor of λ for each parameter ``(p,)``, 0 for no decay, or None for decay of all. See
        ``Parameters.broadcast``.
    """

    def __init__(
        self,
        learning_rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
        *,
        weight_decay: float = 1e-2,
        decay_mask: Array | None = None,
        rate_factors: Array | None = None,
    ) -> None:
        super().__init__(learning_rate, betas, epsilon, rate_factors=rate_factors)
        self.weight_decay = weight_decay
        self.decay_mask = decay_mask

    def reset(self, parameters: Array) -> None:
        """Reset to M = V = 0, t = 0."""
        super().reset(parameters)
        self._factors = np.ones_like(parameters)
        for factors in (self.decay_mask, self.rate_factors):
            if factors is not None:
                np.multiply(self._factors, factors, out=self._factors)
        self._uniform = self.decay_mask is None and self.rate_factors is None

    def step(self, parameters: Array, gradients: Array, schedule_factor: float = 1.0) -> None:
        """θ ← (1 − ηλ)θ, then Adam's step, whose update does not depend on θ."""
        self._reset_if_new(parameters)
        decay = self.learning_rate * schedule_factor * self.weight_decay
        if self._uniform:
            np.multiply(parameters, 1 - decay, out=parameters)
        else:
            np.multiply(self._factors, -decay, out=self._update)
            np.add(self._update, 1, out=self._update)
            np.multiply(parameters, self._update, out=parameters)
        super().step(parameters, gradients, schedule_factor)


def clip_global_norm(gradients: Array, max_norm: float) -> float:
    """Scale the gradient in place to the norm ``max_norm`` if its norm is greater (Pascanu et al. 2013).

    Returns
    -------
    float
        The norm before clipping.
    """
    norm = math.sqrt(float(np.dot(gradients, gradients)))
    if norm > max_norm:
        np.multiply(gradients, max_norm / norm, out=gradients)
    return norm
