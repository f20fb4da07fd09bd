"""The base class of all layers.

Arrays are ``(n, d)``: n examples of d numbers. In an ensemble they are ``(k, n, d)``: n examples for each of k
members. A layer transforms the last axis and keeps the others unless its docstring says otherwise. In prediction,
arrays and parameters may have one more leading axis for stacked networks; see ``StackedNetworks``.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape

Inference = Callable[[Array], Array]
"""A layer's function x → y; see ``Layer.inference``."""


class Layer:
    """A differentiable function with trainable parameters.

    ``forward`` computes y from x and stores what ``backward`` needs. ``backward`` takes ∂L/∂y, the gradient of the
    loss with respect to the layer's output, writes ∂L/∂θ into ``gradients`` for each parameter θ, and returns
    ∂L/∂x. Both return arrays in the layer's own memory, which are valid until the layer's next call. ``backward``
    may overwrite its argument.

    A subclass declares its parameters in ``shapes``, their initial values in ``initialise`` and its constructor's
    arguments in ``settings``. ``Network.from_state`` then finds it by its class name.
    """

    kinds: ClassVar[dict[str, type["Layer"]]] = {}
    """All layer classes by name."""

    backward_ignores_output: bool = False
    """Whether ``backward`` works without y, so that the next layer may overwrite y."""
    supports_in_place: bool = False
    """Whether ``forward`` can write y into the memory of x, which saves memory traffic."""

    in_place: bool = False
    """Whether ``forward`` overwrites x with y. ``Sequential`` sets it where both neighbours allow it."""
    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array]

    def __init_subclass__(cls) -> None:
        existing = Layer.kinds.get(cls.__name__, cls)
        if (existing.__module__, existing.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(
                f"a layer called {cls.__name__} already exists in {existing.__module__}: choose another class name"
            )
        Layer.kinds[cls.__name__] = cls

    def __init__(self) -> None:
        self._y = Buffer()
        self._dx = Buffer()

    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter by name; empty if the layer has none."""
        return {}

    def initialise(self, rng: np.random.Generator) -> None:
        """Write the initial values into the parameters."""

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments for this layer: numbers, strings, arrays, layers, or lists of them."""
        return {}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Use these arrays for the layer's parameters and their gradients.

        Resets ``in_place``, because the layer may now have other neighbours.
        """
        self.in_place = False
        self.parameters = parameters
        self.gradients = gradients

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Return the layer's output for x.

        With a generator the layer is in training mode and draws its random numbers from it; None means prediction.
        """
        raise NotImplementedError

    def inference(self) -> Inference:
        """Return a function that predicts the same as ``forward``, to the last bit, with fewer steps.

        It stores nothing for ``backward``, and may keep the parameters of the moment when it was made. For one
        example the steps around the arithmetic take most of the time. A layer without a shorter way uses
        ``forward``. The result may have more rows than x: they fill up the last block of a product, see
        ``whole_blocks``, and the caller cuts them off.
        """
        return self.forward

    def backward(self, dy: Array) -> Array:
        """Return ∂L/∂x for the x of the last ``forward``, given ∂L/∂y; write ∂L/∂θ into ``gradients``."""
        raise NotImplementedError

    def backward_parameters(self, dy: Array) -> None:
        """Compute only ∂L/∂θ, which is all that the first layer of a network needs."""
        if self.shapes():
            self.backward(dy)


State = dict[str, Any]
"""A description of a layer or network in plain dicts, lists, arrays, numbers and strings."""


def describe(layer: Layer) -> State:
    """Return the layer's kind and settings, including those of nested layers, without parameter values."""

    def plain(value: Any) -> Any:
        if isinstance(value, Layer):
            return describe(value)
        return [plain(item) for item in value] if isinstance(value, list) else value

    return {"kind": type(layer).__name__, **{name: plain(value) for name, value in layer.settings().items()}}


def build(state: State) -> Layer:
    """Create the layer from the result of ``describe``.

    Raises
    ------
    ValueError
        If no layer class has that name.
    """

    def built(value: Any) -> Any:
        if isinstance(value, dict) and "kind" in value:
            return build(value)
        return [built(item) for item in value] if isinstance(value, list) else value

    if state["kind"] not in Layer.kinds:
        raise ValueError(f"unknown layer {state['kind']!r}; expected one of {', '.join(sorted(Layer.kinds))}")
    return Layer.kinds[state["kind"]](**{name: built(value) for name, value in state.items() if name != "kind"})
