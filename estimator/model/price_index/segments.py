"""Groups of homes whose prices may move apart: areas of the map, labels such as the type, and sizes and ages.

A grouping says to which groups a home belongs, and how much. A number with a `price_effect` is no grouping: groups
that move apart could make a price fall where the fact rises. Uses facts, no prices.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.facts import Facts, label_columns
from estimator.market.market import Market
from estimator.market.plane import kilometres

MIN_GROUP_SALES = 50
"""Sales that a group needs: with fewer, its movement is noise."""
MAX_AREAS = 16
"""Areas that the map is divided into in a market without postal codes."""
N_LEVELS = 5
"""Groups of a number, at its quantiles."""
AREA = "area"
"""Name of the grouping by place."""


@dataclass(frozen=True)
class Grouping:
    """One way to group homes; exactly one of `labels`, `centres` and `boxes` is given.

    Parameters
    ----------
    name
        Of the fact, or `AREA`.
    labels
        Sorted labels, a group each.
    centres
        Ascending values of a number, a group each, shape (g,). A home between two of them belongs to both, in
        proportion, so that a price does not jump between groups.
    boxes
        South, north, west and east end of each area in km, shape (g, 4).
    mean_latitude
        Of the homes that the boxes were fitted to, degrees.
    """

    name: str
    labels: LabelArray | None = None
    centres: FloatArray | None = None
    boxes: FloatArray | None = None
    mean_latitude: float = np.nan

    def memberships(self, market: Market, facts: Facts) -> FloatArray:
        """Return how much n homes belong to each group, shape (n, g); rows sum to 1, or to 0 where unknown."""
        if self.boxes is not None:
            assert market.coordinates is not None  # noqa: S101  # `candidates` has checked
            place = kilometres(facts, market.coordinates, self.mean_latitude)[:, None]
            south, north, west, east = self.boxes.T
            inside = (south < place[..., 0]) & (place[..., 0] <= north)
            inside &= (west < place[..., 1]) & (place[..., 1] <= east)
            return np.asarray(inside, np.float64)
        values = facts[self.name]
        if self.labels is not None:
            return label_columns(values, self.labels).astype(np.float64)
        assert self.centres is not None  # noqa: S101  # one of the three is given
        position = np.interp(values, self.centres, np.arange(len(self.centres)))
        weight = (1 - np.abs(position[:, None] - np.arange(len(self.centres)))).clip(min=0.0)
        return np.where(np.isnan(weight), 0.0, weight)

    def group_names(self) -> list[str]:
        """Return a name for each group that a person can read."""
        if self.labels is not None:
            return [str(label) for label in self.labels]
        if self.centres is not None:
            return [f"{centre:.15g}" for centre in self.centres]
        assert self.boxes is not None  # noqa: S101  # one of the three is given
        return [f"area {number}" for number in range(1, len(self.boxes) + 1)]

    def state(self) -> dict[str, Any]:
        """Return the grouping as plain values and arrays, for `from_state`."""
        return dict(vars(self))

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Restore the grouping from its state."""
        return cls(**state)


def candidates(market: Market, facts: Facts) -> list[Grouping]:
    """Return the groupings that n sold homes allow, the one by place first."""
    groupings = [] if market.of_kind("postal_code") else _areas(market, facts)
    for feature in market.labels:
        values, counts = np.unique(facts[feature.name], return_counts=True)
        labels = values[(counts >= MIN_GROUP_SALES) & (values != "")]
        groupings.append(Grouping(feature.name, labels=labels))
    for feature in market.numbers:
        if feature.price_effect is not None or feature.fact_kind.is_location:
            continue
        known = facts[feature.name][facts.known(feature.name)]
        if len(known) >= N_LEVELS * MIN_GROUP_SALES:
            quantiles = np.quantile(known, (np.arange(N_LEVELS) + 0.5) / N_LEVELS)
            groupings.append(Grouping(feature.name, centres=np.unique(quantiles)))
    return [grouping for grouping in groupings if len(grouping.group_names()) > 1]


def _areas(market: Market, facts: Facts) -> list[Grouping]:
    """Divide the map at medians into boxes of about equally many homes."""
    if market.coordinates is None:
        return []
    latitude = float(np.nanmean(facts[market.coordinates[0]])) if facts.known(market.coordinates[0]).any() else 0.0
    place = kilometres(facts, market.coordinates, latitude)
    place = place[~np.isnan(place).any(axis=1)]
    boxes = [(np.array([-np.inf, np.inf, -np.inf, np.inf]), place)]
    while len(boxes) < MAX_AREAS:
        largest = max(range(len(boxes)), key=lambda index: len(boxes[index][1]))
        box, homes = boxes[largest]
        if len(homes) < 2 * MIN_GROUP_SALES:
            break
        axis = int(np.ptp(np.quantile(homes, (0.1, 0.9), axis=0), axis=0).argmax())
        middle = float(np.median(homes[:, axis]))
        is_lower = homes[:, axis] <= middle
        if is_lower.all():
            break
        lower, upper = box.copy(), box.copy()
        lower[2 * axis + 1] = upper[2 * axis] = middle
        boxes[largest : largest + 1] = [(lower, homes[is_lower]), (upper, homes[~is_lower])]
    return [Grouping(AREA, boxes=np.array([box for box, _ in boxes]), mean_latitude=latitude)]
