from dataclasses import replace

import numpy as np
import pytest

from estimator.features import kriging_fit, leave_home_out
from estimator.features.kriging import _OTHER_SCALE, MONOTONE_SCALE
from estimator.features.kriging_fit import fit_kriging
from tests.features.gaussian_process import HOME, N, exact_gaussian_process, fit, random_homes


def test_few_inducing_points_are_nearly_as_accurate() -> None:
    subjects, log_price = random_homes(200, 4)
    error = []
    for n_points in (N, 100, 1):
        kriging, _ = fit_kriging(*random_homes(N, 0), HOME, np.random.default_rng(2), n_points)
        error.append(np.std(log_price - kriging.estimate(subjects)))
    assert error[0] < error[1] < 1.3 * error[0]
    assert error[2] > 2 * error[0], "linear terms alone"


def test_more_sales_than_are_kept_in_memory_give_the_same_model(monkeypatch: pytest.MonkeyPatch) -> None:
    homes, log_price = random_homes(N, 0)
    falling = np.random.default_rng(5).uniform(0, 0.3, (N, 2)).astype(np.float32)
    homes, log_price = replace(homes, monotone=falling), log_price + falling @ np.array([2.0, -2.0])
    kept, left_out = fit(homes, log_price)
    monkeypatch.setattr(kriging_fit, "MAX_STORED_SALES", 40)
    monkeypatch.setattr(leave_home_out, "_BATCH_SIZE", 7)
    computed, left_out_of_computed = fit(homes, log_price)
    np.testing.assert_allclose(computed.estimate(homes), kept.estimate(homes), atol=1e-4)
    np.testing.assert_allclose(computed.monotone_effect(falling), kept.monotone_effect(falling), atol=1e-4)
    assert (kept.monotone_coefficients[1], computed.monotone_coefficients[1]) == (0, 0)
    np.testing.assert_allclose(
        left_out_of_computed.estimate(homes, HOME), left_out.estimate(homes, HOME), atol=1e-3
    )


def test_the_range_of_the_kernel_does_not_shrink_with_ever_more_sales(monkeypatch: pytest.MonkeyPatch) -> None:
    homes, log_price = random_homes(N, 0)
    before = fit(homes, log_price)[0].range_km
    monkeypatch.setattr(kriging_fit, "MAX_RANGE_SALES", N // 4)
    assert fit(homes, log_price)[0].range_km > 1.5 * before


def test_monotone_columns_are_linear_terms_whose_coefficients_are_never_negative() -> None:
    homes, log_price = random_homes(N, 0)
    increasing = np.random.default_rng(5).uniform(0, 0.3, (N, 1)).astype(np.float32)
    decreasing = np.random.default_rng(6).uniform(0, 0.3, (N, 1)).astype(np.float32)
    log_price = log_price + 2 * increasing[:, 0] - 2 * decreasing[:, 0]
    homes_with_both = replace(homes, monotone=np.hstack((decreasing, increasing)))
    kriging, left_out = fit(homes_with_both, log_price)
    assert kriging.monotone_coefficients[0] == 0
    # The ridge penalty shrinks it: it assumes more noise than there is.
    assert kriging.monotone_coefficients[1] == pytest.approx(2, rel=0.25)
    # As if the column with the wrong sign did not exist: the oracle has the other one among its linear terms.
    scale = MONOTONE_SCALE / _OTHER_SCALE
    subjects, _ = random_homes(50, 3)
    monotone = np.full((50, 2), 0.2, np.float32)
    expected = exact_gaussian_process(
        replace(homes, other=np.hstack((homes.other, increasing * scale))),
        log_price,
        replace(subjects, other=np.hstack((subjects.other, monotone[:, 1:] * scale))),
        kriging.range_km,
        kriging.mean,
    )
    estimate = kriging.estimate(replace(subjects, monotone=monotone)) + kriging.monotone_effect(monotone)
    np.testing.assert_allclose(estimate, expected, atol=3e-3)
    homes_with_one = replace(homes, monotone=increasing)
    _, left_out_with_one = fit(homes_with_one, log_price)
    np.testing.assert_allclose(
        left_out.estimate(homes_with_both, HOME), left_out_with_one.estimate(homes_with_one, HOME), atol=1e-4
    )


def test_homes_that_are_all_in_one_location() -> None:
    homes, log_price = random_homes(N, 0)
    homes = replace(homes, location=np.ones((N, 2)))
    assert np.isfinite(fit(homes, log_price)[0].estimate(homes)).all()


@pytest.mark.parametrize("n", [1, 2, 5])
def test_very_few_sales(n: int) -> None:
    homes, log_price = random_homes(n, 0)
    kriging, left_out = fit_kriging(homes, log_price, np.arange(n), np.random.default_rng(0))
    assert np.isfinite(kriging.estimate(random_homes(9, 1)[0])).all()
    assert np.isfinite(left_out.estimate(homes, np.arange(n))).all()


def test_given_inducing_points_are_kept() -> None:
    homes, log_price = random_homes(N, 0)
    earlier, _ = fit_kriging(homes, log_price, HOME, np.random.default_rng(0), 100)
    again, _ = fit_kriging(homes, log_price, HOME, np.random.default_rng(1), 100, earlier.points)
    subjects, _ = random_homes(200, 4)
    np.testing.assert_array_equal(again.facts, earlier.facts)
    np.testing.assert_allclose(again.estimate(subjects), earlier.estimate(subjects), rtol=1e-5)
