"""A network: a sequence of layers whose parameters are views of one flat vector."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimator.network.arrays import Array, Shape
from estimator.network.layer import Inference, Layer, State, build, describe
from estimator.network.parameters import Parameters, with_prefix

Number = TypeVar("Number", bound=np.floating[Any])


class Sequential(Layer):
    """A sequence of layers, y = fₙ(… f₂(f₁(x)))."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = list(layers)

    def shapes(self) -> dict[str, Shape]:
        """The layers' shapes, each name prefixed by the layer's index: ``0.weight``."""
        return {
            f"{index}.{name}": shape
            for index, layer in enumerate(self.layers)
            for name, shape in layer.shapes().items()
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Initialise the layers, first to last."""
        for layer in self.layers:
            layer.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The layers."""
        return {"layers": self.layers}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give each layer the arrays whose names its index prefixes, and decide which layers work in place."""
        super().bind(parameters, gradients)
        for index, layer in enumerate(self.layers):
            layer.bind(with_prefix(f"{index}.", parameters), with_prefix(f"{index}.", gradients))
        self.backward_ignores_output = bool(self.layers) and self.layers[-1].backward_ignores_output
        for previous, layer in itertools.pairwise(self.layers):
            layer.in_place = previous.backward_ignores_output and layer.supports_in_place
        self._first_trainable = next(
            (index for index, layer in enumerate(self.layers) if layer.shapes()), len(self.layers)
        )

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Apply the layers, first to last."""
        for layer in self.layers:
            x = layer.forward(x, rng)
        return x

    def inference(self) -> Inference:
        """Return the layers' functions, one after the other, as one function."""
        functions = [layer.inference() for layer in self.layers]

        def infer(x: Array) -> Array:
            for function in functions:
                x = function(x)
            return x

        return infer

    def backward(self, dy: Array) -> Array:
        """Propagate the gradient through the layers, last to first (chain rule)."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """Compute all ∂L/∂θ; like ``backward``, but stops at the first layer with parameters."""
        for layer in reversed(self.layers[self._first_trainable + 1 :]):
            dy = layer.backward(dy)
        for layer in self.layers[self._first_trainable : self._first_trainable + 1]:
            layer.backward_parameters(dy)


class Network(Sequential):
    """A neural network that can be trained, saved and used for predictions.

    Parameters
    ----------
    layers
        The layers, first to last. A layer belongs to one network.
    rng
        Draws the initial values of the parameters.
    dtype
        The number type: float32 for training, float64 to check gradients.

    Attributes
    ----------
    parameters, gradients
        Two flat vectors (``.vector``) with the same named views (``["0.weight"]``).

    Examples
    --------
    >>> network = Network([Dense(2, 3), Sigmoid(), Dense(3, 1)], rng=np.random.default_rng(0))
    >>> network.parameters["0.weight"].shape
    (2, 3)
    >>> network.predict([[0.0, 1.0], [1.0, 1.0]]).shape
    (2, 1)
    """

    parameters: Parameters
    gradients: Parameters

    def __init__(
        self, layers: Sequence[Layer], *, rng: np.random.Generator, dtype: type[np.floating[Any]] = np.float32
    ) -> None:
        super().__init__(layers)
        self.dtype = np.dtype(dtype)
        self.bind(Parameters(self.shapes(), dtype), Parameters(self.shapes(), dtype))
        self.initialise(rng)

    def predict(self, x: ArrayLike, batch_size: int = 512) -> Array:
        """Return the predictions, averaged over the members of an ensemble.

        Parameters
        ----------
        x
            The examples, ``(n, d_in)``.
        batch_size
            Number of examples computed at a time. A prediction does not depend on it, nor on the other examples.

        Returns
        -------
        Array
            ``(n, d_out)``, newly allocated. Several threads may predict with one network at the same time.

        Raises
        ------
        ValueError
            If x does not have two axes.
        """
        return self._predict(x, batch_size, lambda y: mean_of_members(y) if y.ndim == 3 else y)

    def predict_members(self, x: ArrayLike, batch_size: int = 512) -> Array:
        """Return the predictions of each member of an ensemble, ``(k, n, d_out)``; see ``predict``."""
        return self._predict(x, batch_size, lambda y: y)

    def _predict(self, x: ArrayLike, batch_size: int, reduce: Callable[[Array], Array]) -> Array:
        examples = np.asarray(x)
        if examples.ndim != 2:
            raise ValueError(f"examples must have the shape (n, d), not {examples.shape}")
        first = reduce(self.forward(np.asarray(examples[:batch_size], self.dtype)))
        predictions = np.empty((*first.shape[:-2], len(examples), first.shape[-1]), self.dtype)
        predictions[..., :batch_size, :] = first
        for start in range(batch_size, len(examples), batch_size):
            batch = np.asarray(examples[start : start + batch_size], self.dtype)
            predictions[..., start : start + batch_size, :] = reduce(self.forward(batch))
        return predictions

    def state(self) -> State:
        """Return the layers, dtype and parameters as plain dicts, lists, arrays, numbers and strings."""
        return {
            "layers": [describe(layer) for layer in self.layers],
            "dtype": self.dtype.name,
            "parameters": {name: array.copy() for name, array in self.parameters.items()},
        }

    @classmethod
    def from_state(cls, state: State) -> "Network":
        """Create a network from the result of ``state``. Its predictions are identical to the last bit.

        Raises
        ------
        ValueError
            If a layer's kind is unknown, or the parameters' names or shapes do not match the layers.
        """
        layers = [build(layer) for layer in state["layers"]]
        network = cls(layers, rng=np.random.default_rng(0), dtype=np.dtype(state["dtype"]).type)
        shapes = {name: array.shape for name, array in state["parameters"].items()}
        if shapes != network.shapes():
            raise ValueError(
                f"the layers need parameters of shapes {network.shapes()}, but the state has {shapes}"
            )
        for name, array in state["parameters"].items():
            network.parameters[name][...] = array
        return network

    def as_type(self, dtype: type[np.floating[Any]]) -> "Network":
        """Return a copy with another number type, for example to predict in float64 after training in float32."""
        return Network.from_state(self.state() | {"dtype": np.dtype(dtype).name})

    def __reduce__(self) -> tuple[Callable[[State], "Network"], tuple[State]]:
        """Copy and pickle the ``state`` only, not the threads' buffers."""
        return Network.from_state, (self.state(),)


def mean_of_members(y: NDArray[Number]) -> NDArray[Number]:
    """Return the mean over k members, ``(…, k, n, d)`` → ``(…, n, d)``.

    The members are added one by one, because the order of summation in ``np.mean`` could depend on n.
    """
    total: NDArray[Number] = y[..., 0, :, :].copy()
    for member in range(1, y.shape[-3]):
        total += y[..., member, :, :]
    total /= y.shape[-3]
    return total
