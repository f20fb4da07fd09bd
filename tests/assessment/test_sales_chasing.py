"""Sales chasing: what knowing the sales does to the values of the homes that were sold."""

from dataclasses import replace

import numpy as np
import pytest

from estimator.appraiser import Appraiser
from estimator.assessment.sales_chasing import sales_chasing, slope
from estimator.market.sales import Parts


def test_a_slope_and_its_interval_agree_with_numpy() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=500)
    y = 0.3 * x + 0.1 * rng.normal(size=500)
    value, low, high = slope(np.append(x, 1e6), np.append(y, 0.0))  # the outlier is left out
    (fitted, _), covariance = np.polyfit(x, y, 1, cov=True)
    assert value == pytest.approx(fitted)
    assert (high - low) / 2 == pytest.approx(1.648 * np.sqrt(covariance[0, 0]), rel=0.01)
    assert slope(np.ones(5), np.arange(5.0)) == (0, 0, 0)


def test_a_model_that_learns_no_sale_chases_none(appraiser: Appraiser, parts: Parts) -> None:
    """The same model before and after has no change; one that knows the sales follows them a part of the way."""
    rng = np.random.default_rng
    same = sales_chasing(appraiser, appraiser, parts, rng(0))
    assert same is not None
    assert (same.sold_change, same.difference, same.absorbed) == (0, 0, 0)
    knowing = sales_chasing(appraiser, appraiser.with_sales(parts.test, rng(0)), parts, rng(0))
    assert knowing is not None
    assert (knowing.sold, knowing.unsold) == (len(parts.test), 1500)
    assert 0.02 < knowing.absorbed_low < knowing.absorbed < knowing.absorbed_high < 1
    few = replace(parts, test=parts.test.take(np.arange(20)))
    assert sales_chasing(appraiser, appraiser, few, rng(0)) is None
