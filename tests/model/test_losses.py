import math
from dataclasses import replace

import numpy as np
import pytest

from estimator.features.kriging import KrigingInputs
from estimator.features.pipeline import Features
from estimator.model.losses import HUBER_THRESHOLD, LOSSES, make_loss
from estimator.model.training_set import Inputs, TrainingSet
from estimator.network import RMSE, CovariancePenalty, HuberRMSE


@pytest.fixture
def training_set() -> TrainingSet:
    """Three sales and one of them again with facts withheld; kriging is off by .1, .2 and .4 in log price."""
    log_price = np.array([12.0, 13.0, 14.0])
    kriging = log_price + np.array([0.1, -0.2, 0.4])
    none = np.empty((3, 0), np.float32)
    inputs = KrigingInputs(none, none, none, None)
    features = Features(none, kriging, np.empty((3, 0)), np.ones(3, np.bool_), inputs)
    target = (np.append(log_price, 12.0) - 13.0) / 2.0
    return TrainingSet(
        Inputs(0, 0, 0), np.empty((4, 0), np.float32), target, features, log_price, 13.0, 2.0, features
    )


def test_rmse_needs_nothing_of_the_training_set(training_set: TrainingSet) -> None:
    assert type(LOSSES["rmse"](training_set)) is RMSE


def test_the_huber_limit_is_the_threshold_times_the_robust_standard_deviation(training_set: TrainingSet) -> None:
    loss = LOSSES["huber"](training_set)
    assert isinstance(loss, HuberRMSE)
    # The median absolute error is .2 in log price, .1 when standardised.
    assert loss.limit == pytest.approx(HUBER_THRESHOLD * 1.4826 * 0.1)


def test_without_errors_the_huber_limit_is_infinite(training_set: TrainingSet) -> None:
    exact = replace(training_set.leave_home_out, kriging_log_price=np.array([12.0, 13.0, 14.0]))
    loss = LOSSES["huber"](replace(training_set, leave_home_out=exact))
    assert isinstance(loss, HuberRMSE)
    assert math.isinf(loss.limit)


def test_the_weight_of_equity_adds_its_penalty_to_the_named_loss(training_set: TrainingSet) -> None:
    assert type(make_loss("rmse", 0.0, training_set)) is RMSE
    loss = make_loss("huber", 2.5, training_set)
    assert isinstance(loss, CovariancePenalty)
    assert (type(loss.base), loss.weight) == (HuberRMSE, 2.5)
