from dataclasses import replace

import numpy as np
import pytest

from estimator.features.kriging import Kriging
from estimator.features.leave_home_out import LeaveHomeOut, SalesOfHomes
from tests.features.gaussian_process import HOME, N, exact_gaussian_process, fit, random_homes

Fitted = tuple[Kriging, LeaveHomeOut]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(*random_homes(N, 0))


def test_estimates_are_those_of_a_fit_without_the_homes_sales(fitted: Fitted) -> None:
    homes, log_price = random_homes(N, 0)
    kriging, left_out = fitted
    estimates = left_out.estimate(homes, HOME)
    resold = np.flatnonzero(np.bincount(HOME, minlength=N)[HOME] > 1)
    assert len(resold) > 50
    for row in (*range(10), *resold[:20]):
        others = HOME[row] != HOME
        subject = homes.take(np.array([row]))
        expected = exact_gaussian_process(
            homes.take(others), log_price[others], subject, kriging.range_km, kriging.mean
        )
        assert estimates[row] == pytest.approx(expected[0], abs=2e-3)
    assert np.std(log_price - kriging.estimate(homes)) < 0.9 * np.std(log_price - estimates), (
        "sales influence their own estimates"
    )


def test_nothing_is_left_out_for_a_home_without_sales(fitted: Fitted) -> None:
    kriging, left_out = fitted
    subjects, _ = random_homes(50, 3)
    np.testing.assert_allclose(left_out.estimate(subjects, np.full(50, N)), kriging.estimate(subjects), atol=1e-4)


def test_facts_may_be_withheld_from_a_home_that_is_left_out(fitted: Fitted) -> None:
    kriging, left_out = fitted
    homes, log_price = random_homes(N, 0)
    row, others = np.array([7]), HOME[7] != HOME
    subject = replace(homes, facts=np.zeros_like(homes.facts)).take(row)
    expected = exact_gaussian_process(
        homes.take(others), log_price[others], subject, kriging.range_km, kriging.mean
    )
    assert left_out.estimate(subject, HOME[row])[0] == pytest.approx(expected[0], abs=2e-3)


def test_the_sales_of_homes_are_found_among_all() -> None:
    rng = np.random.default_rng(1)
    sold, home = rng.integers(0, 40, 60), rng.integers(0, 60, 30)
    sales = SalesOfHomes(sold)
    subject, row = sales.pairs(home)
    assert set(zip(subject.tolist(), row.tolist(), strict=True)) == {
        (i, j) for i in range(30) for j in range(60) if home[i] == sold[j]
    }
    resold = [rows.tolist() for rows in sales.of_resold()]
    assert resold == [np.flatnonzero(sold == each).tolist() for each in np.unique(sold) if sum(sold == each) > 1]
