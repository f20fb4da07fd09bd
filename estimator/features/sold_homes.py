"""A spatial index of sold homes: the nearest ones that were sold before a given day. It contains no prices."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from estimator.market.arrays import DateArray, FloatArray

_MIN_TREE_SIZE = 256
"""Below this many sales, a separate tree saves no time."""
_LEAF_SIZE = 10
"""Homes in a leaf of a tree. It decides the order of equally distant homes, and so the last bits of a value."""
_FEW_LATER = 16
"""Later sales of a tree, up to which little more than the wanted sales are asked for. A home without a date is
valued on the day of the newest sale, which is then such a later one."""


class SoldHomes:
    """Sold homes by location and day of sale.

    A k-d tree cannot skip later sales. So there are several: one of all sales, one of the oldest half, one of the
    oldest quarter, and so on. At most half of the smallest tree that contains all earlier sales are later sales.

    Parameters
    ----------
    location
        North and east in km, shape (n, 2), in order of `day`.
    day
        Days of sale, ascending, shape (n,).
    home
        Identifies the home that was sold, shape (n,).
    """

    def __init__(self, location: FloatArray, day: NDArray[np.int64], home: NDArray[np.int64]) -> None:
        self.location = location
        self.day = day
        self.home = home
        sizes = [len(day)]
        while sizes[0] // 2 >= _MIN_TREE_SIZE:
            sizes.insert(0, sizes[0] // 2)
        self._sizes = np.array(sizes)
        # Not KDTree, which is the same with one more layer of Python: a sixth of the time of one home's query.
        self._trees = [cKDTree(location[:size], _LEAF_SIZE) for size in sizes]

    def nearest(
        self, location: FloatArray, day: NDArray[np.int64] | None, home: NDArray[np.int64] | None, count: int
    ) -> tuple[NDArray[np.intp], FloatArray]:
        """Find the sales nearest to n subjects, closed before each subject's day and not of the subject itself.

        A subject whose location is NaN (unknown) gets none. `day` is None for sales of all days, and `home` for
        subjects that are not among the sales.

        Returns
        -------
        rows
            Row numbers of the sales, nearest first, shape (n, count).
        km
            Their distances, shape (n, count); infinite where there are fewer than `count` sales.
        """
        unknown = np.isnan(location)
        all_sales = day is None and home is None
        if all_sales and len(self.day) >= count and not np.logical_or.reduce(unknown, axis=None):
            km, rows = self._query(len(self._trees) - 1, location, count + 1)
            return rows[:, :count], km[:, :count]
        rows = np.zeros((len(location), count), np.intp)
        km = np.full((len(location), count), np.inf)
        is_located = ~np.logical_or.reduce(unknown, axis=1)
        if all_sales:
            located = is_located.nonzero()[0]
            distance, found = self._query(len(self._trees) - 1, location[located], count + 1)
            rows[located, : found.shape[1]] = found[:, :count]
            km[located, : found.shape[1]] = distance[:, :count]
            return rows, km
        n_earlier = np.full(len(location), len(self.day)) if day is None else self.day.searchsorted(day)
        n_earlier[~is_located] = 0
        level = self._sizes.searchsorted(n_earlier)
        # If all of a tree's sales are earlier, as for a valuation today, `count + 1` are enough. Otherwise up to
        # half of them are later. These groups are queried apart: a tree that is asked for more homes can return
        # equally distant homes in another order, and a result must not depend on the other subjects.
        n_later = self._sizes[level] - n_earlier
        few = np.where(n_later == 0, count + 1, count + 1 + _FEW_LATER)
        asked = np.where(n_later <= _FEW_LATER, few, 2 * count)
        for tree_index, first_k in sorted(set(zip(level.tolist(), asked.tolist(), strict=True))):
            pending = np.flatnonzero((level == tree_index) & (asked == first_k) & (n_earlier > 0))
            k = first_k
            while len(pending):
                distance, found = self._query(tree_index, location[pending], k)
                k = found.shape[1]
                if home is None and k >= count and not n_later[pending].any():  # every sale found is usable
                    rows[pending], km[pending] = found[:, :count], distance[:, :count]
                    break
                is_other = True if home is None else self.home[found] != home[pending, None]
                usable = (found < n_earlier[pending, None]) & is_other
                if k >= count:
                    nearest = usable[:, :count].all(axis=1)
                    rows[pending[nearest]], km[pending[nearest]] = (
                        found[nearest, :count],
                        distance[nearest, :count],
                    )
                    if nearest.all():
                        break
                    left = ~nearest
                    pending, distance, found, usable = pending[left], distance[left], found[left], usable[left]
                done = (usable.sum(axis=1) >= count) | (k == self._sizes[tree_index])
                order = np.argsort(~usable, axis=1, kind="stable")[:, :count]
                subject = np.arange(len(pending))[:, None]
                usable_km = np.where(usable, distance, np.inf)[subject, order]
                rows[pending[done], : usable_km.shape[1]] = found[subject, order][done]
                km[pending[done], : usable_km.shape[1]] = usable_km[done]
                pending, k = pending[~done], 2 * k
        return rows, km

    def _query(self, tree_index: int, location: FloatArray, k: int) -> tuple[FloatArray, NDArray[np.intp]]:
        """Return distances and row numbers of the k nearest sales of a tree, or of all, shape (n, ≤ k)."""
        k = min(k, self._trees[tree_index].n)
        km, rows = self._trees[tree_index].query(location, np.arange(1, k + 1))
        return np.asarray(km), np.asarray(rows)


def day_numbers(date: DateArray | None, n: int) -> NDArray[np.int64]:
    """Return dates as day numbers; n zeros without dates."""
    return np.zeros(n, np.int64) if date is None else date.astype("datetime64[D]").astype(np.int64)
