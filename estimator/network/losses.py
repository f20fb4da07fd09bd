"""Loss functions and their gradients.

A prediction is ``(n, d)`` or, from an ensemble, ``(k, n, d)``; the target is ``(n, d)``. The loss of an ensemble
is the mean of its members' losses, not the loss of their mean prediction, so that each member learns on its own
(Gorishniy et al. 2024, TabM, §3).
"""

import math

import numpy as np

from estimator.network.activations import sigmoid
from estimator.network.arrays import Array, Buffer


class Loss:
    """A loss function and its gradient.

    ``forward`` returns the loss; ``backward`` returns the gradient ∂L/∂prediction of the last ``forward``, in the
    loss's own memory, which is valid until the next call.
    """

    def __init__(self) -> None:
        self._gradient = Buffer()
        self._scratch = Buffer()

    def forward(self, prediction: Array, target: Array) -> float:
        """Return the loss of these predictions.

        Raises
        ------
        ValueError
            If the target's shape differs from that of one member's prediction.
        """
        raise NotImplementedError

    def backward(self) -> Array:
        """Return ∂L/∂prediction, in the shape of the prediction."""
        raise NotImplementedError

    def _residual(self, prediction: Array, target: Array) -> Array:
        """Return prediction − target, in the gradient's memory."""
        _check(prediction, target)
        residual = self._gradient.take(prediction.shape, prediction.dtype)
        return np.subtract(prediction, target, out=residual)


class MSE(Loss):
    """Mean squared error, L = 1/N Σ (ŷ − y)²."""

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ (ŷ − y)² over all numbers. Members have equal sizes, so this is the mean of their losses."""
        self._error = self._residual(prediction, target)
        flat = self._error.reshape(-1)
        return float(np.dot(flat, flat)) / flat.size

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = 2(ŷᵢ − yᵢ) / N."""
        return np.multiply(self._error, 2 / self._error.size, out=self._error)


