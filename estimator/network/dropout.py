"""Dropout: randomly sets activations to zero in training, so that no neuron relies on a single other one."""

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Buffer
from estimator.network.layer import Layer


class Dropout(Layer):
    """y = x ⊙ mask / (1 − rate) in training, y = x in prediction (Srivastava et al. 2014).

    This is "inverted dropout": the paper scales in prediction instead. The expectation is the same.

    Parameters
    ----------
    rate
        The probability that a number is set to zero, in [0, 1). May be changed between batches, for a schedule.

    Raises
    ------
    ValueError
        If the rate is outside [0, 1).

    Notes
    -----
    Shapes: x ``(…, d)`` → y ``(…, d)``.

    The mask compares one random byte per number with a threshold, because random floats cost several times as
    much. The rate is therefore rounded to the nearest 1/256, and y is scaled by the rounded rate, so that the
    expectation is exact.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._mask = Buffer()
        self._training = False

    @property
    def rate(self) -> float:
        """The probability that a number is set to zero."""
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if not 0 <= rate < 1:
            raise ValueError(f"the dropout rate must be at least 0 and below 1, not {rate}")
        self._rate = rate

    def settings(self) -> dict[str, Any]:
        """The rate."""
        return {"rate": self.rate}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Return x ⊙ mask / (1 − rate) in training, x itself in prediction."""
        threshold = min(round(self.rate * 256), 255)
        self._training = rng is not None and threshold > 0
        if rng is None or threshold == 0:
            return x
        self._mask_view = mask = self._mask.take(x.shape, x.dtype)
        flat = mask.reshape(-1)
        for start in range(0, flat.size, _BYTES_PER_DRAW):
            chunk = flat[start : start + _BYTES_PER_DRAW]
            random_bytes = np.frombuffer(rng.bytes(chunk.size), np.uint8)
            np.greater_equal(random_bytes, threshold, out=chunk)
        np.multiply(mask, 256 / (256 - threshold), out=mask)
        y = self._y.take(x.shape, x.dtype)
        return np.multiply(x, mask, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂x = ∂L/∂y ⊙ mask / (1 − rate)."""
        if not self._training:
            return dy
        return np.multiply(dy, self._mask_view, out=dy)


_BYTES_PER_DRAW = 1 << 14
"""Random bytes per call: enough for few calls, and no batch-sized array is needed besides the mask."""
