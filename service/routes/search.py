"""`GET /search`: a place by coordinates, postal code, city, address, number of a sold home, or by a geocoder."""

from typing import Any

from flask import Blueprint, Response, request

from estimator.market.market import Market
from estimator.places import find_places
from service.geocoder import GeocoderError, geocode
from service.http.json_body import json_answer
from service.http.problems import GEOCODER_FAILED, UNKNOWN_PARAMETER, ProblemError
from service.live_model import LiveModel
from service.openapi.search import MAX_QUERY, PATH
from service.settings import Settings

_PARAMETERS = ("q", "geocode")


def search_routes(live: LiveModel, settings: Settings) -> Blueprint:
    """Return the route."""
    routes = Blueprint("search", __name__)

    @routes.get(PATH)
    def search() -> Response:
        snapshot = live.snapshot()
        text, asks_geocoder = _read_parameters()
        places = [place.as_dict() for place in find_places(snapshot.appraiser, text)]
        if asks_geocoder and settings.geocoder and not any(place["found_by"] == "coordinates" for place in places):
            places += _geocoded(snapshot.appraiser.market, settings.geocoder, text)
        return json_answer({"places": places, "geocoder": bool(settings.geocoder)})

    return routes


def _read_parameters() -> tuple[str, bool]:
    """Return the text, and whether to ask the geocoder.

    Raises
    ------
    ProblemError
        A parameter is unknown, missing, too long or has another value (400).
    """
    for name in request.args:
        if name not in _PARAMETERS:
            raise ProblemError(
                UNKNOWN_PARAMETER, f"{name[:60]!a} is not a parameter of {PATH}; the parameters are q, geocode"
            )
    text, flag = request.args.get("q", ""), request.args.get("geocode", "false")
    if not text.strip():
        raise ProblemError(UNKNOWN_PARAMETER, "q is missing: the text to search for, such as 98102")
    if len(text) > MAX_QUERY:
        raise ProblemError(UNKNOWN_PARAMETER, f"q has {len(text)} characters; the maximum is {MAX_QUERY}")
    if flag not in {"true", "false"}:
        raise ProblemError(UNKNOWN_PARAMETER, f"geocode: {flag[:60]!a} is neither true nor false")
    return text, flag == "true"


def _geocoded(market: Market, url: str, text: str) -> list[dict[str, Any]]:
    """Return the places that the geocoder finds within the market's bounds."""
    try:
        found = geocode(url, text)
    except GeocoderError as error:
        raise ProblemError(GEOCODER_FAILED, str(error)) from error
    bounds = [market.by_name[name] for name in market.coordinates or ()]
    return [
        {"found_by": "geocoder", **place, "facts": {}}
        for place in found
        if all(
            bound.out_of_bounds(value) is None
            for bound, value in zip(bounds, (place["latitude"], place["longitude"]), strict=False)
        )
    ]
