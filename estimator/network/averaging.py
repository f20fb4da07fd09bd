"""The mean of the weights along the way: often better than the last weights, and steadier."""

import numpy as np

from estimator.network.arrays import Array


class ExponentialAverage:
    """a ← a + (1 − β)(θ − a) after each step (Polyak and Juditsky 1992, with fading memory).

    In the first steps t, β is (1 + t)/(10 + t) where that is less, so that the random start is soon forgotten:
    a departure from the paper that TensorFlow's moving average made customary.

    Parameters
    ----------
    decay
        β in [0, 1): the average reaches back about 1/(1 − β) steps.
    """

    def __init__(self, decay: float, parameters: Array) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"the decay of the average must lie in [0, 1), not {decay}")
        self.decay = decay
        self.vector = parameters.copy()
        self._change = np.empty_like(parameters)
        self._steps = 0

    def update(self, parameters: Array) -> None:
        """Take in the parameters after one more step."""
        self._steps += 1
        decay = min(self.decay, (1 + self._steps) / (10 + self._steps))
        np.subtract(parameters, self.vector, out=self._change)
        np.multiply(self._change, 1 - decay, out=self._change)
        np.add(self.vector, self._change, out=self.vector)
