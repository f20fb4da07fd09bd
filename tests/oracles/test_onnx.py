"""Exported networks compared with their predictions in ONNX Runtime."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from estimator.network import (
    Activation,
    Concat,
    Dense,
    Dropout,
    Identity,
    Layer,
    LeakyReLU,
    MemberBias,
    MemberDense,
    MemberScale,
    Mish,
    Network,
    Periodic,
    PiecewiseLinear,
    ReLU,
    Sequential,
    Sigmoid,
    SiLU,
    Tanh,
    batch_ensemble_dense,
    quantile_edges,
)
from estimator.onnx import save_onnx

pytestmark = pytest.mark.slow

X = np.random.default_rng(0).normal(size=(10_000, 6)).astype(np.float32)


def embedded() -> list[Layer]:
    waves = Sequential([Periodic(2, 8, 4, [0.3, 1.0]), ReLU()])
    lines = PiecewiseLinear(quantile_edges(X[:, 2:], 7), 3)
    return [
        Concat([(0, 2, waves), (2, 6, lines), (0, 6, Identity())]),
        Dense(26, 32),
        ReLU(),
        Dropout(0.1),
        Dense(32, 2),
    ]


def ensemble() -> list[Layer]:
    shared: list[Layer] = [MemberScale(4, 6), Dense(6, 32, bias=None), MemberBias(4, 32), ReLU()]
    return [*shared, batch_ensemble_dense(4, 32, 16), Mish(), MemberDense(4, 16, 1)]


def embedded_members() -> list[Layer]:
    return [MemberScale(4, 6), PiecewiseLinear(quantile_edges(X, 3), 3), Periodic(18, 2, 2), MemberDense(4, 36, 1)]


def with_activation(activation: Activation) -> list[Layer]:
    return [Dense(6, 32), activation, Dense(32, 32), activation, Dense(32, 3)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "layers",
    [embedded(), ensemble(), embedded_members()]
    + [with_activation(activation) for activation in (Sigmoid(), Tanh(), ReLU(), LeakyReLU(0.1), SiLU(), Mish())],
    ids=["embedded", "ensemble", "embedded members", "sigmoid", "tanh", "relu", "leaky", "silu", "mish"],
)
def test_onnx_runtime_predicts_the_same_as_the_network(
    layers: list[Layer], dtype: type[np.floating], tmp_path: Path
) -> None:
    rng = np.random.default_rng(1)
    network = Network(layers, rng=rng, dtype=dtype)
    network.parameters.vector += rng.normal(0, 0.2, network.parameters.vector.shape).astype(dtype)
    save_onnx(network, 6, tmp_path / "network.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "network.onnx")
    predictions = session.run(None, {"x": X.astype(dtype)})[0]
    expected = network.predict(X)
    assert predictions.shape == expected.shape
    scale = np.abs(expected).mean()
    np.testing.assert_allclose(predictions, expected, rtol=1e-4, atol=1e-5 * scale)  # atol for values near 0


def test_the_error_for_a_layer_without_translation_names_it(tmp_path: Path) -> None:
    class Doubling(Identity):
        pass

    network = Network([Doubling()], rng=np.random.default_rng(0))
    with pytest.raises(ValueError, match="Doubling"):
        save_onnx(network, 3, tmp_path / "network.onnx")
