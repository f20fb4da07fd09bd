import numpy as np
import pytest

from estimator.network import ExponentialAverage


def test_the_average_follows_its_recursion() -> None:
    path = np.random.default_rng(0).normal(size=(30, 2))
    average = ExponentialAverage(0.6, path[0])
    expected = path[0]
    for step, parameters in enumerate(path[1:], 1):
        average.update(parameters)
        decay = min(0.6, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * parameters
    np.testing.assert_allclose(average.vector, expected)


def test_the_average_of_constant_weights_is_the_weights() -> None:
    average = ExponentialAverage(0.99, np.array([2.0]))
    for _ in range(5):
        average.update(np.array([2.0]))
    assert average.vector[0] == 2.0


def test_a_decay_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="decay"):
        ExponentialAverage(1.0, np.zeros(1))
