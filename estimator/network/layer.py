"""What every layer is: a step from an array to an array that can be walked back.

Arrays are ``(n, d)``: n examples of d numbers. In an efficient ensemble they are ``(k, n, d)``: the same
n examples as k members see them. A layer works on the last axis and leaves the others as they are unless
it says otherwise. In prediction every array may have an axis in front of these, and the parameters the same:
networks side by side. Knows nothing of losses, optimisers or training.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from estimator.network.arrays import Array, Buffer, Shape


class Layer:
    """One differentiable step.

    ``forward`` turns x into y and remembers what ``backward`` will need. ``backward`` is given ∂L/∂y, the
    gradient of the loss by the layer's output, writes ∂L/∂θ into ``gradients`` for each of its parameters θ,
    and returns ∂L/∂x. What both return is the layer's own memory: good until the layer's next call.
    ``backward`` may write over the dy it is given.

    A subclass names its parameters' shapes in ``shapes``, their starting values in ``initialise`` and its
    constructor's arguments in ``settings``. It is then known by its class's name to ``Network.from_state``.
    """

    kinds: ClassVar[dict[str, type["Layer"]]] = {}
    """Every layer class by its name."""

    forgets_output: bool = False
    """Whether ``backward`` does without y, so that the next layer may write over it."""
    may_overwrite_input: bool = False
    """Whether ``forward`` can write y where x was: it does if ``in_place`` is set, and saves memory traffic."""

    in_place: bool = False
    parameters: Mapping[str, Array]
    gradients: Mapping[str, Array]

    def __init_subclass__(cls) -> None:
        known = Layer.kinds.get(cls.__name__, cls)
        if (known.__module__, known.__qualname__) != (cls.__module__, cls.__qualname__):
            raise TypeError(f"there is a layer called {cls.__name__} already, in {known.__module__}")
        Layer.kinds[cls.__name__] = cls

    def __init__(self) -> None:
        self._y = Buffer()
        self._dx = Buffer()

    def shapes(self) -> dict[str, Shape]:
        """The shape of each parameter by its name; empty if there is nothing to learn."""
        return {}

    def initialise(self, rng: np.random.Generator) -> None:
        """Write starting values into the parameters."""

    def settings(self) -> dict[str, Any]:
        """The constructor's arguments that build this layer anew: numbers, strings, arrays, lists of them."""
        return {}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Take these arrays as the layer's parameters and as the place for their gradients.

        The layer's neighbours may be new ones: whether it can work in place is for them to say again.
        """
        self.in_place = False
        self.parameters = parameters
        self.gradients = gradients

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """The layer's output for x.

        A generator means training: what is random in a layer draws from it. None means prediction.
        """
        raise NotImplementedError

    def backward(self, dy: Array) -> Array:
        """∂L/∂x from ∂L/∂y, for the x of the last ``forward``; ∂L/∂θ is written into ``gradients``."""
        raise NotImplementedError

    def backward_parameters(self, dy: Array) -> None:
        """Only the ∂L/∂θ half of ``backward``: all that the first layer of a network needs."""
        if self.shapes():
            self.backward(dy)


State = dict[str, Any]
"""What a layer or a network is, in plain dicts, lists, arrays, numbers and strings."""


def describe(layer: Layer) -> State:
    """The layer's kind and settings, layers within layers included; not its parameters' values."""

    def plain(value: Any) -> Any:
        if isinstance(value, Layer):
            return describe(value)
        return [plain(item) for item in value] if isinstance(value, list) else value

    return {"kind": type(layer).__name__, **{name: plain(value) for name, value in layer.settings().items()}}


def build(state: State) -> Layer:
    """The layer that ``describe`` described.

    Raises
    ------
    ValueError
        If there is no layer class of that name.
    """

    def built(value: Any) -> Any:
        if isinstance(value, dict) and "kind" in value:
            return build(value)
        return [built(item) for item in value] if isinstance(value, list) else value

    if state["kind"] not in Layer.kinds:
        raise ValueError(f"there is no layer called {state['kind']!r}; known are {', '.join(sorted(Layer.kinds))}")
    return Layer.kinds[state["kind"]](**{name: built(value) for name, value in state.items() if name != "kind"})
