"""How parameters follow their gradients downhill: a few in-place passes over one flat vector.

Knows nothing of layers: parameters and gradients are two vectors of one length.
"""

import math

import numpy as np

from estimator.network.arrays import Array


class Optimiser:
    """Changes parameters a step at a time.

    Parameters
    ----------
    learning_rate
        The size of a step, η. A schedule multiplies it.
    rate_factors
        One factor of the learning rate for each parameter, or None where all are alike. See
        ``Parameters.spread``.
    """

    def __init__(self, learning_rate: float, *, rate_factors: Array | None = None) -> None:
        if learning_rate < 0:
            raise ValueError(f"the learning rate must not be negative: {learning_rate}")
        self.learning_rate = learning_rate
        self.rate_factors = rate_factors
        self._change = np.empty(0, np.float32)

    def step(self, parameters: Array, gradients: Array, schedule_factor: float = 1.0) -> None:
        """Change the parameters in place by one step of ``learning_rate · schedule_factor``."""
        self.start_if_new(parameters)
        rate = self.learning_rate * schedule_factor
        self.write_change(gradients, rate, out=self._change)
        if self.rate_factors is not None:
            np.multiply(self._change, self.rate_factors, out=self._change)
        np.subtract(parameters, self._change, out=parameters)

    def start(self, parameters: Array) -> None:
        """Forget all earlier steps and make ready for a vector like this one."""
        self._change = np.empty_like(parameters)

    def start_if_new(self, parameters: Array) -> None:
        """Start before the first step, and wherever the vector is not like the last one."""
        if self._change.shape != parameters.shape or self._change.dtype != parameters.dtype:
            self.start(parameters)

    def write_change(self, gradients: Array, rate: float, out: Array) -> None:
        """Write into ``out`` what is to be subtracted from the parameters, before ``rate_factors``."""
        raise NotImplementedError


class GradientDescent(Optimiser):
    """θ ← θ − ηg: straight downhill (Cauchy 1847)."""

    def write_change(self, gradients: Array, rate: float, out: Array) -> None:
        """ηg."""
        np.multiply(gradients, rate, out=out)


class Momentum(Optimiser):
    """v ← μv + g, θ ← θ − ηv: a heavy ball that keeps rolling (Polyak 1964).

    η stands outside v, as in PyTorch: a schedule then acts at once, and not only on what is to come.
    """

    def __init__(self, learning_rate: float, momentum: float = 0.9, *, rate_factors: Array | None = None) -> None:
        super().__init__(learning_rate, rate_factors=rate_factors)
        self.momentum = momentum

    def start(self, parameters: Array) -> None:
        """Start from v = 0."""
        super().start(parameters)
        self._velocity = np.zeros_like(parameters)

    def write_change(self, gradients: Array, rate: float, out: Array) -> None:
        """ηv."""
        np.multiply(self._velocity, self.momentum, out=self._velocity)
        np.add(self._velocity, gradients, out=self._velocity)
        np.multiply(self._velocity, rate, out=out)


class Adam(Optimiser):
    """Each parameter's step measured by its own past gradients (Kingma and Ba 2015, algorithm 1).

    m ← β₁m + (1 − β₁)g, v ← β₂v + (1 − β₂)g², θ ← θ − η · m̂/(√v̂ + ε) with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    Notes
    -----
    Departure in form, not in value: the sums M = m/(1 − β₁) and V = v/(1 − β₂) are kept in the place of the means,
    which saves two passes over the vector a step. The constants move into the scalars of the last passes.
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

    def start(self, parameters: Array) -> None:
        """Start from M = V = 0, t = 0."""
        super().start(parameters)
        self._sum = np.zeros_like(parameters)
        self._square_sum = np.zeros_like(parameters)
        self._steps = 0

    def write_change(self, gradients: Array, rate: float, out: Array) -> None:
        """η · m̂/(√v̂ + ε) = a · M/(√V + b): with c = √((1 − β₂)/(1 − β₂ᵗ)), √v̂ = c√V, so b = ε/c.

        The same c divides m̂ = M(1 − β₁)/(1 − β₁ᵗ), which gives a = η(1 − β₁)/((1 − β₁ᵗ)c).
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
    """Adam with decoupled weight decay: θ ← (1 − ηλ)θ − η · m̂/(√v̂ + ε).

    Loshchilov and Hutter 2019, algorithm 2.

    The decay is multiplied by the learning rate, as in PyTorch; the paper multiplies it by the schedule's
    factor alone.

    Parameters
    ----------
    weight_decay
        λ: how fast a parameter without gradient shrinks.
    decay_mask
        One factor of λ for each parameter: 0 where it is not to shrink. None where all are to. See
        ``Parameters.spread``.
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

    def start(self, parameters: Array) -> None:
        """Start from M = V = 0, t = 0."""
        super().start(parameters)
        self._factors = np.ones_like(parameters)
        for factors in (self.decay_mask, self.rate_factors):
            if factors is not None:
                np.multiply(self._factors, factors, out=self._factors)
        self._uniform = self.decay_mask is None and self.rate_factors is None

    def step(self, parameters: Array, gradients: Array, schedule_factor: float = 1.0) -> None:
        """θ ← (1 − ηλ)θ, then Adam's step, whose change does not depend on θ."""
        self.start_if_new(parameters)
        share = self.learning_rate * schedule_factor * self.weight_decay
        if self._uniform:
            np.multiply(parameters, 1 - share, out=parameters)
        else:
            np.multiply(self._factors, -share, out=self._change)
            np.add(self._change, 1, out=self._change)
            np.multiply(parameters, self._change, out=parameters)
        super().step(parameters, gradients, schedule_factor)


def clip_global_norm(gradients: Array, maximum: float) -> float:
    """Shorten the gradient, in place, to length ``maximum`` if it is longer (Pascanu et al. 2013).

    Returns
    -------
    float
        The length before.
    """
    norm = math.sqrt(float(np.dot(gradients, gradients)))
    if norm > maximum:
        np.multiply(gradients, maximum / norm, out=gradients)
    return norm
