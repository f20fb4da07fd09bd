"""The library compared with PyTorch: values, gradients and optimiser trajectories."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import rtdl_num_embeddings
import tabm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from estimator.network import (
    MSE,
    RMSE,
    Activation,
    AdamW,
    BinaryCrossEntropy,
    Dense,
    GradientDescent,
    Identity,
    Layer,
    LeakyReLU,
    Loss,
    MemberDense,
    Mish,
    Momentum,
    Network,
    Optimiser,
    Periodic,
    PiecewiseLinear,
    Pinball,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    batch_ensemble_dense,
    quantile_edges,
    random_signs,
)
from estimator.network.arrays import Array

pytestmark = pytest.mark.slow

TOLERANCE = 1e-5
ACTIVATIONS: dict[type[Activation], Callable[[torch.Tensor], torch.Tensor]] = {
    Identity: lambda x: x,
    Sigmoid: torch.sigmoid,
    Tanh: torch.tanh,
    ReLU: torch.relu,
    LeakyReLU: torch.nn.functional.leaky_relu,
    SiLU: torch.nn.functional.silu,
    Mish: torch.nn.functional.mish,
}
LOSSES: list[tuple[Loss, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]]] = [
    (MSE(), torch.nn.functional.mse_loss),
    (RMSE(), lambda p, y: torch.sqrt(torch.nn.functional.mse_loss(p, y))),
    (BinaryCrossEntropy(), torch.nn.functional.binary_cross_entropy_with_logits),
    (Pinball((0.3,)), lambda p, y: torch.maximum(0.3 * (y - p), -0.7 * (y - p)).mean()),
]
several_shapes = settings(derandomize=True, deadline=None, max_examples=25)


def assert_close(found: Array, expected: torch.Tensor) -> None:
    """Assert that all differences are within 1e-5 of the greatest expected number."""
    reference = expected.detach().numpy()
    assert np.abs(found - reference).max() <= TOLERANCE * max(np.abs(reference).max(), 1e-3)


def tensor(array: Array, *, grad: bool = False) -> torch.Tensor:
    return torch.tensor(np.ascontiguousarray(array), requires_grad=grad)


def floats(rng: np.random.Generator, *shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda kind: kind.__name__)
@several_shapes
@given(n=st.integers(1, 40), d_in=st.integers(1, 20), d_out=st.integers(1, 20), seed=st.integers(0, 10**6))
def test_a_dense_layer_and_its_activation_agree_with_pytorch(
    kind: type[Activation], n: int, d_in: int, d_out: int, seed: int
) -> None:
    # In float64, because where terms cancel the rounding of float32 exceeds the tolerance.
    rng = np.random.default_rng(seed)
    x, dy = 3 * rng.normal(size=(n, d_in)), rng.normal(size=(n, d_out))
    network = Network([Dense(d_in, d_out), kind()], rng=rng, dtype=np.float64)
    tx, w, b = (tensor(a, grad=True) for a in (x, network.parameters["0.weight"], rng.normal(size=d_out)))
    network.parameters["0.bias"][:] = b.detach().numpy()
    found = network.forward(x.copy())
    expected = ACTIVATIONS[kind](tx @ w + b)
    assert_close(found, expected)
    expected.backward(tensor(dy))
    assert_close(network.backward(dy), tx.grad)
    assert_close(network.gradients["0.weight"], w.grad)
    assert_close(network.gradients["0.bias"], b.grad)


@pytest.mark.parametrize(("loss", "reference"), LOSSES, ids=[type(loss).__name__ for loss, _ in LOSSES])
@several_shapes
@given(n=st.integers(1, 50), seed=st.integers(0, 10**6))
def test_losses_agree_with_pytorch(
    loss: Loss, reference: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], n: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    prediction, target = 3 * floats(rng, n, 1), rng.random((n, 1)).astype(np.float32)
    p = tensor(prediction, grad=True)
    expected = reference(p, tensor(target))
    assert loss.forward(prediction, target) == pytest.approx(expected.item(), rel=TOLERANCE)
    expected.backward()
    assert_close(loss.backward(), p.grad)


@several_shapes
@given(
    n=st.integers(1, 30), d=st.integers(1, 5), f=st.integers(1, 6), m=st.integers(1, 5), seed=st.integers(0, 10**6)
)
def test_periodic_embeddings_agree_with_rtdl(n: int, d: int, f: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, dy = floats(rng, n, d), floats(rng, n, d * m)
    network = Network([Periodic(d, f, m, 0.3), ReLU()], rng=rng)
    reference = rtdl_num_embeddings.PeriodicEmbeddings(
        d, m, n_frequencies=f, frequency_init_scale=0.3, activation=True, lite=False
    )
    with torch.no_grad():
        reference.periodic.weight.copy_(tensor(network.parameters["0.frequency"]))
        reference.linear.weight.copy_(tensor(network.parameters["0.weight"]))
        reference.linear.bias.copy_(tensor(network.parameters["0.bias"]))
    tx = tensor(x, grad=True)
    expected = reference(tx).reshape(n, -1)
    assert_close(network.forward(x), expected)
    expected.backward(tensor(dy))
    assert_close(network.backward(dy), tx.grad)
    assert_close(network.gradients["0.frequency"], reference.periodic.weight.grad)
    assert_close(network.gradients["0.weight"], reference.linear.weight.grad)
    assert_close(network.gradients["0.bias"], reference.linear.bias.grad)


@several_shapes
@given(
    n=st.integers(1, 30),
    d=st.integers(1, 4),
    bins=st.integers(2, 6),
    m=st.integers(1, 5),
    seed=st.integers(0, 10**6),
)
def test_piecewise_linear_embeddings_agree_with_rtdl(n: int, d: int, bins: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, dy = floats(rng, n, d), floats(rng, n, d * m)
    edges = quantile_edges(floats(rng, 100, d), bins)
    network = Network([PiecewiseLinear(edges, m)], rng=rng)
    network.parameters.vector[:] = floats(rng, network.parameters.vector.size)
    reference = rtdl_num_embeddings.PiecewiseLinearEmbeddings(
        [tensor(line.astype(np.float32)) for line in edges], m, activation=False, version="B"
    )
    with torch.no_grad():
        reference.linear0.weight.copy_(tensor(network.parameters["0.slope"]))
        reference.linear0.bias.copy_(tensor(network.parameters["0.bias"]))
        reference.linear.weight.copy_(tensor(network.parameters["0.weight"]))
    tx = tensor(x, grad=True)
    expected = reference(tx).reshape(n, -1)
    assert_close(network.forward(x), expected)
    expected.backward(tensor(dy))
    assert_close(network.backward(dy), tx.grad)
    assert_close(network.gradients["0.weight"], reference.linear.weight.grad)
    assert_close(network.gradients["0.slope"], reference.linear0.weight.grad)


@several_shapes
@given(
    k=st.integers(1, 6), n=st.integers(1, 20), d=st.integers(1, 8), m=st.integers(1, 8), seed=st.integers(0, 10**6)
)
def test_ensemble_layers_agree_with_tabm(k: int, n: int, d: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, dy = floats(rng, n, d), floats(rng, k, n, 2)
    network = Network([batch_ensemble_dense(k, d, m, scale_in=random_signs), MemberDense(k, m, 2)], rng=rng)
    network.parameters.vector[:] = floats(rng, network.parameters.vector.size)
    shared = tabm.LinearBatchEnsemble(d, m, k=k, scaling_init="ones")
    heads = tabm.LinearEnsemble(m, 2, k=k)
    own = network.parameters
    pairs = {
        "0.0.scale": shared.r,
        "0.2.scale": shared.s,
        "0.3.bias": shared.bias,
        "1.weight": heads.weight,
        "1.bias": heads.bias,
    }
    with torch.no_grad():
        for name, reference in pairs.items():
            reference.copy_(tensor(own[name]))
        shared.weight.copy_(tensor(own["0.1.weight"].T))
    tx = tensor(x, grad=True)
    expected = heads(shared(tx[:, None].expand(n, k, d))).transpose(0, 1)
    assert_close(network.forward(x), expected)
    expected.backward(tensor(dy))
    assert_close(network.backward(dy), tx.grad)
    for name, reference in pairs.items():
        assert_close(network.gradients[name], reference.grad)
    assert_close(network.gradients["0.1.weight"], shared.weight.grad.T)


OPTIMISERS: dict[str, tuple[Callable[[], Optimiser], Callable[[Any], torch.optim.Optimizer]]] = {
    "SGD": (lambda: GradientDescent(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "momentum": (lambda: Momentum(0.02, 0.9), lambda p: torch.optim.SGD(p, 0.02, momentum=0.9)),
    "AdamW": (lambda: AdamW(3e-3, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 3e-3, weight_decay=0.1)),
    "AdamW of RealMLP": (
        lambda: AdamW(3e-3, (0.9, 0.95), weight_decay=0.02),
        lambda p: torch.optim.AdamW(p, 3e-3, (0.9, 0.95), weight_decay=0.02, fused=True),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_fifty_optimiser_steps_agree_with_pytorch(name: str) -> None:
    """The weights of a small network agree with PyTorch's after each step, to 1e-5 of their size."""
    rng = np.random.default_rng(0)
    x, y = floats(rng, 64, 6), floats(rng, 64, 1)
    layers: list[Layer] = [Sequential([Dense(6, 16), Tanh()]), Dense(16, 1)]
    network = Network(layers, rng=rng)
    reference = torch.nn.Sequential(torch.nn.Linear(6, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
    names = ["0.0.weight", "0.0.bias", "1.weight", "1.bias"]
    with torch.no_grad():
        for name_, parameter in zip(names, reference.parameters(), strict=True):
            parameter.copy_(tensor(network.parameters[name_].T))
    make_own, make_torch = OPTIMISERS[name]
    optimiser, torch_optimiser, loss = make_own(), make_torch(reference.parameters()), MSE()
    for _ in range(50):
        loss.forward(network.forward(x), y)
        network.backward_parameters(loss.backward())
        optimiser.step(network.parameters.vector, network.gradients.vector)
        torch_optimiser.zero_grad()
        torch.nn.functional.mse_loss(reference(tensor(x)), tensor(y)).backward()
        torch_optimiser.step()
        for name_, parameter in zip(names, reference.parameters(), strict=True):
            assert_close(network.parameters[name_].T, parameter)
