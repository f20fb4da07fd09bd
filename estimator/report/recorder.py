"""Records a training for its report: every epoch, and snapshots of the first network's weights."""

import math
import time

from estimator.market.arrays import Float32Array
from estimator.model.ensemble import EpochEvent
from estimator.network import Epoch, Network

SNAPSHOT_GROWTH = 1.4
"""Ratio of the step counts of two consecutive snapshots: most of the change happens in the first steps.
See benchmarks/DECISIONS.md, "Snapshots of the price surface"."""


class Recorder:
    """A callback of `Appraiser.fit` that records the training without influencing it.

    Attributes
    ----------
    epochs
        Index of a network → its epochs.
    seconds
        Index of a network → seconds from the start of the training to the end of each of its epochs.
    """

    def __init__(self) -> None:
        self.epochs: dict[int, list[Epoch]] = {}
        self.seconds: dict[int, list[float]] = {}
        self._start = math.nan
        self._weights: dict[int, Float32Array] = {}
        self._best: tuple[int, Float32Array] | None = None
        self._steps = 0
        self._next_snapshot = 0

    def step(self, network: Network, done: int) -> None:
        """Record the first network's weights if a snapshot is due."""
        if math.isnan(self._start):
            self._start = time.perf_counter()
        self._steps = done
        if done >= self._next_snapshot:
            self._weights[done] = network.parameters.vector.copy()
            self._next_snapshot = max(done + 1, math.ceil(done * SNAPSHOT_GROWTH))

    def __call__(self, event: EpochEvent) -> None:
        """Record an epoch, and the first network's weights if it is its best epoch so far."""
        now = time.perf_counter()
        if math.isnan(self._start):  # another network finished its epoch before the first step of the first one
            self._start = now - event.epoch.seconds
        self.epochs.setdefault(event.index, []).append(event.epoch)
        self.seconds.setdefault(event.index, []).append(now - self._start)
        if event.index == 0 and event.epoch.best:
            self._best = self._steps, event.network.parameters.vector.copy()

    @property
    def weights(self) -> dict[int, Float32Array]:
        """Number of steps → the first network's weights as one flat vector, up to the weights that were kept."""
        if self._best is None:
            return {}
        before = {step: weights for step, weights in self._weights.items() if step < self._best[0]}
        return before | {self._best[0]: self._best[1]}

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of the first network per epoch."""
        return self._steps // max(1, len(self.epochs.get(0, [])))
