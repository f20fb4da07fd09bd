"""Whether homes were sold near a location, compared with how far apart the sold homes are.

A home is refused if its nearest sold home is too far away. It gets a warning if few sold homes are near: if the
`N_NEIGHBOURS`th nearest is far away. Both distances follow from how far apart sold homes are there and in the
market. A sale far from all others, such as one with mistyped coordinates, does not change them elsewhere. A home
with only such a sale near it gets a warning. Knows no prices.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from estimator.market.arrays import BoolArray, FloatArray
from estimator.market.facts import Facts
from estimator.market.market import Market
from estimator.market.plane import kilometres
from estimator.uncertainty.domain_check import MIN_HOMES, Check, n_doubtful

N_NEIGHBOURS = 5
"""The spacing at a sold home is the distance to its nearest neighbour of this rank: high enough that a few wrong
sales beside each other are not taken for a neighbourhood, and low enough to distinguish a village from the fields
around it."""
MIN_DOUBTFUL_PLACES = 3
"""At least this many places may be wrong without any effect: a file with one wrong place often has a few."""
MIN_PLACES = 10
"""With fewer different places, their distances do not show how far apart homes are: one tower, or a file that has
the coordinates of a few postal codes. Then the smallest distances below are used."""
REFUSAL_FACTOR = 2.0
"""A home is refused if its nearest sold home is farther away than this many times the spacing. See
benchmarks/DECISIONS.md, "How far from sold homes a home is valued"."""
MAX_SPACING_FACTOR = 2.0
"""The spacing of the sold homes nearby counts up to this many times the market's: the sales of a remote village
are far from all others, and so are a few with wrong coordinates."""
LOCAL_WARNING_FACTOR = 4.0
"""A warning is also given where sold homes are this many times farther away than they are from each other nearby.
Of King County's held-out homes, .02 to .04% get it for this reason alone; the middle of Seattle's bay does."""
MIN_WARNING_KM, MIN_REFUSAL_KM = 0.5, 2.0
"""Within the first distance of a sold home there is no warning, within the second no refusal: however close sold
homes are to each other, the next street or the next quarter is not another market."""
_SQUARE_KM = 0.176
"""Side of the squares that show without a search that enough sold homes are near: two places in the same or in
neighbouring ones are less than `MIN_WARNING_KM` apart."""
_NORTH, _EAST = 2**32, 1
"""What a square's number grows by from one to the next."""
_COARSE_KM = 20.0
"""From here on warnings name whole kilometres: a table with many remote homes then has few different warnings."""


