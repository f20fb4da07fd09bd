"""A 2-3-1 network under RMSE, with its two gradient matrices derived by hand.

    zⱼ = Σₖ xₖ Uₖⱼ      hⱼ = σ(zⱼ)      ŷ = Σⱼ hⱼ vⱼ      L = √(1/n Σᵢ (ŷᵢ − yᵢ)²)

The chain rule, applied backwards, for n examples i:

    ∂L/∂ŷᵢ  = (ŷᵢ − yᵢ) / (nL)                       call it δᵢ
    ∂L/∂vⱼ  = Σᵢ δᵢ hᵢⱼ                              the second gradient matrix, 3 × 1
    ∂L/∂zᵢⱼ = δᵢ vⱼ hᵢⱼ(1 − hᵢⱼ)                     because σ′ = σ(1 − σ)
    ∂L/∂Uₖⱼ = Σᵢ xᵢₖ δᵢ vⱼ hᵢⱼ(1 − hᵢⱼ)              the first gradient matrix, 2 × 3
"""

import math
from dataclasses import dataclass

import numpy as np

from estimator.network import RMSE, Dense, Network, Sigmoid

X = np.array([[0.5, -1.0], [1.5, 2.0], [-0.3, 0.8], [0.0, 1.0]])
Y = np.array([[1.0], [0.0], [2.0], [-1.0]])
U = np.array([[0.1, -0.4, 0.7], [0.6, 0.2, -0.5]])
V = np.array([[0.3], [-0.8], [0.5]])


@dataclass(frozen=True)
class Gradients:
    """The loss, and its gradients for the first layer's weights ``(2, 3)`` and the second's ``(3, 1)``."""

    loss: float
    first: np.ndarray
    second: np.ndarray


def by_hand() -> Gradients:
    """Compute the formulas above with loops."""
    n = len(X)
    h = [[1 / (1 + math.exp(-sum(x[k] * U[k, j] for k in range(2)))) for j in range(3)] for x in X]
    error = [sum(h[i][j] * V[j, 0] for j in range(3)) - Y[i, 0] for i in range(n)]
    loss = math.sqrt(sum(e * e for e in error) / n)
    delta = [e / (n * loss) for e in error]
    first, second = np.zeros((2, 3)), np.zeros((3, 1))
    for i in range(n):
        for j in range(3):
            second[j, 0] += delta[i] * h[i][j]
            for k in range(2):
                first[k, j] += X[i, k] * delta[i] * V[j, 0] * h[i][j] * (1 - h[i][j])
    return Gradients(loss, first, second)


def by_the_library() -> Gradients:
    """Compute the same with a network of two dense layers without biases."""
    layers = [Dense(2, 3, bias=None), Sigmoid(), Dense(3, 1, bias=None)]
    network = Network(layers, rng=np.random.default_rng(0), dtype=np.float64)
    network.parameters["0.weight"][:] = U
    network.parameters["2.weight"][:] = V
    loss = RMSE()
    value = loss.forward(network.forward(X), Y)
    network.backward_parameters(loss.backward())
    return Gradients(value, network.gradients["0.weight"], network.gradients["2.weight"])
