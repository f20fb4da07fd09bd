"""Several networks of one architecture, stacked along a new axis to predict with all of them at once.

For one example, a network makes some forty short NumPy calls, whose overhead exceeds the arithmetic. Stacked
networks need no more calls than a single one.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from estimator.network.arrays import Array
from estimator.network.layer import build, describe
from estimator.network.network import Network, Sequential, mean_of_members

MAX_STACKED_ROWS = 16
"""Up to this many examples the networks are stacked; beyond it they run one after another, which is faster.

See benchmarks/DECISIONS.md, "Stack the networks for up to 16 examples"."""


class StackedNetworks:
    """The mean prediction of trained networks.

    The parameters are copied: later changes of the networks have no effect on small batches, so do not train them
    any further.

    Parameters
    ----------
    networks
        One or more networks with the same layers.

    Raises
    ------
    ValueError
        If the layers differ.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self.networks = tuple(networks)
        first = self.networks[0]
        self._infer = first.inference()
        if any(network.shapes() != first.shapes() for network in self.networks):
            raise ValueError("stacked networks must have the same layers")
        self._stacked = Sequential([build(describe(layer)) for layer in first.layers])
        parameters = {
            name: np.stack([network.parameters[name] for network in self.networks]) for name in first.parameters
        }
        self._stacked.bind(parameters, {})

    def predict(self, x: Array, batch_size: int = 512) -> NDArray[np.float64]:
        """Return the predictions, averaged over the networks and over the members of each.

        Parameters
        ----------
        x
            The examples, ``(n, d_in)``.
        batch_size
            Number of examples computed at a time. A prediction does not depend on it, nor on the other examples.

        Returns
        -------
        Array
            ``(n, d_out)``. Several threads may predict at the same time.
        """
        if len(self.networks) == 1:
            batches = range(0, max(len(x), 1), batch_size)
            return np.concatenate([self._predict_one(x[start : start + batch_size]) for start in batches])
        if len(x) > MAX_STACKED_ROWS:
            predictions = np.stack([network.predict(x, batch_size) for network in self.networks])
        else:
            x = np.asarray(x, self.networks[0].dtype)
            y = self._stacked.forward(np.broadcast_to(x, (len(self.networks), *x.shape)))
            predictions = mean_of_members(y) if y.ndim > x.ndim + 1 else y
        return mean_of_members(predictions.astype(np.float64))

    def _predict_one(self, x: Array) -> NDArray[np.float64]:
        """Return the predictions of the only network, shape ``(n, d_out)``."""
        y = self._infer(np.asarray(x, self.networks[0].dtype))
        return (mean_of_members(y) if y.ndim == x.ndim + 1 else y)[: len(x)].astype(np.float64)
