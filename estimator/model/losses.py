"""The losses a recipe can name, and how each is made from the training set.

To add one, write its class in `estimator.network.losses`, export it from `estimator.network`, and add an entry to
`LOSSES`. Whatever the loss, networks are validated by the RMSE. The report draws training losses as errors in log
price, so a loss should be in the target's unit, as these are.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np

from estimator.market.robust import SIGMAS_OF_MAD
from estimator.model.training_set import TrainingSet
from estimator.network import RMSE, CovariancePenalty, HuberRMSE
from estimator.network.losses import Loss

HUBER_THRESHOLD = 1.345
"""Huber threshold, in robust standard deviations: 95 % efficiency with normal errors (Huber 1981, Robust
Statistics). See benchmarks/DECISIONS.md, "Losses of the networks"."""


def _rmse(_: TrainingSet) -> RMSE:
    return RMSE()


def _huber(training_set: TrainingSet) -> RMSE:
    """Return the RMSE in which errors beyond `HUBER_THRESHOLD` count linearly.

    The robust standard deviation is that of kriging's errors on the training sales, each estimated without its own
    home, because no network is trained yet.
    """
    kriging = training_set.leave_home_out.kriging_log_price
    estimate = (kriging - training_set.mean) / training_set.deviation
    median = float(np.median(np.abs(training_set.target[: len(estimate)] - estimate)))
    return HuberRMSE(HUBER_THRESHOLD * (SIGMAS_OF_MAD * median) or math.inf)


LOSSES: Mapping[str, Callable[[TrainingSet], RMSE]] = {"rmse": _rmse, "huber": _huber}
"""Name of a loss in `recipe.toml` → what makes it."""


def make_loss(name: str, equity_weight: float, training_set: TrainingSet) -> Loss:
    """Return a loss by its name in `LOSSES`, with the penalty on regressive values if its weight is above 0."""
    base = LOSSES[name](training_set)
    return CovariancePenalty(base, equity_weight) if equity_weight else base
