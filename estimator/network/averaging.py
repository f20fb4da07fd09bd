"""Exponential moving average of the weights: often more accurate and more stable than the last weights."""

import numpy as np

from estimator.network.arrays import Array


class ExponentialAverage:
    """a ← a + (1 − β)(θ − a) after each step (Polyak and Juditsky 1992, with exponential weights).

    In step t, β is min(β, (1 + t)/(10 + t)), so that the random initial weights lose their influence quickly. The
    paper does not do this; TensorFlow's ``ExponentialMovingAverage`` does.

    Parameters
    ----------
    decay
        β in [0, 1). The average spans about 1/(1 − β) steps.
    parameters
        The initial parameters θ ``(p,)``, which are also the first average.

    Raises
    ------
    ValueError
        If the decay is outside [0, 1).
    """

    def __init__(self, decay: float, parameters: Array) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of the average must be at least 0 and below 1, not {decay}")
        self.decay = decay
        self.vector = parameters.copy()
        self._change = np.empty_like(parameters)
        self._steps = 0

    def update(self, parameters: Array) -> None:
        """Update the average with the parameters ``(p,)`` after an optimiser step."""
        self._steps += 1
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        np.subtract(parameters, self.vector, out=self._change)
        np.multiply(self._change, 1 - decay, out=self._change)
        np.add(self.vector, self._change, out=self.vector)
