import numpy as np
import pytest

from estimator.features.sold_homes import SoldHomes


@pytest.mark.parametrize("n", [1, 40, 1500])
def test_the_nearest_are_those_that_a_search_of_all_sales_finds(n: int) -> None:
    rng = np.random.default_rng(n)
    place, day, home = rng.random((n, 2)), np.sort(rng.integers(0, 50, n)), rng.integers(0, n // 2 + 1, n)
    asked, when, who = rng.random((200, 2)), rng.integers(-1, 55, 200), rng.integers(-1, n // 2 + 1, 200)
    rows, km = SoldHomes(place, day, home).nearest(asked, when, who, 10)
    for subject in range(200):
        usable = np.flatnonzero((day < when[subject]) & (home != who[subject]))
        distance = np.hypot(*(place[usable] - asked[subject]).T)
        expected = usable[np.argsort(distance)][:10]
        found = np.isfinite(km[subject])
        assert rows[subject, found].tolist() == expected.tolist()
        np.testing.assert_allclose(km[subject, found], np.sort(distance)[:10], atol=1e-12)


def test_homes_of_one_distance_come_in_an_order_that_does_not_depend_on_who_else_asks() -> None:
    rng = np.random.default_rng(0)
    n = 3000
    place, day, home = rng.integers(0, 8, (n, 2)) / 10, np.sort(rng.integers(0, 50, n)), np.arange(n)
    index = SoldHomes(place, day, home)
    asked, when = rng.integers(0, 8, (200, 2)) / 10, rng.choice([20, 33, 60], 200)
    together, _ = index.nearest(asked, when, np.full(200, -1), 64)
    for subject in range(200):
        one = slice(subject, subject + 1)
        alone, _ = index.nearest(asked[one], when[one], np.full(1, -1), 64)
        assert alone[0].tolist() == together[subject].tolist()
