"""Networks that are built alike, asked all at once.

For a single example a network is some forty short calls, which take longer than its arithmetic; side by side, any
number of networks take no more calls than one. Knows nothing of what is predicted.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from estimator.network.arrays import Array
from estimator.network.layer import build, describe
from estimator.network.network import Network, Sequential, mean_of_members

FEW = 16
"""Examples up to which all networks are asked at once. More go through one network after the other, whose weights
stay in a core's cache meanwhile: a tenth faster on a busy machine."""


class StackedNetworks:
    """The mean answer of trained networks, which are not to change any more.

    Parameters
    ----------
    networks
        One or more, of the same layers.

    Raises
    ------
    ValueError
        If their layers are not the same.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)
        first, *others = self.networks
        if any(each.shapes() != first.shapes() for each in others):
            raise ValueError("networks side by side have the same layers")
        self._at_once = Sequential([build(describe(layer)) for layer in first.layers])
        stacked = {name: np.stack([each.parameters[name] for each in self.networks]) for name in first.parameters}
        self._at_once.bind(stacked, {})

    def predict(self, x: Array, batch_size: int = 512) -> NDArray[np.float64]:
        """The networks' mean answers, their members' too.

        Parameters
        ----------
        x
            The examples, ``(n, d_in)``.
        batch_size
            How many examples go through a network at a time. No answer depends on it, nor on the other examples.

        Returns
        -------
        Array
            ``(n, d_out)``. Threads may predict side by side.
        """
        if len(x) > FEW:
            answers = np.stack([network.predict(x, batch_size) for network in self.networks])
        else:
            x = np.asarray(x, self.networks[0].dtype)
            y = self._at_once.forward(np.broadcast_to(x, (len(self.networks), *x.shape)))
            answers = mean_of_members(y) if y.ndim > x.ndim + 1 else y
        return mean_of_members(answers.astype(np.float64))
