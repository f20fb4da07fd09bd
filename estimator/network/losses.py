"""What learning makes small: one number for how wrong the predictions are, and its slope by each of them.

A prediction is ``(n, d)`` or, from an ensemble, ``(k, n, d)``; the target is ``(n, d)``. An ensemble's
loss is the mean of its members' losses, never the loss of their mean: each member must learn to stand
alone (Gorishniy et al. 2024, TabM, §3). Knows nothing of layers.
"""

import math

import numpy as np

from estimator.network.activations import sigmoid
from estimator.network.arrays import Array, Buffer


class Loss:
    """A loss with its gradient.

    ``forward`` gives the loss; ``backward`` the gradient ∂L/∂prediction for the last ``forward``, in the
    loss's own memory: good until its next call.
    """

    def __init__(self) -> None:
        self._gradient = Buffer()
        self._scratch = Buffer()

    def forward(self, prediction: Array, target: Array) -> float:
        """The loss of these predictions.

        Raises
        ------
        ValueError
            If the target's shape is not that of one member's prediction.
        """
        raise NotImplementedError

    def backward(self) -> Array:
        """∂L/∂prediction, of the prediction's shape."""
        raise NotImplementedError

    def _residual(self, prediction: Array, target: Array) -> Array:
        """Prediction − target, in the gradient's memory."""
        _check(prediction, target)
        residual = self._gradient.take(prediction.shape, prediction.dtype)
        return np.subtract(prediction, target, out=residual)


class MSE(Loss):
    """The mean squared error L = 1/N Σ (ŷ − y)²."""

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ (ŷ − y)² over all numbers: for members of equal size it is the mean of their losses."""
        self._error = self._residual(prediction, target)
        flat = self._error.reshape(-1)
        return float(np.dot(flat, flat)) / flat.size

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = 2(ŷᵢ − yᵢ) / N."""
        return np.multiply(self._error, 2 / self._error.size, out=self._error)


class RMSE(Loss):
    """The root of the mean squared error L = √(1/N Σ (ŷ − y)²), in the target's own unit."""

    def forward(self, prediction: Array, target: Array) -> float:
        """√(1/N Σ (ŷ − y)²) of each member, then the mean of the members."""
        self._error = self._residual(prediction, target)
        members = _members(self._error)
        self._losses = [math.sqrt(float(np.dot(flat, flat)) / flat.size) for flat in members]
        return sum(self._losses) / len(self._losses)

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = (ŷᵢ − yᵢ) / (N·L) for each member, over the number of members.

        With M the mean square, dL/dM = 1/(2√M) = 1/(2L) and ∂M/∂ŷᵢ = 2(ŷᵢ − yᵢ)/N. At L = 0, where the
        root has no slope, every residual is 0 and so the gradient is taken as.
        """
        for flat, loss in zip(_members(self._error), self._losses, strict=True):
            if loss > 0:
                np.multiply(flat, 1 / (flat.size * loss * len(self._losses)), out=flat)
        return self._error


class HuberRMSE(RMSE):
    """The RMSE in which an error beyond a limit counts by its size, no more by its square (Huber 1964).

    L = √(1/N Σ ρ(ŷ − y)), in the target's own unit, with ρ(e) = e² up to the limit d and d(2|e| − d) beyond it.

    Parameters
    ----------
    limit
        d, in the target's own unit; with an infinite one it is the RMSE.

    Raises
    ------
    ValueError
        The limit is not above 0.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        if not limit > 0:
            raise ValueError(f"the limit of an error is above 0, not {limit}")
        self.limit = limit

    def forward(self, prediction: Array, target: Array) -> float:
        """√(1/N Σ ρ) of each member, then the mean of the members.

        With ψ the error held within ±d, ρ = ψ(2e − ψ) on both sides of the limit, and dρ/de = 2ψ. So ψ stands
        where RMSE's gradient looks for the error.
        """
        error = self._residual(prediction, target)
        held = np.clip(error, -self.limit, self.limit, out=self._scratch.take(error.shape, error.dtype))
        both = zip(_members(error), _members(held), strict=True)
        self._losses = [math.sqrt(float(2 * np.dot(e, psi) - np.dot(psi, psi)) / e.size) for e, psi in both]
        self._error = held
        return sum(self._losses) / len(self._losses)


