"""scikit-learn's models: ridge regression, a plain neural network and its gradient boosting."""

import copy
from typing import Any

import numpy as np

from benchmarks.accuracy.frames import Imputation
from benchmarks.accuracy.training_sets import Lesson, Predictor, Subjects
from estimator.market.arrays import FloatArray

PENALTIES = np.geomspace(1e-2, 1e4, 13)
"""Of the ridge regression, from nearly none to nearly all; the best on the validation sales is taken."""

QUANTILES = 1000
"""By which numbers are made normal, as the library has it; no more than there are sales."""
EPOCHS, PATIENCE = 300, 20
"""Of the neural network: how long it may train, and how long the validation error may go without a new low."""


def fit_ridge(lesson: Lesson) -> Predictor:
    """Ridge regression on numbers made normal, their squares and products, and labels one column each."""
    from sklearn.compose import make_column_selector, make_column_transformer  # noqa: PLC0415  # the group `peers`
    from sklearn.linear_model import Ridge  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import PolynomialFeatures, QuantileTransformer, StandardScaler  # noqa: PLC0415

    numbers = make_pipeline(
        QuantileTransformer(
            n_quantiles=min(QUANTILES, len(lesson.train)), output_distribution="normal", random_state=lesson.seed
        ),
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
    )
    columns = make_column_transformer(
        (numbers, make_column_selector(dtype_include="number")),
        (_one_hot(), make_column_selector(dtype_include="category")),
    )
    imputation = Imputation.fit(lesson.train)
    x = columns.fit_transform(imputation.apply(lesson.train))
    seen = columns.transform(imputation.apply(lesson.validation))
    models = [Ridge(penalty).fit(x, lesson.log_price) for penalty in PENALTIES]
    best = min(models, key=lambda model: _error(model.predict(seen), lesson.validation_log_price))

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = best.predict(columns.transform(imputation.apply(subjects.frame)))
        return values

    return predict


def fit_mlp(lesson: Lesson) -> Predictor:
    """MLPRegressor on scaled numbers; the epoch that is best on the validation sales is kept."""
    from sklearn.compose import make_column_selector, make_column_transformer  # noqa: PLC0415  # the group `peers`
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415
    from sklearn.preprocessing import QuantileTransformer  # noqa: PLC0415

    columns = make_column_transformer(
        (
            QuantileTransformer(output_distribution="normal", random_state=lesson.seed),
            make_column_selector(dtype_include="number"),
        ),
        (_one_hot(), make_column_selector(dtype_include="category")),
    )
    imputation = Imputation.fit(lesson.train)
    x = columns.fit_transform(imputation.apply(lesson.train))
    seen = columns.transform(imputation.apply(lesson.validation))
    mean, deviation = float(lesson.log_price.mean()), float(lesson.log_price.std())
    y, target = ((prices - mean) / deviation for prices in (lesson.log_price, lesson.validation_log_price))
    settings = {"hidden_layer_sizes": (128, 128), **lesson.settings}
    best = _best_epoch(MLPRegressor(random_state=lesson.seed, **settings), x, y, seen, target)

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = best.predict(columns.transform(imputation.apply(subjects.frame)))
        return values * deviation + mean

    return predict


def fit_histogram_boosting(lesson: Lesson) -> Predictor:
    """HistGradientBoostingRegressor, which takes NaN and labels."""
    from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: PLC0415  # the group `peers`

    settings = {"learning_rate": 0.05, "max_iter": 3000, "n_iter_no_change": 100, **lesson.settings}
    model = HistGradientBoostingRegressor(early_stopping=True, tol=0.0, random_state=lesson.seed, **settings)
    model.fit(lesson.train, lesson.log_price, X_val=lesson.validation, y_val=lesson.validation_log_price)

    def predict(subjects: Subjects) -> FloatArray:
        values: FloatArray = model.predict(subjects.frame)
        return values

    return predict


def _one_hot() -> Any:
    from sklearn.preprocessing import OneHotEncoder  # noqa: PLC0415  # the group `peers`

    return OneHotEncoder(handle_unknown="ignore", min_frequency=5, sparse_output=False)


def _best_epoch(model: Any, x: FloatArray, y: FloatArray, seen: FloatArray, target: FloatArray) -> Any:
    """Return the model after its best epoch."""
    best, least, at = model, np.inf, 0
    for epoch in range(EPOCHS):
        model.partial_fit(x, y)
        error = _error(model.predict(seen), target)
        if error < least:
            best, least, at = copy.deepcopy(model), error, epoch
        elif epoch - at >= PATIENCE:
            break
    return best


def _error(estimate: FloatArray, target: FloatArray) -> float:
    return float(np.sqrt(np.mean((estimate - target) ** 2)))
