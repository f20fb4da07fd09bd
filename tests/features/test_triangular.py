import numpy as np
import pytest

from estimator.features.triangular import BLOCK_SIZE, LowerTriangle


@pytest.mark.parametrize("p", [1, BLOCK_SIZE, 2 * BLOCK_SIZE + 17])
def test_the_solution_times_the_matrix_is_the_right_hand_side(p: int) -> None:
    rng = np.random.default_rng(p)
    noise = rng.normal(size=(p, p))
    matrix = np.linalg.cholesky(noise @ noise.T / p + np.eye(p)).astype(np.float64)
    right = rng.normal(size=(5, p)).astype(np.float32)
    solved = LowerTriangle(matrix).solve(right.copy())
    np.testing.assert_allclose(solved @ matrix.T, right, atol=1e-4)


def test_entries_above_the_diagonal_are_ignored() -> None:
    rng = np.random.default_rng(0)
    matrix = np.tril(rng.normal(size=(300, 300))) / 300 + np.eye(300)
    with_upper_entries = matrix + np.triu(np.full((300, 300), 9.0), 1)
    right = rng.normal(size=(2, 300)).astype(np.float32)
    np.testing.assert_array_equal(
        LowerTriangle(with_upper_entries).solve(right.copy()), LowerTriangle(matrix).solve(right.copy())
    )


def test_solve_overwrites_the_right_hand_side() -> None:
    right = np.ones((2, 3), np.float32)
    assert LowerTriangle(2 * np.eye(3)).solve(right) is right
    np.testing.assert_array_equal(right, np.full((2, 3), 0.5, np.float32))
