"""Many networks for little more than the price of one: members share the weights and differ in a few vectors.

What the members see is ``(k, n, d)``: k members, n examples, d numbers. The shared weights meet all of it
in one matrix product of k·n rows. Wen et al. 2020, "BatchEnsemble"; Gorishniy et al. 2024, "TabM". Knows
nothing of what is predicted.
"""

# ruff: noqa: ARG002 - every layer's forward has one form

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Shape
from estimator.network.dense import Dense
from estimator.network.initialisers import Initialiser, lecun_normal, ones, random_signs
from estimator.network.layer import Layer
from estimator.network.network import Sequential
from estimator.network.row_stable import matmul_row_stable


class MemberScale(Layer):
    """yₖ = xₖ ⊙ rₖ: each member's own weight for each number.

    With random signs, before layers that the members share, this alone makes an ensemble: TabM-mini
    (Gorishniy et al. 2024, §3.3).

    Parameters
    ----------
    members, width
        k and d.
    scale
        Initialiser of r ``(k, d)``.

    Notes
    -----
    Shapes: x ``(n, d)``, the same for every member, or ``(k, n, d)`` → y ``(k, n, d)``.
    """

    forgets_output = True

    def __init__(self, members: int, width: int, scale: Initialiser = random_signs) -> None:
        super().__init__()
        self.members = members
        self.width = width
        self._initial_scale = scale

    def shapes(self) -> dict[str, Shape]:
        """The scale r."""
        return {"scale": (self.members, self.width)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw r by its initialiser."""
        self.parameters["scale"][:] = self._initial_scale(rng, (self.members, self.width))

    def settings(self) -> dict[str, Any]:
        """The layer's shape."""
        return {"members": self.members, "width": self.width}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """yₖ = xₖ ⊙ rₖ."""
        scale = self.parameters["scale"][..., None, :]
        beside = scale.shape[:-3]
        _check(x, (*beside, self.members), self.width, may_be_shared=True)
        self._x = x
        y = self._y.take((*beside, self.members, *x.shape[-2:]), x.dtype)
        return np.multiply(x if x.ndim == y.ndim else x[..., None, :, :], scale, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xₖ = ∂L/∂yₖ ⊙ rₖ; for an x that the members share, the sum of theirs."""
        self.backward_parameters(dy)
        if self._x.ndim == 3:
            return np.multiply(dy, self.parameters["scale"][:, None, :], out=dy)
        dx = self._dx.take(self._x.shape, dy.dtype)
        return np.einsum("knd,kd->nd", dy, self.parameters["scale"], out=dx)

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂rₖ = Σ xₖ ⊙ ∂L/∂yₖ over the examples."""
        x = "knd" if self._x.ndim == 3 else "nd"
        np.einsum(f"{x},knd->kd", self._x, dy, out=self.gradients["scale"])


class MemberBias(Layer):
    """yₖ = xₖ + bₖ: each member's own bias, after a ``Dense`` layer that the members share.

    Parameters
    ----------
    members, width
        k and d. b ``(k, d)`` starts at zero.

    Notes
    -----
    Shapes: x ``(k, n, d)`` → y ``(k, n, d)``.
    """

    forgets_output = True
    may_overwrite_input = True

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.members = members
        self.width = width

    def shapes(self) -> dict[str, Shape]:
        """The bias b."""
        return {"bias": (self.members, self.width)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Start from b = 0."""
        self.parameters["bias"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The layer's shape."""
        return {"members": self.members, "width": self.width}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """yₖ = xₖ + bₖ."""
        bias = self.parameters["bias"][..., None, :]
        _check(x, bias.shape[:-2], self.width)
        y = x if self.in_place else self._y.take(x.shape, x.dtype)
        return np.add(x, bias, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xₖ = ∂L/∂yₖ."""
        self.backward_parameters(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂bₖ = Σ ∂L/∂yₖ over the examples."""
        _sum_examples(dy, self.gradients["bias"])


class MemberDense(Layer):
    """yₖ = xₖWₖ + bₖ: weights of their own for each member, as their last layers have.

    Parameters
    ----------
    members, n_in, n_out
        k, and the numbers per example going in and coming out.
    weight
        Initialiser of each Wₖ ``(n_in, n_out)``; bₖ ``(n_out,)`` starts at zero.

    Notes
    -----
    Shapes: x ``(k, n, n_in)`` → y ``(k, n, n_out)``. A product a member: for wide layers, share the weights.
    """

    forgets_output = True

    def __init__(self, members: int, n_in: int, n_out: int, weight: Initialiser = lecun_normal) -> None:
        super().__init__()
        self.members = members
        self.n_in = n_in
        self.n_out = n_out
        self._initial_weight = weight

    def shapes(self) -> dict[str, Shape]:
        """W and b."""
        return {"weight": (self.members, self.n_in, self.n_out), "bias": (self.members, self.n_out)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw each W by its initialiser; b = 0."""
        for weight in self.parameters["weight"]:
            weight[:] = self._initial_weight(rng, weight.shape)
        self.parameters["bias"].fill(0)

    def settings(self) -> dict[str, Any]:
        """The layer's shape."""
        return {"members": self.members, "n_in": self.n_in, "n_out": self.n_out}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """yₖ = xₖWₖ + bₖ."""
        bias = self.parameters["bias"][..., None, :]
        _check(x, bias.shape[:-2], self.n_in)
        self._x = x
        y = self._y.take((*x.shape[:-1], self.n_out), x.dtype)
        product = matmul_row_stable if rng is None else np.matmul
        product(x, self.parameters["weight"], out=y)
        return np.add(y, bias, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂Xₖ = ∂L/∂Yₖ · Wₖᵀ, as in ``Dense``, a member at a time."""
        self.backward_parameters(dy)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        product = np.multiply if self.n_out == 1 else np.matmul  # an outer product is no work for a BLAS
        product(dy, self.parameters["weight"].transpose(0, 2, 1), out=dx)
        return dx

    def backward_parameters(self, dy: Array) -> None:
        """∂L/∂Wₖ = Xₖᵀ · ∂L/∂Yₖ and ∂L/∂bₖ = Σ ∂L/∂Yₖ over the examples."""
        np.matmul(self._x.transpose(0, 2, 1), dy, out=self.gradients["weight"])
        _sum_examples(dy, self.gradients["bias"])


def batch_ensemble_dense(
    members: int,
    n_in: int,
    n_out: int,
    weight: Initialiser = lecun_normal,
    scale_in: Initialiser = ones,
) -> Sequential:
    """yₖ = ((xₖ ⊙ rₖ)W) ⊙ sₖ + bₖ: one W for all members, three vectors for each.

    Wen et al. 2020, eq. 5. The members' own weights W ⊙ rₖsₖᵀ are never built: it is scaling, a shared
    product, scaling, and a bias.

    Parameters
    ----------
    members, n_in, n_out
        k, and the numbers per example going in and coming out.
    weight, scale_in
        Initialisers of W ``(n_in, n_out)`` and r ``(k, n_in)``; s starts at 1 and b at 0. TabM has random
        signs in the r of its first layer, and ones in all others.
    """
    return Sequential(
        [
            MemberScale(members, n_in, scale_in),
            Dense(n_in, n_out, weight, bias=None),
            MemberScale(members, n_out, ones),
            MemberBias(members, n_out),
        ]
    )


def _sum_examples(dy: Array, out: Array) -> None:
    """Write Σ ∂L/∂yₖ over the examples into ``out`` ``(k, d)``; a product sums faster than a reduction."""
    row = np.ones((1, dy.shape[1]), dy.dtype)
    np.matmul(row, dy, out=out[:, None, :])


def _check(x: Array, members: Shape, width: int, *, may_be_shared: bool = False) -> None:
    """Raise a ValueError if x is not ``(*members, n, width)`` or, where members may share it, one axis less."""
    in_front = x.shape[:-2]
    if x.shape[-1] != width or not (in_front == members or (may_be_shared and in_front == members[:-1])):
        expected = f"({', '.join(map(str, members))}, n, {width})"
        raise ValueError(f"a layer of members was given an array of shape {x.shape}, not {expected}")