class BinaryCrossEntropy(Loss):
    """The binary cross-entropy L = −1/N Σ y·ln p + (1 − y)·ln(1 − p) with p = σ(z), given the logits z.

    The network's last layer gives z, without a sigmoid: σ and the logarithms together are safe where
    ln(σ(z)) alone would be ln 0. Targets are probabilities in [0, 1], 0 or 1 as a rule.
    """

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ max(z, 0) − z·y + ln(1 + e^−|z|).

        −y·ln p − (1 − y)·ln(1 − p) = ln(1 + eᶻ) − z·y, and ln(1 + eᶻ) = max(z, 0) + ln(1 + e^−|z|), where
        nothing overflows.
        """
        _check(prediction, target)
        self._logits, self._target = prediction, target
        terms = self._gradient.take(prediction.shape, prediction.dtype)
        scratch = self._scratch.take(prediction.shape, prediction.dtype)
        np.abs(prediction, out=terms)
        np.negative(terms, out=terms)
        np.exp(terms, out=terms)
        np.log1p(terms, out=terms)
        np.maximum(prediction, 0, out=scratch)
        np.add(terms, scratch, out=terms)
        np.multiply(prediction, target, out=scratch)
        np.subtract(terms, scratch, out=terms)
        return float(np.mean(terms))

    def backward(self) -> Array:
        """∂L/∂zᵢ = (σ(zᵢ) − yᵢ) / N, for d ln(1 + eᶻ)/dz = σ(z)."""
        gradient = self._gradient.take(self._logits.shape, self._logits.dtype)
        sigmoid(self._logits, out=gradient)
        np.subtract(gradient, self._target, out=gradient)
        return np.multiply(gradient, 1 / gradient.size, out=gradient)


class Pinball(Loss):
    """The pinball loss, least where a share q of the targets lies below (Koenker and Bassett 1978).

    L = 1/N Σ max(q·e, (q − 1)·e) with e = y − ŷ.

    Parameters
    ----------
    quantiles
        One q in (0, 1) for each output of the network, ``(d,)``.
    """

    def __init__(self, quantiles: tuple[float, ...]) -> None:
        super().__init__()
        if not quantiles or not all(0 < q < 1 for q in quantiles):
            raise ValueError(f"quantiles must lie in (0, 1): {quantiles}")
        self.quantiles = quantiles

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ max(q·e, (q − 1)·e); the target may be ``(n, 1)``, the same for every quantile."""
        if prediction.shape[-1] != len(self.quantiles):
            raise ValueError(f"{len(self.quantiles)} quantiles, but predictions of shape {prediction.shape}")
        _check(prediction[..., : target.shape[-1]], target)
        over = self._gradient.take(prediction.shape, prediction.dtype)
        terms = self._scratch.take(prediction.shape, prediction.dtype)
        np.subtract(prediction, target, out=over)  # −e
        self._over = over
        q = np.asarray(self.quantiles, prediction.dtype)
        np.multiply(over, -q, out=terms)
        np.add(over, terms, out=over)  # (1 − q)(−e)
        np.maximum(over, terms, out=terms)
        return float(np.mean(terms))

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = (1 − q)/N where the prediction is too high, −q/N where it is too low or right."""
        q = np.asarray(self.quantiles, self._over.dtype)
        np.greater(self._over, 0, out=self._over)
        np.subtract(self._over, q, out=self._over)
        return np.multiply(self._over, 1 / self._over.size, out=self._over)


def _check(prediction: Array, target: Array) -> None:
    if prediction.shape[-2:] != target.shape:
        raise ValueError(f"predictions of shape {prediction.shape} have no targets of shape {target.shape}")


def _members(array: Array) -> Array:
    """The array as one flat row a member, ``(k, n·d)``."""
    return array.reshape(len(array) if array.ndim == 3 else 1, -1)
