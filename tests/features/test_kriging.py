from dataclasses import replace

import numpy as np
import pytest

from estimator.features.kriging import Kriging
from tests.features.gaussian_process import N, exact_gaussian_process, fit, random_homes


@pytest.fixture(scope="module")
def kriging() -> Kriging:
    return fit(*random_homes(N, 0))[0]


def test_with_all_sales_as_inducing_points_it_is_gaussian_process_regression(kriging: Kriging) -> None:
    subjects, _ = random_homes(50, 3)
    expected = exact_gaussian_process(*random_homes(N, 0), subjects, kriging.range_km, kriging.mean)
    np.testing.assert_allclose(kriging.estimate(subjects), expected, atol=2e-3)


def test_an_unknown_location_is_treated_as_infinitely_far_away(kriging: Kriging) -> None:
    subjects, _ = random_homes(20, 3)
    unknown, far_away = (replace(subjects, location=np.full((20, 2), value)) for value in (np.nan, 1e6))
    np.testing.assert_array_equal(kriging.estimate(unknown), kriging.estimate(far_away))
    assert np.abs(kriging.estimate(unknown) - kriging.estimate(subjects)).max() > 0.3


@pytest.mark.parametrize("first_of_them", [0, 7])
def test_a_sale_without_a_location_is_near_no_home(kriging: Kriging, first_of_them: int) -> None:
    homes, _ = random_homes(N, 0)
    unknown = np.arange(N) % 20 == first_of_them
    assert homes.location is not None
    partly = replace(homes, location=np.where(unknown[:, None], np.nan, homes.location))
    kernel, located, by_facts = (
        replace(kriging, facts=sold.facts, location=sold.location).kernel(sold)
        for sold in (partly, homes, replace(homes, location=None))
    )
    either = unknown[:, None] | unknown
    np.testing.assert_allclose(kernel[either], by_facts[either], atol=1e-6)
    np.testing.assert_array_equal(kernel[~either], located[~either])


def test_without_locations_it_uses_linear_terms_and_similar_facts() -> None:
    homes, log_price = random_homes(N, 0)
    subjects, subject_log_price = random_homes(200, 4)
    kriging, _ = fit(replace(homes, location=None), log_price)
    estimate = kriging.estimate(replace(subjects, location=None))
    assert subjects.location is not None
    hill = np.std(np.sin(subjects.location[:, 0] / 3))
    assert np.std(subject_log_price - estimate) < 1.1 * hill < np.std(subject_log_price)


def test_kriging_is_restored_from_its_state(kriging: Kriging) -> None:
    subjects, _ = random_homes(50, 3)
    restored = Kriging.from_state(kriging.state())
    np.testing.assert_array_equal(restored.estimate(subjects), kriging.estimate(subjects))
