"""The network as scikit-learn estimators, for pipelines, cross-validation and grid searches.

The classes only implement scikit-learn's estimator interface; ``estimator.network`` does the rest. Scale the
inputs, as for any network, for example with a ``StandardScaler`` before the estimator. Needs the optional group
``sklearn``.
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
"""The values of the parameter ``activation``."""


class _MLP(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """The parameters and the training of both estimators.

    As scikit-learn requires, the constructor only stores the parameters, and ``fit`` checks them.
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
        """Train in float32, and keep a float64 copy for predictions."""
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
        """Return the network's outputs, ``(n, d_out)``."""
        check_is_fitted(self)
        examples = validate_data(self, x, dtype=np.float64, reset=False)
        return np.asarray(self.network_.predict(examples), np.float64)


class MLPRegressor(MultiOutputMixin, RegressorMixin, _MLP):  # type: ignore[misc]
    """Multilayer perceptron for regression, trained with the mean squared error.

    Targets are standardised for training, so that their unit does not matter; predictions are in the original
    unit.

    Parameters
    ----------
    hidden_layer_sizes
        Number of neurons of each hidden layer.
    activation
        One of ``ACTIVATIONS``.
    dropout
        Share of each hidden layer's activations that is set to zero in training, in [0, 1).
    learning_rate
        AdamW's initial learning rate, which a cosine schedule lowers to 0.
    weight_decay
        AdamW's weight decay.
    batch_size
        Rows per optimiser step.
    epochs
        Number of passes over the data.
    random_state
        Seed of the random numbers; the same seed gives the same model.

    Attributes
    ----------
    network_ : estimator.network.Network
        The trained network.
    loss_curve_ : list of float
        The training loss of each epoch, for the standardised targets.

    Examples
    --------
    >>> model = make_pipeline(StandardScaler(), MLPRegressor(random_state=0)).fit(x, y)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803 - scikit-learn's name
        """Train on X ``(n, d)`` and y, ``(n,)`` or ``(n, d_out)``."""
        x, targets = validate_data(self, X, y, dtype=np.float32, multi_output=True, y_numeric=True)
        targets = np.asarray(targets, np.float64)
        self._one_output = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        self._mean = targets.mean(axis=0)
        deviation = targets.std(axis=0)
        self._deviation = np.where(deviation > 0, deviation, 1.0)
        self._train(x, ((targets - self._mean) / self._deviation).astype(np.float32), MSE())
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the predictions for X ``(n, d)``: ``(n,)`` or ``(n, d_out)``, as the y of ``fit``."""
        predictions: NDArray[np.float64] = self._outputs(X) * self._deviation + self._mean
        return predictions[:, 0] if self._one_output else predictions


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """Multilayer perceptron for classification, trained with the binary cross-entropy.

    Two classes share one output. With more classes each has its own output (one-vs-rest), and the probabilities
    are scaled to sum to 1.

    Parameters
    ----------
    hidden_layer_sizes, activation, dropout, learning_rate, weight_decay, batch_size, epochs, random_state
        As for ``MLPRegressor``.

    Attributes
    ----------
    classes_ : array
        The classes, sorted.
    network_ : estimator.network.Network
        The trained network, which outputs logits.
    loss_curve_ : list of float
        The training loss of each epoch.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:  # noqa: N803
        """Train on X ``(n, d)`` and the classes y ``(n,)``."""
        x, labels = validate_data(self, X, y, dtype=np.float32)
        check_classification_targets(labels)
        self.classes_, indices = np.unique(labels, return_inverse=True)
        one_hot = indices[:, None] == np.arange(len(self.classes_))
        targets = one_hot[:, 1:] if len(self.classes_) == 2 else one_hot
        self._train(x, targets.astype(np.float32), BinaryCrossEntropy())
        return self

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the logits, ``(n,)`` for two classes and ``(n, n_classes)`` for more."""
        logits = self._outputs(X)
        return logits[:, 0] if len(self.classes_) == 2 else logits

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """Return the probability of each class, ``(n, n_classes)``."""
        probabilities = self._outputs(X)
        Sigmoid().value(probabilities, out=probabilities)
        if len(self.classes_) == 2:
            return np.hstack([1 - probabilities, probabilities])
        normalised: NDArray[np.float64] = probabilities / probabilities.sum(axis=1, keepdims=True)
        return normalised

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """Return the most probable class for each row of X ``(n, d)``, ``(n,)``."""
        logits = self._outputs(X)
        indices = (logits[:, 0] > 0).astype(int) if len(self.classes_) == 2 else logits.argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[indices]
        return predicted
