import numpy as np
import pytest

from estimator.sold_homes import SoldHomes


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
