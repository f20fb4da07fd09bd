"""Asks a geocoder, which finds addresses, by its URL. None is asked unless the operator names one."""

import http.client
import json
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from estimator.errors import EstimatorError

PLACEHOLDER = "{query}"
"""Stands for the address in the URL of a geocoder."""
TIMEOUT_SECONDS = 5.0
"""Time to wait for an answer: a person who typed an address waits no longer."""
MAX_BYTES = 1_000_000
"""Bytes of an answer that are read; ten addresses take 10 kB."""

_LABELS = ("display_name", "label", "formatted", "formatted_address", "name")
_LISTS = ("features", "results", "candidates", "items")


class GeocoderError(EstimatorError):
    """The geocoder could not be reached, or its answer could not be read."""


def geocode(url: str, address: str) -> list[dict[str, Any]]:
    """Return the places that a geocoder finds, each with `label`, `latitude` and `longitude`.

    Reads the answers of Nominatim, GeoJSON (Photon, Pelias) and lists of results with a latitude and a longitude.

    Raises
    ------
    GeocoderError
        It could not be reached, or its answer could not be read.
    """
    request = urllib.request.Request(  # noqa: S310  # the setting accepts http and https only
        url.replace(PLACEHOLDER, quote(address, safe="")),
        headers={"Accept": "application/json", "User-Agent": "house-price-estimator"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310
            found = json.loads(answer.read(MAX_BYTES))
    except (OSError, http.client.HTTPException) as error:
        raise GeocoderError("the geocoder could not be reached") from error
    except (ValueError, RecursionError) as error:
        raise GeocoderError("the geocoder's answer is not JSON") from error
    return list(_places(found))


def _places(answer: Any) -> Iterator[dict[str, Any]]:
    """Give the places of an answer; entries without a location are left out."""
    if isinstance(answer, Mapping):
        answer = next((answer[name] for name in _LISTS if isinstance(answer.get(name), list)), [])
    for entry in answer if isinstance(answer, list) else []:
        if not isinstance(entry, Mapping):
            continue
        merged = {**entry, **_mapping(entry.get("properties"))}
        location = _location(entry, merged)
        if location is not None:
            label = next((str(merged[name]) for name in _LABELS if merged.get(name)), "")
            yield {"label": label[:200], "latitude": location[0], "longitude": location[1]}


def _location(entry: Mapping[str, Any], merged: Mapping[str, Any]) -> tuple[float, float] | None:
    point = _mapping(entry.get("geometry"))
    coordinates = point.get("coordinates")
    if isinstance(coordinates, Sequence) and len(coordinates) >= 2:
        return _numbers(coordinates[1], coordinates[0])
    for values in (
        merged,
        _mapping(point.get("location")),
        _mapping(entry.get("location")),
        _mapping(entry.get("position")),
    ):
        latitude = values.get("lat", values.get("latitude", values.get("y")))
        longitude = values.get("lon", values.get("lng", values.get("longitude", values.get("x"))))
        if latitude is not None and longitude is not None:
            return _numbers(latitude, longitude)
    return None


def _numbers(latitude: Any, longitude: Any) -> tuple[float, float] | None:
    try:
        place = round(float(latitude), 6), round(float(longitude), 6)
    except (TypeError, ValueError, OverflowError):
        return None
    return place if abs(place[0]) <= 90 and abs(place[1]) <= 180 else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
