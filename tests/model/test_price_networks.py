from dataclasses import replace

import numpy as np
import pytest

from estimator.model.price_networks import PriceNetworks, fit_price_networks, refit_price_networks
from estimator.model.recipe import Recipe
from estimator.model.training_set import TrainingSet

RECIPE = Recipe(networks=2, epochs=4, width=16, members=2, waves=4)


def test_by_default_one_network_of_one_member_is_served(training_set: TrainingSet) -> None:
    trained = fit_price_networks(training_set, RECIPE, np.random.default_rng(0))
    assert trained.teacher is not None
    assert [len(each.networks.networks) for each in (trained.served, trained.teacher)] == [1, RECIPE.networks]
    assert trained.served.networks.networks[0].predict_members(training_set.columns[:3]).ndim == 2


@pytest.mark.parametrize("recipe", [replace(RECIPE, student=False), replace(RECIPE, networks=1, members=1)])
def test_the_trained_networks_are_served_where_no_student_is_wanted_or_it_would_be_the_same(
    training_set: TrainingSet, recipe: Recipe
) -> None:
    trained = fit_price_networks(training_set, recipe, np.random.default_rng(0))
    assert trained.teacher is None
    assert len(trained.served.networks.networks) == recipe.networks


def test_the_same_seed_gives_the_same_student(training_set: TrainingSet) -> None:
    first, second = (fit_price_networks(training_set, RECIPE, np.random.default_rng(3)) for _ in range(2))
    assert first.served.estimate(training_set.validation).tobytes() == (
        second.served.estimate(training_set.validation).tobytes()
    )


def test_networks_trained_anew_have_no_error_at_the_median(training_set: TrainingSet) -> None:
    fitted = fit_price_networks(training_set, RECIPE, np.random.default_rng(0))
    again = refit_price_networks(training_set, fitted, RECIPE, np.random.default_rng(1))
    features = training_set.leave_home_out
    log_price = training_set.target[: len(features.columns)] * training_set.deviation + training_set.mean
    for networks in (again.served, again.teacher):
        assert networks is not None
        alone = replace(networks, kriging_share=0.0).estimate(features)
        assert np.median(log_price - alone) == pytest.approx(0, abs=1e-6)


def test_restored_networks_estimate_the_same(training_set: TrainingSet) -> None:
    fitted = fit_price_networks(training_set, RECIPE, np.random.default_rng(0)).served
    restored = PriceNetworks.from_state(fitted.state())
    features = training_set.validation
    assert restored.estimate(features).tobytes() == fitted.estimate(features).tobytes()
