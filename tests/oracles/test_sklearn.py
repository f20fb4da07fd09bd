"""The scikit-learn estimators, checked with scikit-learn's own tests."""

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

from estimator.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("model", [MLPRegressor(), MLPClassifier()])
@pytest.mark.filterwarnings("default")  # scikit-learn warns of the checks it skips
def test_all_of_scikit_learns_estimator_checks_pass(model: MLPRegressor | MLPClassifier) -> None:
    results = check_estimator(model, on_skip=None)
    assert {result["status"] for result in results if "array_api" not in result["check_name"]} == {"passed"}
    assert len(results) > 45


def test_the_regressor_works_in_a_pipeline_and_a_grid_search() -> None:
    x, y = make_regression(400, 8, n_informative=5, noise=5, random_state=0)
    pipeline = make_pipeline(StandardScaler(), MLPRegressor(epochs=60, random_state=0))
    search = GridSearchCV(pipeline, {"mlpregressor__hidden_layer_sizes": [(4,), (64, 64)]}, cv=3).fit(x, y)
    assert search.best_params_["mlpregressor__hidden_layer_sizes"] == (64, 64)
    assert search.best_score_ > 0.9


def test_several_targets_in_different_units_can_be_predicted_together() -> None:
    x, y = make_regression(300, 5, n_targets=2, random_state=0)
    y = y * [1, 1e4] + [0, 1e6]
    model = MLPRegressor(random_state=0).fit(StandardScaler().fit_transform(x), y)
    assert model.predict(StandardScaler().fit_transform(x)).shape == (300, 2)
    assert model.score(StandardScaler().fit_transform(x), y) > 0.95


@pytest.mark.parametrize("classes", [2, 4])
def test_the_classifier_separates_the_classes(classes: int) -> None:
    x, y = make_classification(600, 10, n_informative=6, n_classes=classes, class_sep=2, random_state=0)
    model = MLPClassifier(random_state=0).fit(x[:400], y[:400])
    assert model.score(x[400:], y[400:]) > 0.85
    probabilities = model.predict_proba(x)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(x))


def test_the_same_seed_gives_the_same_model() -> None:
    x, y = make_regression(100, 4, random_state=0)
    first, second = (MLPRegressor(epochs=5, dropout=0.2, random_state=3).fit(x, y).predict(x) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_error_for_an_unknown_activation_names_it() -> None:
    with pytest.raises(ValueError, match=r"relu.*'maxout'"):
        MLPRegressor(activation="maxout").fit([[1.0], [2.0]], [1.0, 2.0])
