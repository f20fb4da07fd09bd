"""An index of sold homes: which were sold before a day, and are nearest to a place. Knows no prices."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.market.facts import FloatArray

_SMALLEST_TREE = 256
"""Sales below which a tree of its own saves nothing."""


class SoldHomes:
    """Sold homes by place and day of sale.

    A k-d tree cannot leave out what was sold later. So there is one of all sales, one of the oldest half, of the
    oldest quarter and so on: the smallest that holds all earlier sales holds at most as many later ones.

    Parameters
    ----------
    place
        North and east in km, shape (n, 2), in the order of the days.
    day
        Days of sale, ascending, shape (n,).
    home
        Which home was sold, shape (n,).
    """

    def __init__(self, place: FloatArray, day: NDArray[np.int64], home: NDArray[np.int64]) -> None:
        self.place = place
        self.day = day
        self.home = home
        sizes = [len(day)]
        while sizes[0] // 2 >= _SMALLEST_TREE:
            sizes.insert(0, sizes[0] // 2)
        self._sizes = np.array(sizes)
        self._trees = [KDTree(place[:size]) for size in sizes]

    def nearest(
        self, place: FloatArray, day: NDArray[np.int64], home: NDArray[np.int64], count: int
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Return the sales nearest to n places, closed before each one's day and not of its own home.

        None is near an unknown place, NaN.

        Returns
        -------
        rows
            Their places in the index, nearest first, shape (n, count).
        km
            How far they are, shape (n, count); infinite where there are no more.
        """
        rows = np.zeros((len(place), count), np.intp)
        km = np.full((len(place), count), np.inf)
        earlier = np.searchsorted(self.day, day, side="left")
        earlier[np.isnan(place[:, 0] + place[:, 1])] = 0
        level = np.searchsorted(self._sizes, earlier)
        # All of a tree's sales are earlier for a valuation of today; half of them at the worst. Asked for more, a
        # tree may give homes of one distance in another order: so each subject decides for itself.
        at_once = earlier == self._sizes[level]
        for which, whole in sorted(set(zip(level.tolist(), at_once.tolist(), strict=True))):
            tree, size = self._trees[which], int(self._sizes[which])
            left = np.flatnonzero((level == which) & (at_once == whole) & (earlier > 0))
            asked = count + 1 if whole else 2 * count
            while len(left):
                asked = min(asked, size)
                distance, found = (np.reshape(each, (len(left), asked)) for each in tree.query(place[left], asked))
                usable = (found < earlier[left, None]) & (self.home[found] != home[left, None])
                if usable.shape[1] >= count and usable[:, :count].all():
                    rows[left], km[left] = found[:, :count], distance[:, :count]
                    break
                done = (usable.sum(axis=1) >= count) | (asked == size)
                order = np.argsort(~usable, axis=1, kind="stable")[:, :count]
                subject = np.arange(len(left))[:, None]
                near = np.where(usable, distance, np.inf)[subject, order]
                rows[left[done], : near.shape[1]] = found[subject, order][done]
                km[left[done], : near.shape[1]] = near[done]
                left, asked = left[~done], 2 * asked
        return rows, km
