import numpy as np
import pytest

from estimator.features.sold_homes import SoldHomes


@pytest.mark.parametrize("n", [1, 40, 1500])
def test_nearest_agrees_with_a_search_of_all_sales(n: int) -> None:
    rng = np.random.default_rng(n)
    location, day, home = rng.random((n, 2)), np.sort(rng.integers(0, 50, n)), rng.integers(0, n // 2 + 1, n)
    subject_location, subject_day, subject_home = (
        rng.random((200, 2)),
        rng.integers(-1, 55, 200),
        rng.integers(-1, n // 2 + 1, 200),
    )
    rows, km = SoldHomes(location, day, home).nearest(subject_location, subject_day, subject_home, 10)
    for subject in range(200):
        usable = np.flatnonzero((day < subject_day[subject]) & (home != subject_home[subject]))
        distance = np.hypot(*(location[usable] - subject_location[subject]).T)
        expected = usable[np.argsort(distance)][:10]
        found = np.isfinite(km[subject])
        assert rows[subject, found].tolist() == expected.tolist()
        np.testing.assert_allclose(km[subject, found], np.sort(distance)[:10], atol=1e-12)


def test_the_order_of_equally_distant_homes_does_not_depend_on_other_subjects() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    location, day, home = rng.integers(0, 8, (n, 2)) / 10, np.sort(rng.integers(0, 50, n)), np.arange(n)
    index = SoldHomes(location, day, home)
    subject_location, subject_day = rng.integers(0, 8, (200, 2)) / 10, rng.choice([20, 33, 60], 200)
    together, _ = index.nearest(subject_location, subject_day, np.full(200, -1), 64)
    for subject in range(200):
        one = slice(subject, subject + 1)
        for home_of_subject in (np.full(1, -1), None):
            alone, _ = index.nearest(subject_location[one], subject_day[one], home_of_subject, 64)
            assert alone[0].tolist() == together[subject].tolist()
    of_all_days, _ = index.nearest(subject_location, None, None, 64)
    after_all, _ = index.nearest(subject_location, np.full(200, 60), None, 64)
    np.testing.assert_array_equal(of_all_days, after_all)


@pytest.mark.parametrize("n_newest", [1, 16, 17])
def test_the_day_of_the_newest_sale_is_before_its_own_sales(n_newest: int) -> None:
    rng = np.random.default_rng(n_newest)
    location, day, home = rng.random((1000, 2)), np.arange(1000), np.arange(1000)
    day[-n_newest:] = day[-n_newest]
    # Subjects stand where the newest sales do, so that those would be the nearest ones.
    subject_location = location[-n_newest:] + 1e-3
    rows, km = SoldHomes(location, day, home).nearest(
        subject_location, np.full(n_newest, day[-1]), np.full(n_newest, -1), 64
    )
    for subject in range(n_newest):
        distance = np.hypot(*(location[:-n_newest] - subject_location[subject]).T)
        assert rows[subject].tolist() == np.argsort(distance)[:64].tolist()
        np.testing.assert_allclose(km[subject], np.sort(distance)[:64], atol=1e-12)
