"""The price of the market's usual home over the map, as the first network saw it while it learned."""

from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.facts import BoolArray, Facts, FloatArray
from estimator.market.sales import Sales
from estimator.report.recorder import Recorder

CELLS = 3000
"""Of the map, land and water, about: a cell is a pixel of an animation a hand wide, and a snapshot of it takes a
tenth of a second."""
_ENDS = (0.005, 0.995)
"""Quantiles of the sold homes' places that the map shows: a few cabins far out would leave it mostly empty."""


def surfaces(appraiser: Appraiser, sold: Sales, recorder: Recorder) -> dict[str, Any] | None:
    """Value the usual home at every place near a sold one, by the first network as it was on the way.

    Returns
    -------
    dict or None
        Edges of the map in degrees; rows, from north, and columns; the cells (row, column) that have a price; and
        for each snapshot theirs. None in a market without places, or with too few sales that have one.
    """
    weights, coordinates = recorder.weights, appraiser.market.coordinates
    if coordinates is None or not weights:
        return None
    latitude, longitude = (sold.facts[name][sold.facts.known(name)] for name in coordinates)
    if not len(latitude) or np.ptp(latitude) == 0 or np.ptp(longitude) == 0:
        return None
    (south, north), (west, east) = (np.quantile(each, _ENDS) for each in (latitude, longitude))
    aspect = (north - south) / ((east - west) * np.cos(np.radians((north + south) / 2)))
    rows = int(np.clip(round(np.sqrt(CELLS * aspect)), 10, CELLS / 10))
    columns = round(CELLS / rows)
    edges = np.linspace(north, south, rows + 1), np.linspace(west, east, columns + 1)
    lived = _lived_in(latitude, longitude, *edges)
    if not lived.any():
        return None
    row, column = np.nonzero(lived)
    places = (edges[0][:-1] + edges[0][1:])[row] / 2, (edges[1][:-1] + edges[1][1:])[column] / 2
    homes = _usual_at(appraiser, dict(zip(coordinates, places, strict=True)))
    newest = None if appraiser.sale_dates is None else np.full(len(row), appraiser.sale_dates[1])
    prices = np.exp(appraiser.model.on_the_way(list(weights.values()), homes, newest))
    return {
        "south": round(float(south), 5),
        "north": round(float(north), 5),
        "west": round(float(west), 5),
        "east": round(float(east), 5),
        "rows": rows,
        "columns": columns,
        "cells": np.column_stack((row, column)).tolist(),
        "frames": [
            {
                "step": step,
                "epoch": round(step / recorder.steps_an_epoch, 2),
                "price": _three_digits(each).tolist(),
            }
            for step, each in zip(weights, prices, strict=True)
        ],
    }


def _lived_in(
    latitude: FloatArray, longitude: FloatArray, north_to_south: FloatArray, west_to_east: FloatArray
) -> BoolArray:
    """Return which cells hold a sold home, or have a neighbour that does."""
    counts, _, _ = np.histogram2d(-latitude, longitude, (-north_to_south, west_to_east))
    held = np.pad(counts > 0, 1)
    near = np.zeros_like(held[1:-1, 1:-1])
    for down in range(3):
        for right in range(3):
            near |= held[down : down + near.shape[0], right : right + near.shape[1]]
    return near


def _usual_at(appraiser: Appraiser, places: dict[str, FloatArray]) -> Facts:
    """Return the usual home at each of n places, with the figures of the area there."""
    n = len(next(iter(places.values())))
    here = [feature.name for feature in appraiser.market.features if feature.kind == "postal_code"]
    if here:  # the area's figures are looked up with the postal code of the place
        here += list(appraiser.areas.areas.figures)
    homes = appraiser.usual.take(np.zeros(n, np.intp)).without(dict.fromkeys(here, np.ones(n, np.bool_)))
    return appraiser.areas.complete(homes.replace(places))[0]


def _three_digits(price: FloatArray) -> FloatArray:
    """Round prices to three digits, which is more than a colour tells."""
    step = 10.0 ** (np.floor(np.log10(price)) - 2)
    rounded: FloatArray = np.rint(price / step) * step
    return rounded
