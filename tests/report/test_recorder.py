"""The recorder keeps every epoch, and the first network's weights on the way."""

import numpy as np
import pytest

from estimator.model.ensemble import EpochEvent
from estimator.network import Epoch
from estimator.report.recorder import Recorder


def test_the_recorder_keeps_snapshots_of_the_first_network_up_to_its_best_epoch() -> None:
    class FakeParameters:
        vector = np.zeros(1, np.float32)

    class FakeNetwork:
        parameters = FakeParameters()

    recorder, network = Recorder(), FakeNetwork()

    def event(index: int, epoch: Epoch) -> EpochEvent:
        return EpochEvent(index, network, epoch, 1, 60)  # type: ignore[arg-type]

    for step in range(21):
        FakeParameters.vector = np.full(1, step, np.float32)
        recorder.step(network, step)  # type: ignore[arg-type]
        if step in (10, 20):
            recorder(event(0, Epoch(step // 10, 4, 1.0, 1.0, 0.1, 1.0, best=step == 10)))
        recorder(event(1, Epoch(step + 1, 30, 1.0, 0.5, 0.1, 1.0, best=True)))
    assert {done: float(weights[0]) for done, weights in recorder.weights.items()} == {
        done: float(done) for done in (0, 1, 2, 3, 5, 7, 10)
    }
    assert recorder.steps_per_epoch == 10
    assert [epoch.number for epoch in recorder.epochs[0]] == [1, 2]
    assert [epoch.number for epoch in recorder.epochs[1]] == list(range(1, 22))
    for seconds in recorder.seconds.values():
        assert seconds == sorted(seconds)


def test_seconds_start_with_the_training_even_if_another_network_reports_first() -> None:
    recorder = Recorder()
    recorder(EpochEvent(1, None, Epoch(1, 4, 1.0, 1.0, 0.1, 2.5, best=False), 1, 8))  # type: ignore[arg-type]
    assert recorder.seconds == {1: [pytest.approx(2.5)]}
