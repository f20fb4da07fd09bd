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


class SideBySide:
    """The mean answer of networks, as they are when this is made of them.

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
        first = networks[0]
        if any(each.shapes() != first.shapes() for each in networks[1:]):
            raise ValueError("networks side by side have the same layers")
        self._dtype, self._count = first.dtype, len(networks)
        self._layers = Sequential([build(describe(layer)) for layer in first.layers])
        self._layers.bind(
            {name: np.stack([each.parameters[name] for each in networks]) for name in first.parameters}, {}
        )

    def predict(self, x: Array, batch_size: int = 64) -> NDArray[np.float64]:
        """The networks' mean answers, their members' too.

        Parameters
        ----------
        x
            The examples, ``(n, d_in)``.
        batch_size
            How many examples go through at a time. No answer depends on it, nor on the other examples.

        Returns
        -------
        Array
            ``(n, d_out)``. Threads may predict side by side.
        """
        batches = [x[start : start + batch_size] for start in range(0, max(len(x), 1), batch_size)]
        return np.concatenate([self._answers(np.asarray(batch, self._dtype)) for batch in batches])

    def _answers(self, x: Array) -> NDArray[np.float64]:
        y = self._layers.forward(np.broadcast_to(x, (self._count, *x.shape)))
        answers = mean_of_members(y) if y.ndim > x.ndim + 1 else y
        return mean_of_members(answers.astype(np.float64))
