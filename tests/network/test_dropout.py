import numpy as np
import pytest

from estimator.network import Dropout, Network


def test_prediction_does_not_change_the_input() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(Network([Dropout(0.5)], rng=np.random.default_rng(0)).predict(x), x)


@pytest.mark.parametrize("rate", [0.05, 0.15, 0.5, 0.9])
def test_training_drops_numbers_at_the_rate_and_keeps_the_expectation(rate: float) -> None:
    n = 200_000
    y = Dropout(rate).forward(np.ones((n, 1), np.float32), np.random.default_rng(0))
    assert np.mean(y == 0) == pytest.approx(rate, abs=1 / 512 + 4 * np.sqrt(rate * (1 - rate) / n))
    assert y.mean() == pytest.approx(1, abs=4 * np.sqrt(rate / (1 - rate) / n))
    assert len(np.unique(y)) == 2


def test_the_gradient_has_the_mask_of_the_forward_pass() -> None:
    layer = Dropout(0.3)
    x = np.random.default_rng(1).normal(size=(50, 4))
    y = layer.forward(x, np.random.default_rng(0)).copy()
    np.testing.assert_allclose(layer.backward(np.ones_like(x)), y / x)


def test_after_a_prediction_the_gradient_is_not_masked() -> None:
    layer = Dropout(0.3)
    x = np.ones((5, 4))
    layer.forward(x, np.random.default_rng(0))
    layer.forward(x)
    np.testing.assert_array_equal(layer.backward(x), x)


def test_the_same_seed_gives_the_same_mask() -> None:
    x = np.ones((30, 7), np.float32)
    first, second = (Dropout(0.4).forward(x, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_the_rate_can_be_changed_within_its_bounds() -> None:
    layer = Dropout(0.5)
    layer.rate = 0.0
    x = np.ones((3, 3))
    assert layer.forward(x, np.random.default_rng(0)) is x
    with pytest.raises(ValueError, match="dropout rate"):
        layer.rate = 1.0
