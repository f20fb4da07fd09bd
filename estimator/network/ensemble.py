"""Layers of a parameter-efficient ensemble: the members share the large weights and differ in a few vectors.

Arrays are ``(k, n, d)``: k members, n examples, d numbers. The shared weights are applied to all members in one
matrix product of k·n rows, so the ensemble costs little more than a single network. Wen et al. 2020,
"BatchEnsemble"; Gorishniy et al. 2024, "TabM".
"""

# ruff: noqa: ARG002 - all layers share one signature of forward

from typing import Any

import numpy as np

from estimator.network.arrays import Array, Shape
from estimator.network.dense import Dense
from estimator.network.initialisers import Initialiser, lecun_normal, ones, random_signs
from estimator.network.layer import Layer
from estimator.network.network import Sequential
from estimator.network.row_stable import matmul_row_stable


class MemberScale(Layer):
    """yₖ = xₖ ⊙ rₖ: each member scales the numbers with its own weights.

    A single layer of this kind with random signs, before layers that the members share, makes an ensemble:
    TabM-mini (Gorishniy et al. 2024, §3.3).

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

    backward_ignores_output = True

    def __init__(self, members: int, width: int, scale: Initialiser = random_signs) -> None:
        super().__init__()
        self.members = members
        self.width = width
        self._initial_scale = scale

    def shapes(self) -> dict[str, Shape]:
        """The shape of r."""
        return {"scale": (self.members, self.width)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw r with its initialiser."""
        self.parameters["scale"][:] = self._initial_scale(rng, (self.members, self.width))

    def settings(self) -> dict[str, Any]:
        """The layer's shape."""
        return {"members": self.members, "width": self.width}

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """yₖ = xₖ ⊙ rₖ."""
        scale = self.parameters["scale"][..., None, :]
        stack = scale.shape[:-3]  # the leading axis of stacked networks, if any
        _check(x, (*stack, self.members), self.width, may_be_shared=True)
        self._x = x
        y = self._y.take((*stack, self.members, *x.shape[-2:]), x.dtype)
        return np.multiply(x if x.ndim == y.ndim else x[..., None, :, :], scale, out=y)

    def backward(self, dy: Array) -> Array:
        """∂L/∂xₖ = ∂L/∂yₖ ⊙ rₖ, summed over the members if they share one x."""
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
        k and d. b ``(k, d)`` is initialised to zero.

    Notes
    -----
    Shapes: x ``(k, n, d)`` → y ``(k, n, d)``.
    """

    backward_ignores_output = True
    supports_in_place = True

    def __init__(self, members: int, width: int) -> None:
        super().__init__()
        self.members = members
        self.width = width

    def shapes(self) -> dict[str, Shape]:
        """The shape of b."""
        return {"bias": (self.members, self.width)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Set b = 0."""
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
    """yₖ = xₖWₖ + bₖ: a dense layer with separate weights for each member, usually the output layer.

    Parameters
    ----------
    members, n_in, n_out
        k, and the numbers of inputs and outputs per example.
    weight
        Initialiser of each Wₖ ``(n_in, n_out)``; bₖ ``(n_out,)`` is initialised to zero.

    Notes
    -----
    Shapes: x ``(k, n, n_in)`` → y ``(k, n, n_out)``. This takes one matrix product per member; wide layers should
    share their weights.
    """

    backward_ignores_output = True

    def __init__(self, members: int, n_in: int, n_out: int, weight: Initialiser = lecun_normal) -> None:
        super().__init__()
        self.members = members
        self.n_in = n_in
        self.n_out = n_out
        self._initial_weight = weight

    def shapes(self) -> dict[str, Shape]:
        """The shapes of W and b."""
        return {"weight": (self.members, self.n_in, self.n_out), "bias": (self.members, self.n_out)}

    def initialise(self, rng: np.random.Generator) -> None:
        """Draw each Wₖ with its initialiser; b = 0."""
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
        """∂L/∂Xₖ = ∂L/∂Yₖ · Wₖᵀ for each member, as in ``Dense``."""
        self.backward_parameters(dy)
        dx = self._dx.take((*dy.shape[:-1], self.n_in), dy.dtype)
        product = (
            np.multiply if self.n_out == 1 else np.matmul
        )  # for an outer product multiply is faster than BLAS
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
    """yₖ = ((xₖ ⊙ rₖ)W) ⊙ sₖ + bₖ: a dense layer with one W for all members and three vectors for each.

    Wen et al. 2020, eq. 5. The members' weights W ⊙ rₖsₖᵀ are never computed; the layer scales, multiplies by the
    shared W, scales again and adds the bias.

    Parameters
    ----------
    members, n_in, n_out
        k, and the numbers of inputs and outputs per example.
    weight, scale_in
        Initialisers of W ``(n_in, n_out)`` and r ``(k, n_in)``; s is initialised to 1 and b to 0. TabM uses random
        signs for r in its first layer and ones in all others.
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
    """Write Σ ∂L/∂yₖ over the examples into ``out`` ``(k, d)``; matmul with ones is faster than np.sum."""
    row = np.ones((1, dy.shape[1]), dy.dtype)
    np.matmul(row, dy, out=out[:, None, :])


def _check(x: Array, members: Shape, width: int, *, may_be_shared: bool = False) -> None:
    """Raise a ValueError if x is not ``(*members, n, width)``; a shared x may lack the last members axis."""
    leading = x.shape[:-2]
    if x.shape[-1] != width or not (leading == members or (may_be_shared and leading == members[:-1])):
        expected = f"({', '.join(map(str, members))}, n, {width})"
        raise ValueError(f"an ensemble layer needs an array of shape {expected}, not {x.shape}")
