"""What a training leaves behind for its report: its epochs, and what the first network was like on the way."""

import math

from estimator.facts import Float32Array
from estimator.network import Epoch, Network

GROWTH = 1.4
"""From one snapshot to the next, in steps done: most of the shape comes about in the first. Some twenty snapshots
of King County's training, and five more of one that takes five times as long."""


class Recorder:
    """A callback of `Appraiser.fit`, and a watcher of its first network, that only remembers.

    Parameters
    ----------
    epochs
        Of each network, as planned.

    Attributes
    ----------
    epochs
        Of all networks, one after the other.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs: list[Epoch] = []
        self._of_the_first = epochs
        self._weights: dict[int, Float32Array] = {}
        self._kept: tuple[int, Float32Array] | None = None
        self._done = 0
        self._next = 0

    def step(self, network: Network, done: int) -> None:
        """Remember the first network's weights, if it is time."""
        self._done = done
        if done >= self._next:
            self._weights[done] = network.parameters.vector.copy()
            self._next = max(done + 1, math.ceil(done * GROWTH))

    def __call__(self, network: Network, epoch: Epoch) -> None:
        """Remember an epoch; those of later networks are counted on."""
        self.epochs.append(epoch)
        if epoch.number <= self._of_the_first and epoch.best:
            self._kept = self._done, network.parameters.vector.copy()

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
        return self._done // max(1, sum(epoch.number <= self._of_the_first for epoch in self.epochs))
