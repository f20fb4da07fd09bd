"""The network as scikit-learn estimators, for pipelines, cross-validation and grid searches.

Thin adapters: what scikit-learn's contract asks for is here, everything else in ``estimator.network``. Inputs
should come scaled, as for any network: put a ``StandardScaler`` before. Needs the optional group ``sklearn``.
"""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from estimator.network import (
    MSE,
    AdamW,
    Batches,
    BinaryCrossEntropy,
    Dense,
    Dropout,
    LeakyReLU,
    Loss,
    Mish,
    Network,
    Plan,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
    cosine,
    train,
)

ACTIVATIONS = {
    "leaky_relu": LeakyReLU,
    "mish": Mish,
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "silu": SiLU,
    "tanh": Tanh,
}
"""The names that ``activation`` may have."""


class _MLP(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """What both estimators share: their parameters, and the training.

    scikit-learn's contract: a constructor that only stores, parameters that are checked in ``fit``.
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (128, 128),
        activation: str = "relu",
        *,
        dropout: float = 0.0,
        learning_rate: float = 3e-3,
        weight_decay: float = 1e-2,
        batch_size: int = 128,
        epochs: int = 100,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.dropout = dropout
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.batch_size = batch_size
        self.epochs = epochs
        self.random_state = random_state

    def _train(self, x: NDArray[np.float32], y: NDArray[np.float32], loss: Loss) -> None:
        """Learn in float32; answer in float64, where a row's answer does not depend on the rows beside it."""
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}")
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31))
        network = Network(self._layers(x.shape[1], y.shape[1]), rng=rng)
        history = train(
            network,
            Batches(x, y, self.batch_size),
            loss=loss,
            optimiser=AdamW(self.learning_rate, weight_decay=self.weight_decay),
            rng=rng,
            plan=Plan(epochs=self.epochs, schedule=cosine),
        )
        self.loss_curve_ = [epoch.train_loss for epoch in history.epochs]
        self.network_ = network.as_type(np.float64)

    def _layers(self, n_in: int, n_out: int) -> list[Any]:
        layers: list[Any] = []
        for n_hidden in self.hidden_layer_sizes:
            layers += [Dense(n_in, n_hidden), ACTIVATIONS[self.activation](), Dropout(self.dropout)]
            n_in = n_hidden
        return [*layers, Dense(n_in, n_out)]

    def _outputs(self, x: ArrayLike) -> NDArray[np.float64]:
        """The network's outputs, ``(n, d_out)``."""
        check_is_fitted(self)
        checked = validate_data(self, x, dtype=np.float64, reset=False)
        return np.asarray(self.network_.predict(checked), np.float64)


class MLPRegressor(MultiOutputMixin, RegressorMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that learns numbers, by least squares.

    Targets are standardised for the training, so that prices and percentages train alike; predictions come in
    their own unit.

    Parameters
    ----------
    hidden_layer_sizes
        Neurons of each hidden layer.
    activation
        One of ``ACTIVATIONS``.
    dropout
        The share of each hidden layer that is withheld at random in training.
    learning_rate
        AdamW's learning rate at the start; a cosine takes it down to 0.
    weight_decay
        AdamW's weight decay.
    batch_size
        Rows a step.
    epochs
        Passes over the data.
    random_state
        A seed for the same model every time.

    Attributes
    ----------
    network_ : estimator.network.Network
        The trained network.
    loss_curve_ : list of float
        The training loss of each epoch, of the standardised targets.

    Examples
    --------
    >>> model = make_pipeline(StandardScaler(), MLPRegressor(random_state=0)).fit(x, y)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's name
        """Learn from X ``(n, d)`` and y, ``(n,)`` or ``(n, d_out)``."""
        x, targets = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        targets = np.asarray(targets, np.float64)
        self._one_output = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self._mean = targets.mean(axis=0)
        spread = targets.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        self._train(x, ((targets - self._mean) / self._spread).astype(np.float32), MSE())
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Predictions for X ``(n, d)``, in the shape of the y that was learnt."""
        predictions: NDArray[np.float64] = self._outputs(X) * self._spread + self._mean
        return predictions[:, 0] if self._one_output else predictions


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that learns classes, by binary cross-entropy.

    Two classes share one output. Of more, each has an output of its own that tells it from all others, and the
    probabilities are scaled to sum to 1.

    Parameters
    ----------
    hidden_layer_sizes, activation, dropout, learning_rate, weight_decay, batch_size, epochs, random_state
        As for ``MLPRegressor``.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    network_ : estimator.network.Network
        The trained network; it gives logits.
    loss_curve_ : list of float
        The training loss of each epoch.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Learn from X ``(n, d)`` and the classes y ``(n,)``."""
        x, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, places = np.unique(labels, return_inverse=True)
        one_hot = places[:, None] == np.arange(len(self.classes_))
        targets = one_hot[:, 1:] if len(self.classes_) == 2 else one_hot
        self._train(x, targets.astype(np.float32), BinaryCrossEntropy())
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Logits, ``(n,)`` for two classes and ``(n, classes)`` for more."""
        logits = self._outputs(X)
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The probability of each class, ``(n, classes)``."""
        probabilities = self._outputs(X)
        Sigmoid().value(probabilities, out=probabilities)
        if len(self.classes_) == 2:
            return np.hstack([1 - probabilities, probabilities])
        normalised: NDArray[np.float64] = probabilities / probabilities.sum(axis=1, keepdims=True)
        return normalised

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """The likeliest class for each row of X ``(n, d)``."""
        logits = self._outputs(X)
        places = (logits[:, 0] > 0).astype(int) if len(self.classes_) == 2 else logits.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[places]
        return predicted