class RMSE(Loss):
    """Root mean squared error, L = √(1/N Σ (ŷ − y)²), in the target's unit."""

    @property
    def member_losses(self) -> list[float]:
        """The loss of each member at the last ``forward``."""
        return self._losses

    def forward(self, prediction: Array, target: Array) -> float:
        """√(1/N Σ (ŷ − y)²) of each member, averaged over the members."""
        self._error = self._residual(prediction, target)
        members = _members(self._error)
        self._losses = [math.sqrt(float(np.dot(flat, flat)) / flat.size) for flat in members]
        return sum(self._losses) / len(self._losses)

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = (ŷᵢ − yᵢ) / (N·L) for each member, divided by the number of members.

        With M the mean square, dL/dM = 1/(2√M) = 1/(2L) and ∂M/∂ŷᵢ = 2(ŷᵢ − yᵢ)/N. At L = 0 the root is not
        differentiable; all residuals are 0 there, and the gradient is defined as 0.
        """
        for flat, loss in zip(_members(self._error), self._losses, strict=True):
            if loss > 0:
                np.multiply(flat, 1 / (flat.size * loss * len(self._losses)), out=flat)
        return self._error


class HuberRMSE(RMSE):
    """RMSE with Huber's loss in place of the square: errors beyond a threshold count linearly (Huber 1964).

    L = √(1/N Σ ρ(ŷ − y)), in the target's unit, with ρ(e) = e² for |e| ≤ d and d(2|e| − d) for |e| > d.

    Parameters
    ----------
    limit
        The threshold d, in the target's unit. An infinite threshold gives the RMSE.

    Raises
    ------
    ValueError
        If the limit is not above 0.
    """

    def __init__(self, limit: float) -> None:
        super().__init__()
        if not limit > 0:
            raise ValueError(f"the limit must be above 0, not {limit}")
        self.limit = limit

    def forward(self, prediction: Array, target: Array) -> float:
        """√(1/N Σ ρ) of each member, averaged over the members.

        With ψ the error clipped to ±d, ρ = ψ(2e − ψ) on both sides of the threshold and dρ/de = 2ψ. RMSE's
        ``backward`` is therefore right if ψ is stored in place of the error.
        """
        error = self._residual(prediction, target)
        clipped = np.clip(error, -self.limit, self.limit, out=self._scratch.take(error.shape, error.dtype))
        pairs = zip(_members(error), _members(clipped), strict=True)
        self._losses = [math.sqrt(float(2 * np.dot(e, psi) - np.dot(psi, psi)) / e.size) for e, psi in pairs]
        self._error = clipped
        return sum(self._losses) / len(self._losses)


class CovariancePenalty(Loss):
    """An RMSE with a penalty on errors that go with the target: L = √(L₀² + ρ·Cov(ŷ − y, y)²), in its unit.

    Predictions are less spread than what they predict, so high targets are predicted too low and low ones too
    high: the covariance is negative. The penalty trades some accuracy for a covariance near 0. As ρ·Cov² is added
    to the square of L₀, it has the same minimum as MSE + ρ·Cov², the form in which the Cook County Assessor's
    Office uses it (2026). The covariance is that of the batch.

    Parameters
    ----------
    base
        L₀, such as ``RMSE()`` or a ``HuberRMSE``.
    weight
        ρ; with 0 this is the base.

    Raises
    ------
    ValueError
        If the weight is negative, infinite or not a number.
    """

    def __init__(self, base: RMSE, weight: float) -> None:
        super().__init__()
        if not 0 <= weight < math.inf:
            raise ValueError(f"the weight must be 0 or more, and finite, not {weight}")
        self.base, self.weight = base, weight

    def forward(self, prediction: Array, target: Array) -> float:
        """√(L₀² + ρ·Cov²) of each member, averaged over the members; Cov = 1/N Σ (ŷ − y)(y − ȳ)."""
        self.base.forward(prediction, target)
        self._centred = self._scratch.take((target.size,), target.dtype)
        flat = target.reshape(-1)
        np.subtract(flat, flat.mean(), out=self._centred)
        own = float(np.dot(flat, self._centred))
        members = _members(prediction)
        self._covariances = [(float(np.dot(member, self._centred)) - own) / flat.size for member in members]
        pairs = zip(self.base.member_losses, self._covariances, strict=True)
        self._losses = [math.sqrt(loss**2 + self.weight * covariance**2) for loss, covariance in pairs]
        return sum(self._losses) / len(self._losses)

    def backward(self) -> Array:
        """∂L/∂ŷᵢ = (L₀·∂L₀/∂ŷᵢ + ρ·Cov·(yᵢ − ȳ)/N) / L for each member, divided by the number of members.

        dL/d(L²) = 1/(2L), d(L₀²)/dŷᵢ = 2L₀·∂L₀/∂ŷᵢ and ∂Cov/∂ŷᵢ = (yᵢ − ȳ)/N. At L = 0 the gradient is
        defined as 0, as that of the base.
        """
        gradient = self.base.backward()
        count = len(self._losses)
        parts = zip(_members(gradient), self.base.member_losses, self._covariances, self._losses, strict=True)
        for flat, base_loss, covariance, loss in parts:
            if loss > 0:
                np.multiply(flat, base_loss / loss, out=flat)
                penalty = self.weight * covariance / (flat.size * loss * count)
                np.add(flat, penalty * self._centred, out=flat)
        return gradient


class BinaryCrossEntropy(Loss):
    """Binary cross-entropy, L = −1/N Σ y·ln p + (1 − y)·ln(1 − p) with p = σ(z), given the logits z.

    The network's last layer must output z, without a sigmoid: computing σ and the logarithm together avoids the ln
    0 that a separate ln(σ(z)) can run into. Targets are probabilities in [0, 1], usually 0 or 1.
    """

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ max(z, 0) − z·y + ln(1 + e^−|z|).

        −y·ln p − (1 − y)·ln(1 − p) = ln(1 + eᶻ) − z·y, and ln(1 + eᶻ) = max(z, 0) + ln(1 + e^−|z|), which cannot
        overflow.
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
        """∂L/∂zᵢ = (σ(zᵢ) − yᵢ) / N, because d ln(1 + eᶻ)/dz = σ(z)."""
        gradient = self._gradient.take(self._logits.shape, self._logits.dtype)
        sigmoid(self._logits, out=gradient)
        np.subtract(gradient, self._target, out=gradient)
        return np.multiply(gradient, 1 / gradient.size, out=gradient)


class Pinball(Loss):
    """Pinball (quantile) loss, which is minimal at the q-quantile of the target (Koenker and Bassett 1978).

    L = 1/N Σ max(q·e, (q − 1)·e) with e = y − ŷ.

    Parameters
    ----------
    quantiles
        One q in (0, 1) for each output of the network, ``(d,)``.

    Raises
    ------
    ValueError
        If there are no quantiles, or one is outside (0, 1).
    """

    def __init__(self, quantiles: tuple[float, ...]) -> None:
        super().__init__()
        if not quantiles or not all(0 < q < 1 for q in quantiles):
            raise ValueError(f"quantiles must be one or more numbers between 0 and 1 (exclusive), not {quantiles}")
        self.quantiles = quantiles

    def forward(self, prediction: Array, target: Array) -> float:
        """1/N Σ max(q·e, (q − 1)·e). A target ``(n, 1)`` is used for every quantile."""
        if prediction.shape[-1] != len(self.quantiles):
            raise ValueError(
                f"{len(self.quantiles)} quantiles need as many prediction columns, not shape {prediction.shape}"
            )
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
        """∂L/∂ŷᵢ = (1 − q)/N where the prediction is above the target, else −q/N."""
        q = np.asarray(self.quantiles, self._over.dtype)
        np.greater(self._over, 0, out=self._over)
        np.subtract(self._over, q, out=self._over)
        return np.multiply(self._over, 1 / self._over.size, out=self._over)


def _check(prediction: Array, target: Array) -> None:
    """Raise a ValueError if the target's shape differs from that of one member's prediction."""
    if prediction.shape[-2:] != target.shape:
        raise ValueError(f"predictions of shape {prediction.shape} do not match targets of shape {target.shape}")


def _members(array: Array) -> Array:
    """Reshape to one flat row per member, ``(k, n·d)``."""
    return array.reshape(len(array) if array.ndim == 3 else 1, -1)
