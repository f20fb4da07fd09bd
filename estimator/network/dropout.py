"""Dropout: in training each number is withheld at random, so that no neuron leans on a single other."""

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer
from estimator.network.layer import Layer


class Dropout(Layer):
    """y = x ⊙ mask / (1 − rate) in training, y = x in prediction (Srivastava et al. 2014).

    The inverted form: the paper scales in prediction instead, and both give the same expectation.

    Parameters
    ----------
    rate
        The probability that a number is withheld, in [0, 1). May be changed between batches, for a schedule.

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d)``.

    The mask compares one random byte a number with a threshold, for a float's worth of randomness costs
    several times as much. So the rate is kept to the nearest 1/256, and what is kept is scaled by the
    rate really used: the expectation stays exact.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._mask = Buffer()
        self._training = False

    @property
    def rate(self) -> float:
        """The probability that a number is withheld."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"the dropout rate must lie in [0, 1), not {rate}")
        self._rate = rate

    def settings(self) -> dict[str, Any]:
        """The rate."""
        return {"rate": self.rate}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Write y = x ⊙ mask / (1 − rate), or x itself in prediction."""
        threshold = min(round(self.rate * 256), 255)
        self._training = rng is not None and threshold > 0
        if rng is None or threshold == 0:
            return x
        self._mask_view = mask = self._mask.take(x.shape, x.dtype)
        flat = mask.reshape(-1)
        for start in range(0, flat.size, _BYTES):
            piece = flat[start : start + _BYTES]
            drawn = np.frombuffer(rng.bytes(piece.size), np.uint8)
            np.greater_equal(drawn, threshold, out=piece)
        np.multiply(mask, 256 / (256 - threshold), out=mask)
        y = self._y.take(x.shape, x.dtype)
        return np.multiply(x, mask, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y ⊙ mask / (1 − rate): what did not pass forward gets no blame."""
        if not self._training:
            return dy
        return np.multiply(dy, self._mask_view, out=dy)


_BYTES = 1 << 14
"""Random bytes drawn at a time: few calls, and no batch-sized array beside the mask."""
