"""Export a trained network as an ONNX model, for programs that use ONNX Runtime instead of Python.

Each layer class is translated into equivalent ONNX operators. Needs the optional group ``onnx``.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from estimator.network import (
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
)

OPSET = 18
"""The oldest operator set with all operators used here (Mish needs 18), so that many runtimes support it."""


def save_onnx(network: Network, n_in: int, path: Path) -> None:
    """Write the network as an ONNX model that computes the same as ``network.predict``.

    The model has one input ``x`` ``(n, n_in)`` and one output ``y`` ``(n, n_out)``, both in the network's number
    type. The members of an ensemble are averaged. Dropout is left out, as in any prediction.

    Parameters
    ----------
    network
        The trained network.
    n_in
        Number of inputs per example.
    path
        The file to write.

    Raises
    ------
    ValueError
        If the network has a layer without a translation, such as one of the caller's own classes.
    """
    output = network.forward(np.zeros((1, n_in), network.dtype))
    graph = _Graph()
    y = _translate(network, graph, "x")
    if output.ndim == 3:
        y = graph.add("ReduceMean", y, graph.constant(np.array([0])), keepdims=0)
    graph.add("Identity", y, output="y")
    kind = helper.np_dtype_to_tensor_dtype(network.dtype)
    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "network",
            [helper.make_tensor_value_info("x", kind, ["n", n_in])],
            [helper.make_tensor_value_info("y", kind, ["n", output.shape[-1]])],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,  # the version that introduced this opset; runtimes reject files newer than themselves
    )
    onnx.checker.check_model(model, full_check=True)
    onnx.save_model(model, path)


class _Graph:
    """The operators and constants added so far; each value has a name."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.axes = 2
        """Number of axes of the values: 2 for ``(n, d)``, 3 after the first layer with members."""

    def add(self, operator: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        """Add an operator; return the name of its result."""
        name = output or f"value_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name


def _translate(layer: Layer, graph: _Graph, x: str) -> str:
    """Add the layer to the graph with the input x; return the name of its output."""
    try:
        translation = _TRANSLATIONS[type(layer)]
    except KeyError:
        raise ValueError(
            f"the layer {type(layer).__name__} cannot be exported to ONNX; supported are "
            + ", ".join(sorted(kind.__name__ for kind in _TRANSLATIONS))
        ) from None
    return translation(layer, graph, x)


def _sequential(layer: Sequential, graph: _Graph, x: str) -> str:
    for inner in layer.layers:
        x = _translate(inner, graph, x)
    return x


def _concat(layer: Concat, graph: _Graph, x: str) -> str:
    outputs = []
    for start, stop, inner in layer.branches:
        bounds = [graph.constant(np.array([bound])) for bound in (start, stop, -1)]
        outputs.append(_translate(inner, graph, graph.add("Slice", x, *bounds)))
    return graph.add("Concat", *outputs, axis=-1)


def _dense(layer: Dense, graph: _Graph, x: str) -> str:
    y = graph.add("MatMul", x, graph.constant(layer.parameters["weight"]))
    return graph.add("Add", y, graph.constant(layer.parameters["bias"])) if "bias" in layer.parameters else y


def _member_dense(layer: MemberDense, graph: _Graph, x: str) -> str:
    y = graph.add("MatMul", x, graph.constant(layer.parameters["weight"]))
    return graph.add("Add", y, graph.constant(layer.parameters["bias"][:, None, :]))


def _member_scale(layer: MemberScale, graph: _Graph, x: str) -> str:
    graph.axes = 3
    return graph.add("Mul", x, graph.constant(layer.parameters["scale"][:, None, :]))


def _member_bias(layer: MemberBias, graph: _Graph, x: str) -> str:
    return graph.add("Add", x, graph.constant(layer.parameters["bias"][:, None, :]))


def _periodic(layer: Periodic, graph: _Graph, x: str) -> str:
    parameters = layer.parameters
    column = graph.add("Unsqueeze", x, graph.constant(np.array([-1])))
    angles = graph.add("Mul", column, graph.constant(parameters["frequency"] * (2 * np.pi)))
    waves = graph.add("Concat", graph.add("Cos", angles), graph.add("Sin", angles), axis=-1)
    product = graph.add("Einsum", waves, graph.constant(parameters["weight"]), equation="...if,ifm->...im")
    return _flatten_embeddings(graph, graph.add("Add", product, graph.constant(parameters["bias"])))


def _piecewise_linear(layer: PiecewiseLinear, graph: _Graph, x: str) -> str:
    parameters = layer.parameters
    slope, shift, lowest, highest = map(graph.constant, layer.encoding_constants(parameters["weight"].dtype))
    column = graph.add("Unsqueeze", x, graph.constant(np.array([-1])))
    unclipped = graph.add("Add", graph.add("Mul", column, slope), shift)
    encoding = graph.add("Min", graph.add("Max", unclipped, lowest), highest)
    product = graph.add("Einsum", encoding, graph.constant(parameters["weight"]), equation="...if,ifm->...im")
    linear = graph.add("Mul", column, graph.constant(parameters["slope"]))
    y = graph.add("Add", graph.add("Add", product, linear), graph.constant(parameters["bias"]))
    return _flatten_embeddings(graph, y)


def _flatten_embeddings(graph: _Graph, y: str) -> str:
    """Reshape ``(…, d, m)`` to ``(…, d·m)``; in ONNX a 0 in the shape keeps that axis."""
    return graph.add("Reshape", y, graph.constant(np.array([0] * (graph.axes - 1) + [-1])))


def _identity(_layer: Layer, _graph: _Graph, x: str) -> str:
    return x


def _silu(_layer: SiLU, graph: _Graph, x: str) -> str:
    return graph.add("Mul", x, graph.add("Sigmoid", x))


def _one_operator(operator: str) -> Callable[[Layer, _Graph, str], str]:
    return lambda _layer, graph, x: graph.add(operator, x)


_TRANSLATIONS: dict[type[Layer], Callable[[Any, _Graph, str], str]] = {
    Concat: _concat,
    Dense: _dense,
    Dropout: _identity,
    Identity: _identity,
    LeakyReLU: lambda layer, graph, x: graph.add("LeakyRelu", x, alpha=layer.leak),
    MemberBias: _member_bias,
    MemberDense: _member_dense,
    MemberScale: _member_scale,
    Mish: _one_operator("Mish"),
    Network: _sequential,
    Periodic: _periodic,
    PiecewiseLinear: _piecewise_linear,
    ReLU: _one_operator("Relu"),
    Sequential: _sequential,
    Sigmoid: _one_operator("Sigmoid"),
    SiLU: _silu,
    Tanh: _one_operator("Tanh"),
}