@dataclass(frozen=True)
class PlaceDomain:
    """Places of sold homes and their spacing; made by `fit` or `from_state`, then never changed.

    Parameters
    ----------
    places
        Different places of the sold homes, km north and east, shape (m, 2).
    median_latitude
        Degrees, of the sold homes.
    spacing
        Distance in km from each place to its `N_NEIGHBOURS`th nearest other one, shape (m,); 0 with fewer than
        `MIN_PLACES` places.
    market_spacing
        The largest of these without those that may be mistakes, km.
    """

    places: FloatArray
    median_latitude: float
    spacing: FloatArray
    market_spacing: float

    @classmethod
    def fit(cls, market: Market, facts: Facts) -> Self | None:
        """Measure the spacing of n sold homes; None without coordinates, or with too few of them."""
        if market.coordinates is None:
            return None
        located = facts.known(market.coordinates[0]) & facts.known(market.coordinates[1])
        if not located.any():
            return None
        latitude = float(np.median(facts[market.coordinates[0]][located]))
        places = kilometres(facts.take(located), market.coordinates, latitude)
        places = np.unique(places.round(3), axis=0)
        if len(places) >= MIN_PLACES:
            spacing = np.asarray(KDTree(places).query(places, k=[N_NEIGHBOURS + 1])[0])[:, 0]
            doubtful = max(MIN_DOUBTFUL_PLACES, n_doubtful(len(places)))
            return cls(places, latitude, spacing, float(np.sort(spacing)[-1 - doubtful]))
        return None if located.sum() < MIN_HOMES else cls(places, latitude, np.zeros(len(places)), 0.0)

    def check(self, market: Market, facts: Facts) -> tuple[Check | None, dict[str, BoolArray]]:
        """Compare the locations of n homes with those of the sold ones; an unknown location is not refused.

        Returns
        -------
        check
            Of the latitude; None if all homes are among sold ones, as most are.
        warnings
            Text → the homes that it is about, shape (n,), by distance.
        """
        assert market.coordinates is not None  # noqa: S101  # `fit` has checked
        latitude, longitude = market.coordinates
        place = kilometres(facts, market.coordinates, self.median_latitude)
        searched = self._not_among_sold(place)
        if not len(searched):
            return None, {}
        found = self._distances(place, searched)

        def message(row: int) -> str:
            here = f"{facts[latitude][row]:g}, {facts[longitude][row]:g}"
            return (
                f"the nearest sold home is {_format_km(found.nearest[row])} km from {here}; homes there are "
                f"valued within {_format_km(found.refused_beyond[row])} km of a sold one"
            )

        far_outside = found.nearest > found.refused_beyond
        outside = (found.last > found.warned_beyond) | far_outside
        warned = (outside & ~far_outside).nonzero()[0].tolist()
        texts = {row: _warning(found, row) for row in sorted(warned, key=lambda row: _sort_key(found, row))}
        warnings = {text: np.zeros(len(facts), np.bool_) for text in texts.values()}
        for row, text in texts.items():
            warnings[text][row] = True
        return Check(latitude, outside, far_outside, message), warnings

    def _distances(self, place: FloatArray, searched: NDArray[np.intp]) -> "_Distances":
        """Return the distances from n places, km north and east, to the sold homes, where these are searched."""
        nearest, last, local = np.zeros((3, len(place)))
        count = N_NEIGHBOURS if len(self.places) >= MIN_PLACES else 1
        km, neighbours = map(np.asarray, self._tree.query(place[searched], range(1, count + 1)))
        nearest[searched], last[searched] = km[:, 0], km[:, -1]
        around = np.sort(self.spacing[neighbours], axis=1)
        local[searched] = around[:, count // 2]  # np.median is slow for one home
        spacing = np.minimum(np.maximum(local, self.market_spacing), MAX_SPACING_FACTOR * self.market_spacing)
        usual = np.minimum(self.market_spacing, LOCAL_WARNING_FACTOR * local)
        return _Distances(
            nearest,
            last,
            warned_beyond=np.maximum(usual, MIN_WARNING_KM),
            refused_beyond=np.maximum(REFUSAL_FACTOR * spacing, MIN_REFUSAL_KM),
        )

    def _not_among_sold(self, place: FloatArray) -> NDArray[np.intp]:
        """Return which of n places are known and in none of the crowded squares."""
        known = (~np.isnan(place[:, 0] + place[:, 1])).nonzero()[0]
        squares, square = self._crowded_squares, _squares(place[known])
        if not len(squares):
            return known
        nearest_number = squares[np.minimum(squares.searchsorted(square), len(squares) - 1)]
        outlying: NDArray[np.intp] = known[nearest_number != square]
        return outlying

    @cached_property
    def _crowded_squares(self) -> NDArray[np.int64]:
        """The squares that have at least `N_NEIGHBOURS` places in them and the eight around them, ascending."""
        squares, count = np.unique(_squares(self.places), return_counts=True)
        around = [_EAST * east + _NORTH * north for east in (-1, 0, 1) for north in (-1, 0, 1)]
        near, index = np.unique(squares[:, None] + around, return_inverse=True)
        n_places = np.bincount(index.ravel(), np.repeat(count, len(around)))
        crowded: NDArray[np.int64] = near[n_places >= N_NEIGHBOURS]
        return crowded

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.places)

    def state(self) -> dict[str, Any]:
        """Return the fitted values as plain values and arrays, for `from_state`."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore it from its state."""
        return cls(**state)


class _Distances(NamedTuple):
    """Distances of n homes from the sold ones and their bounds, km, shape (n,) each.

    The distances are 0 where they are unknown, and in crowded squares.

    Parameters
    ----------
    nearest, last
        To the nearest sold home, and to the last one of the `N_NEIGHBOURS` nearest.
    warned_beyond, refused_beyond
        Bounds of the last and of the nearest.
    """

    nearest: NDArray[np.float64]
    last: NDArray[np.float64]
    warned_beyond: NDArray[np.float64]
    refused_beyond: NDArray[np.float64]


def _squares(place: FloatArray) -> NDArray[np.int64]:
    """Return a number for the square of `_SQUARE_KM` that each of n places is in, shape (n,)."""
    square = np.floor(place / _SQUARE_KM).astype(np.int64)
    numbers: NDArray[np.int64] = _NORTH * square[:, 0] + _EAST * square[:, 1]
    return numbers


def _is_remote(found: _Distances, row: int) -> bool:
    """Whether even the nearest sold home is far away; otherwise it is near, but few others are."""
    return bool(found.nearest[row] > found.warned_beyond[row])


def _sort_key(found: _Distances, row: int) -> tuple[bool, float]:
    """Return where a warning stands among the others, whichever homes are checked together."""
    remote = _is_remote(found, row)
    return remote, float(found.nearest[row] if remote else found.last[row])


def _warning(found: _Distances, row: int) -> str:
    if _is_remote(found, row):
        return f"The nearest sold home is {_rounded_km(found.nearest[row])} km away, so the range is wider"
    return f"Few sold homes are within {_rounded_km(found.last[row])} km, so the range is wider"


def _rounded_km(km: float) -> str:
    return f"{km:.1f}" if km < _COARSE_KM else f"{math.floor(km):,}"


def _format_km(km: float) -> str:
    """Return a distance with enough digits to be compared with another one."""
    return f"{km:.2f}" if km < _COARSE_KM else f"{km:,.1f}"
