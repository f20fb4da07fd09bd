"""Finding a home by what people know of it: coordinates, postal code, city, address, number in the sales."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from estimator.appraiser import Appraiser
from estimator.market.areas import group_quantiles
from estimator.market.arrays import FloatArray, LabelArray
from estimator.market.market import Market
from estimator.market.sales import Sales
from estimator.market.text.coordinates import read_coordinates

MAX_FOUND = 8
"""Places of one search, at most: as many as a person reads before typing another letter."""
MIN_LETTERS = 2
"""Shorter text finds no names: nearly all have any one letter."""

FoundBy = Literal["coordinates", "postal_code", "city", "address", "sale"]


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was found.

    Parameters
    ----------
    found_by
        What the text was taken for.
    label
        What to call it.
    facts
        What the newest sale says of the home; empty for an area or a point.
    """

    found_by: FoundBy
    label: str
    latitude: float
    longitude: float
    facts: dict[str, Any]

    def as_dict(self) -> dict[str, Any]:
        """Return it in the form of a JSON answer."""
        return {
            "found_by": self.found_by,
            "label": self.label,
            "latitude": self.latitude,
            "longitude": self.longitude,
            "facts": self.facts,
        }


@dataclass(frozen=True)
class AreaLabels:
    """Where the m areas of a market are, by their sold homes.

    Parameters
    ----------
    postal_code, name
        Shape (m,); the name is empty where it is unknown.
    latitude, longitude
        Medians of the homes sold there, in degrees, shape (m,).
    count
        Number of sales, shape (m,).
    """

    postal_code: LabelArray
    name: LabelArray
    latitude: FloatArray
    longitude: FloatArray
    count: NDArray[np.intp]

    def as_dict(self) -> dict[str, Any]:
        """Return the labels by column in the form of a JSON answer; five decimals are a metre."""
        return {
            "postal_code": self.postal_code.tolist(),
            "name": self.name.tolist(),
            "latitude": self.latitude.round(5).tolist(),
            "longitude": self.longitude.round(5).tolist(),
            "count": self.count.tolist(),
        }


def area_labels(appraiser: Appraiser) -> AreaLabels:
    """Return the areas with sold homes; none in a market without postal codes or locations."""
    market, sold, areas = appraiser.market, appraiser.sold, appraiser.areas.areas
    code = market.of_kind("postal_code")
    empty = np.empty(0)
    if code is None or market.coordinates is None or sold is None:
        return AreaLabels(np.empty(0, np.str_), np.empty(0, np.str_), empty, empty, np.empty(0, np.intp))
    rows = sold.facts.known(code.name)
    codes, group, count = np.unique(sold.facts[code.name][rows], return_inverse=True, return_counts=True)
    latitude, longitude = (
        group_quantiles(sold.facts[name][rows], group, 0.5) if len(codes) else empty for name in market.coordinates
    )
    index, found = areas.find(codes)
    named = np.where(found, areas.name[index], "") if len(areas.name) else np.full(len(codes), "")
    return AreaLabels(codes, named, latitude, longitude, count)


def find_places(appraiser: Appraiser, text: str) -> list[Place]:
    """Return the places that a text may mean, the likeliest first, at most `MAX_FOUND`."""
    text = text.strip()
    point = read_coordinates(text)
    if point is not None:
        latitude, longitude = (round(value, 6) for value in point)
        return [Place("coordinates", f"{latitude}, {longitude}", latitude, longitude, {})]
    if len(text) < MIN_LETTERS or appraiser.market.coordinates is None:
        return []
    wanted = _plain(text)
    return [*_areas(area_labels(appraiser), wanted), *_sold_homes(appraiser, wanted)][:MAX_FOUND]


def _areas(labels: AreaLabels, wanted: str) -> list[Place]:
    """Return the areas whose postal code starts with the text, and the cities whose name has it."""
    places = [
        Place("postal_code", f"{code} {name}".strip(), float(latitude), float(longitude), {})
        for code, name, latitude, longitude in zip(
            labels.postal_code, labels.name, labels.latitude, labels.longitude, strict=True
        )
        if _plain(code).startswith(wanted)
    ]
    for name in dict.fromkeys(labels.name.tolist()):
        if name and wanted in _plain(name):
            own = labels.name == name
            latitude, longitude = (
                float(np.average(values[own], weights=labels.count[own]).round(5))
                for values in (labels.latitude, labels.longitude)
            )
            places.append(Place("city", name, latitude, longitude, {}))
    return places


def _sold_homes(appraiser: Appraiser, wanted: str) -> list[Place]:
    """Return homes with this identifier, and those whose address has the text, each by its newest sale."""
    market, sold = appraiser.market, appraiser.sold
    if sold is None:
        return []
    rows: dict[int, tuple[int, FoundBy, str]] = {}
    if sold.sale_id is not None:
        for row in np.flatnonzero(sold.sale_id == wanted):
            rows[int(sold.home[row])] = (int(row), "sale", str(sold.sale_id[row]))
    if sold.address is not None:
        plain = np.char.lower(sold.address)
        for row in np.flatnonzero(np.char.find(plain, wanted) >= 0):
            rows[int(sold.home[row])] = (int(row), "address", str(sold.address[row]))
    return [_sold_home(market, sold, *found) for found in list(rows.values())[:MAX_FOUND]]


def _sold_home(market: Market, sold: Sales, row: int, found_by: FoundBy, label: str) -> Place:
    assert market.coordinates is not None  # noqa: S101  # callers have checked
    latitude, longitude = (float(sold.facts[name][row]) for name in market.coordinates)
    return Place(found_by, label, latitude, longitude, dict(sold.facts.as_values(market, row)))


def _plain(text: str) -> str:
    return " ".join(str(text).casefold().split())
