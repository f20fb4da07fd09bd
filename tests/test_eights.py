import numpy as np
import pytest

from estimator.eights import ROWS, in_eights


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 16])
def test_rows_keep_their_place_and_zeros_follow(n: int) -> None:
    rows = np.arange(1.0, 3 * n + 1, dtype=np.float32).reshape(n, 3)
    full = in_eights(rows)
    assert len(full) % ROWS == 0
    assert n <= len(full) < n + ROWS
    assert full.dtype == rows.dtype
    assert np.array_equal(full[:n], rows)
    assert not full[n:].any()


def test_a_rows_product_is_the_same_whichever_others_are_beside_it() -> None:
    rng = np.random.default_rng(0)
    rows, weight = rng.standard_normal((41, 159), np.float32), rng.standard_normal((159, 128), np.float32)
    together = in_eights(rows) @ weight
    for n in (1, 2, 7, 8, 20):
        assert np.array_equal((in_eights(rows[:n]) @ weight)[:n], together[:n])
