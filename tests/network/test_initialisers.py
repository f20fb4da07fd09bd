import numpy as np
import pytest

from estimator.network import he_normal, lecun_normal, random_signs, xavier_uniform
from estimator.network.initialisers import Initialiser


@pytest.mark.parametrize(
    ("initialiser", "variance"),
    [(he_normal, 2 / 300), (lecun_normal, 1 / 300), (xavier_uniform, 2 / (300 + 500)), (random_signs, 1.0)],
)
def test_initial_weights_have_the_documented_variance(initialiser: Initialiser, variance: float) -> None:
    weights = initialiser(np.random.default_rng(0), (300, 500))
    assert weights.shape == (300, 500)
    assert abs(weights.mean()) < 4 * np.sqrt(variance / weights.size)
    assert weights.var() == pytest.approx(variance, rel=0.02)


def test_random_signs_are_plus_or_minus_one() -> None:
    signs = random_signs(np.random.default_rng(0), (20, 20))
    assert set(np.unique(signs)) == {-1.0, 1.0}
