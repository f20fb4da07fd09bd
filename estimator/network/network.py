"""A network: layers one after another, over one flat vector of parameters.

Knows nothing of losses, optimisers or what its numbers mean.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from estimator.network.arrays import Array, Shape
from estimator.network.layer import Layer, State, build, describe
from estimator.network.parameters import Parameters, under

Number = TypeVar("Number", bound=np.floating[Any])


class Sequential(Layer):
    """Layers one after another: y = fₙ(… f₂(f₁(x)))."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        super().__init__()
        self.layers = list(layers)

    def shapes(self) -> dict[str, Shape]:
        """The layers' shapes, each name led by the layer's place: ``0.weight``."""
        return {
            f"{place}.{name}": shape
            for place, layer in enumerate(self.layers)
            for name, shape in layer.shapes().items()
        }

    def initialise(self, rng: np.random.Generator) -> None:
        """Each layer its own, from the first to the last."""
        for layer in self.layers:
            layer.initialise(rng)

    def settings(self) -> dict[str, Any]:
        """The layers."""
        return {"layers": self.layers}

    def bind(self, parameters: Mapping[str, Array], gradients: Mapping[str, Array]) -> None:
        """Give each layer the arrays whose names its place leads."""
        super().bind(parameters, gradients)
        for place, layer in enumerate(self.layers):
            layer.bind(under(f"{place}.", parameters), under(f"{place}.", gradients))
        self.forgets_output = bool(self.layers) and self.layers[-1].forgets_output
        for before, layer in itertools.pairwise(self.layers):
            layer.in_place = before.forgets_output and layer.may_overwrite_input
        self._first_trained = next(
            (place for place, layer in enumerate(self.layers) if layer.shapes()), len(self.layers)
        )

    def forward(self, x: Array, rng: np.random.Generator | None = None) -> Array:
        """Through the layers, first to last."""
        for layer in self.layers:
            x = layer.forward(x, rng)
        return x

    def backward(self, dy: Array) -> Array:
        """Through the layers, last to first: the chain rule (fₙ ∘ … ∘ f₁)′ = f₁′ · … · fₙ′."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def backward_parameters(self, dy: Array) -> None:
        """As ``backward``, but no further down than to the first layer that learns."""
        for layer in reversed(self.layers[self._first_trained + 1 :]):
            dy = layer.backward(dy)
        for layer in self.layers[self._first_trained : self._first_trained + 1]:
            layer.backward_parameters(dy)


class Network(Sequential):
    """Layers with their parameters: what is trained, saved and asked for predictions.

    Parameters
    ----------
    layers
        The layers, first to last. A layer belongs to one network.
    rng
        Draws the starting values.
    dtype
        The number type: float32 to work with, float64 to check gradients with.

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
        """The network's answers, an ensemble's members averaged.

        Parameters
        ----------
        x
            The examples, ``(n, d_in)``.
        batch_size
            How many examples go through at a time. No answer depends on it, nor on the other examples.

        Returns
        -------
        Array
            ``(n, d_out)``, the caller's to keep. Threads may predict with one network side by side.
        """
        return self._predict(x, batch_size, lambda y: mean_of_members(y) if y.ndim == 3 else y)

    def predict_members(self, x: ArrayLike, batch_size: int = 512) -> Array:
        """The answers of each member of an ensemble, ``(k, n, d_out)``; see ``predict``."""
        return self._predict(x, batch_size, lambda y: y)

    def _predict(self, x: ArrayLike, batch_size: int, answer: Callable[[Array], Array]) -> Array:
        examples = np.asarray(x)
        if examples.ndim != 2:
            raise ValueError(f"examples must come as (n, d), not as an array of shape {examples.shape}")
        first = answer(self.forward(np.asarray(examples[:batch_size], self.dtype)))
        answers = np.empty((*first.shape[:-2], len(examples), first.shape[-1]), self.dtype)
        answers[..., :batch_size, :] = first
        for start in range(batch_size, len(examples), batch_size):
            batch = np.asarray(examples[start : start + batch_size], self.dtype)
            answers[..., start : start + batch_size, :] = answer(self.forward(batch))
        return answers

    def state(self) -> State:
        """All that the network is, in plain dicts, lists, arrays, numbers and strings."""
        return {
            "layers": [describe(layer) for layer in self.layers],
            "dtype": self.dtype.name,
            "parameters": {name: array.copy() for name, array in self.parameters.items()},
        }

    @classmethod
    def from_state(cls, state: State) -> "Network":
        """The network whose ``state`` this is; it predicts the same, bit for bit.

        Raises
        ------
        ValueError
            If a layer's kind is unknown, or the parameters are not those of the layers.
        """
        layers = [build(layer) for layer in state["layers"]]
        network = cls(layers, rng=np.random.default_rng(0), dtype=np.dtype(state["dtype"]).type)
        shapes = {name: array.shape for name, array in state["parameters"].items()}
        if shapes != network.shapes():
            raise ValueError(f"the layers have parameters of shapes {network.shapes()}, the state has {shapes}")
        for name, array in state["parameters"].items():
            network.parameters[name][...] = array
        return network

    def as_type(self, dtype: type[np.floating[Any]]) -> "Network":
        """A copy in another number type.

        A network that learnt in float32 answers in float64 without the last digits that there depend on the batch.
        """
        return Network.from_state(self.state() | {"dtype": np.dtype(dtype).name})

    def __reduce__(self) -> tuple[Callable[[State], "Network"], tuple[State]]:
        """Copies and pickles are made of ``state``: a thread's working memory does not travel."""
        return Network.from_state, (self.state(),)


def mean_of_members(y: NDArray[Number]) -> NDArray[Number]:
    """The mean of k answers, ``(…, k, n, d)`` → ``(…, n, d)``.

    Added one after the other: in what order a sum is taken could depend on how many examples there are.
    """
    total: NDArray[Number] = y[..., 0, :, :].copy()
    for member in range(1, y.shape[-3]):
        total += y[..., member, :, :]
    total /= y.shape[-3]
    return total
