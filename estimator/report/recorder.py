"""What a training leaves behind for its report: its epochs, and what the first network was like on the way."""

import math
import time

from estimator.market.facts import Float32Array
from estimator.model.ensemble import Moment
from estimator.network import Epoch, Network

GROWTH = 1.4
"""From one snapshot to the next, in steps done: most of the shape comes about in the first. Some twenty snapshots
of King County's training, and five more of one that takes five times as long."""


class Recorder:
    """A callback of `Appraiser.fit`, and a watcher of its first network, that only remembers.

    Attributes
    ----------
    epochs
        Of each network, by its place.
    seconds
        From the start of the training to the end of each of these epochs.
    """

    def __init__(self) -> None:
        self.epochs: dict[int, list[Epoch]] = {}
        self.seconds: dict[int, list[float]] = {}
        self._began = math.nan
        self._weights: dict[int, Float32Array] = {}
        self._kept: tuple[int, Float32Array] | None = None
        self._done = 0
        self._next = 0

    def step(self, network: Network, done: int) -> None:
        """Remember the first network's weights, if it is time."""
        if math.isnan(self._began):
            self._began = time.perf_counter()
        self._done = done
        if done >= self._next:
            self._weights[done] = network.parameters.vector.copy()
            self._next = max(done + 1, math.ceil(done * GROWTH))

    def __call__(self, moment: Moment) -> None:
        """Remember an epoch, and the first network's weights after its best."""
        now = time.perf_counter()
        if math.isnan(self._began):  # another network was faster than the first one's first step
            self._began = now - moment.epoch.seconds
        self.epochs.setdefault(moment.place, []).append(moment.epoch)
        self.seconds.setdefault(moment.place, []).append(now - self._began)
        if moment.place == 0 and moment.epoch.best:
            self._kept = self._done, moment.network.parameters.vector.copy()

    @property
    def weights(self) -> dict[int, Float32Array]:
        """Steps done → the first network's weights, one flat vector; up to those that were kept."""
        if self._kept is None:
            return {}
        before = {done: weights for done, weights in self._weights.items() if done < self._kept[0]}
        return before | {self._kept[0]: self._kept[1]}

    @property
    def steps_an_epoch(self) -> int:
        """How many steps the first network took in an epoch."""
        return self._done // max(1, len(self.epochs.get(0, [])))
