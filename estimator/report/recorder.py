"""What a training leaves behind for its report: its epochs, and what the first network was like on the way."""

import numpy as np

from estimator.facts import Float32Array
from estimator.network import Epoch, Network

FRAMES = 24
"""Snapshots of the first network, at most: an animation of some seconds; beyond, little is seen to change."""


class Recorder:
    """A callback of `Appraiser.fit` that only remembers.

    Parameters
    ----------
    epochs
        Of each network, as planned. Snapshots lie closer at the start, where most of the shape comes about: from
        1 on, each some percent later than the one before.

    Attributes
    ----------
    epochs
        Of all networks, one after the other.
    weights
        Epoch → the first network's weights after it, one flat vector.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs: list[Epoch] = []
        self.weights: dict[int, Float32Array] = {}
        self._wanted = set(np.geomspace(1, epochs, FRAMES).round().astype(int).tolist())

    def __call__(self, network: Network, epoch: Epoch) -> None:
        """Remember an epoch; those of later networks are counted on."""
        self.epochs.append(epoch)
        if epoch.number in self._wanted:
            self.weights[epoch.number] = network.parameters.vector.copy()
