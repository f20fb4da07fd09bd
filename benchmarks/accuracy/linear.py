"""Models of scikit-learn: ridge regression, MLPRegressor and HistGradientBoostingRegressor."""

import copy
from typing import Any

import numpy as np

from benchmarks.accuracy.frames import Imputation
from benchmarks.accuracy.model_inputs import Predictor, Subjects, TrainingInput
from estimator.market.arrays import FloatArray

PENALTIES = np.geomspace(1e-2, 1e4, 13)
"""Penalties of the ridge regression; the best one on the validation sales is used."""

MAX_QUANTILES = 1000
"""Quantiles of `QuantileTransformer`, scikit-learn's default; at most the number of sales."""
MAX_EPOCHS, PATIENCE = 300, 20
"""Epochs of MLPRegressor, and epochs without a better validation error before it stops."""


def fit_ridge(training: TrainingInput) -> Predictor:
    """Ridge regression on quantile-transformed numbers, their squares and products, and one-hot labels."""
    from sklearn.compose import make_column_selector, make_column_transformer  # noqa: PLC0415  # the group `peers`
    from sklearn.linear_model import Ridge  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler  # noqa: PLC0415

    numbers = make_pipeline(
        QuantileTransformer(
            n_quantiles=min(MAX_QUANTILES, len(training.train)),
            output_distribution="normal",
            random_state=training.seed,
        ),
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (_one_hot(), make_column_selector(dtype_include="category")),
    )
    imputation = Imputation.fit(training.train)
    x = columns.fit_transform(imputation.apply(training.train))
    x_validation = columns.transform(imputation.apply(training.validation))
    models = [Ridge(penalty).fit(x, training.log_price) for penalty in PENALTIES]
    best = min(models, key=lambda model: _error(model.predict(x_validation), training.validation_log_price))

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = best.predict(columns.transform(imputation.apply(subjects.frame)))
        return values

    return predict


def fit_mlp(training: TrainingInput) -> Predictor:
    """MLPRegressor on quantile-transformed numbers; the best epoch on the validation sales is kept."""
    from sklearn.compose import make_column_selector, make_column_transformer  # noqa: PLC0415  # the group `peers`
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415
    from sklearn.preprocessing import QuantileTransformer  # noqa: PLC0415

    columns = make_column_transformer(
        (
            QuantileTransformer(output_distribution="normal", random_state=training.seed),
            make_column_selector(dtype_include="number"),
        ),
        (_one_hot(), make_column_selector(dtype_include="category")),
    )
    imputation = Imputation.fit(training.train)
    x = columns.fit_transform(imputation.apply(training.train))
    x_validation = columns.transform(imputation.apply(training.validation))
    mean, deviation = float(training.log_price.mean()), float(training.log_price.std())
    y, y_validation = (
        (prices - mean) / deviation for prices in (training.log_price, training.validation_log_price)
    )
    settings = {"hidden_layer_sizes": (128, 128), **training.settings}
    best = _best_epoch(MLPRegressor(random_state=training.seed, **settings), x, y, x_validation, y_validation)

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = best.predict(columns.transform(imputation.apply(subjects.frame)))
        return values * deviation + mean

    return predict


def fit_histogram_boosting(training: TrainingInput) -> Predictor:
    """HistGradientBoostingRegressor, which accepts NaN and categories."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.05, "max_iter": 3000, "n_iter_no_change": 100, **training.settings}
    model = HistGradientBoostingRegressor(early_stopping=True, tol=0.0, random_state=training.seed, **settings)
    model.fit(training.train, training.log_price, X_val=training.validation, y_val=training.validation_log_price)

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = model.predict(subjects.frame)
        return values

    return predict


def _one_hot() -> Any:
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415  # the group `peers`

    return OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)


def _best_epoch(
    model: Any, x: FloatArray, y: FloatArray, x_validation: FloatArray, y_validation: FloatArray
) -> Any:
    """Return the model as it was after its best epoch on the validation sales."""
    best, min_error, best_epoch = model, np.inf, 0
    for epoch in range(MAX_EPOCHS):
        model.partial_fit(x, y)
        error = _error(model.predict(x_validation), y_validation)
        if error < min_error:
            best, min_error, best_epoch = copy.deepcopy(model), error, epoch
        elif epoch - best_epoch >= PATIENCE:
            break
    return best


def _error(estimate: FloatArray, target: FloatArray) -> float:
    return float(np.sqrt(np.mean((estimate - target) ** 2)))
