"""The price of a typical home at every location of the map, at several moments of the training."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from estimator.appraiser import Appraiser
from estimator.market.arrays import BoolArray, DateArray, Float32Array, FloatArray
from estimator.market.facts import Facts
from estimator.market.sales import Sales
from estimator.model.ensemble import PREDICTION_BATCH
from estimator.model.price_model import PriceModel
from estimator.network import Network
from estimator.report.recorder import Recorder

N_CELLS = 3000
"""Approximate number of grid cells of the map: enough for a small animation, at 0.1 s per snapshot."""
_MAP_QUANTILES = (0.005, 0.995)
"""Quantiles of the sold homes' coordinates that bound the map: a few remote homes would leave it mostly empty."""


def price_surface(appraiser: Appraiser, sold: Sales, recorder: Recorder) -> dict[str, Any] | None:
    """Value the reference home in every cell near a sold home, by the first network at each snapshot.

    Returns
    -------
    dict or None
        Bounds of the map in degrees, numbers of rows (from the north) and columns, the cells (row, column) that
        have a price, and the prices of each snapshot. None without enough coordinates.
    """
    weights, coordinates = recorder.weights, appraiser.market.coordinates
    if coordinates is None or not weights:
        return None
    latitude, longitude = (sold.facts[name][sold.facts.known(name)] for name in coordinates)
    if not len(latitude) or np.ptp(latitude) == 0 or np.ptp(longitude) == 0:
        return None
    (south, north), (west, east) = (np.quantile(degrees, _MAP_QUANTILES) for degrees in (latitude, longitude))
    aspect = (north - south) / ((east - west) * np.cos(np.radians((north + south) / 2)))
    rows = int(np.clip(round(np.sqrt(N_CELLS * aspect)), 10, N_CELLS / 10))
    columns = round(N_CELLS / rows)
    north_to_south, west_to_east = np.linspace(north, south, rows + 1), np.linspace(west, east, columns + 1)
    populated = _near_sold_homes(latitude, longitude, north_to_south, west_to_east)
    if not populated.any():
        return None
    row, column = np.nonzero(populated)
    centres = (
        (north_to_south[:-1] + north_to_south[1:])[row] / 2,
        (west_to_east[:-1] + west_to_east[1:])[column] / 2,
    )
    homes = _reference_home_at(appraiser, dict(zip(coordinates, centres, strict=True)))
    newest = None if appraiser.sale_dates is None else np.full(len(row), appraiser.sale_dates[1])
    prices = np.exp(_predict_with_weights(appraiser.model, list(weights.values()), homes, newest))
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
                "epoch": round(step / recorder.steps_per_epoch, 2),
                "price": _round_to_three_digits(snapshot).tolist(),
            }
            for step, snapshot in zip(weights, prices, strict=True)
        ],
    }


def _predict_with_weights(
    model: PriceModel, weights: Sequence[Float32Array], facts: Facts, date: DateArray | None
) -> FloatArray:
    """Return what the first network predicts for n homes with k earlier weights, log price, shape (k, n).

    The features are the current ones. Kriging's share is left out.

    Parameters
    ----------
    weights
        The network's parameter vectors, as callbacks received them during training.
    """
    columns = model.pipeline.transform(facts, date).columns
    trained = model.teacher or model.networks
    network = Network.from_state(trained.networks.networks[0].state())  # a copy: the model is never changed
    predictions = []
    for vector in weights:
        np.copyto(network.parameters.vector, vector)
        predictions.append(network.predict(columns, PREDICTION_BATCH)[:, 0])
    standardised = np.array(predictions, np.float64).reshape(len(weights), len(facts))
    index = model.index.at(model.market, facts, date)
    predicted: FloatArray = standardised * trained.deviation + trained.mean + index
    return predicted


def _near_sold_homes(
    latitude: FloatArray, longitude: FloatArray, north_to_south: FloatArray, west_to_east: FloatArray
) -> BoolArray:
    """Return which cells contain a sold home or have a neighbour that does, shape (rows, columns)."""
    counts, _, _ = np.histogram2d(-latitude, longitude, (-north_to_south, west_to_east))
    occupied = np.pad(counts > 0, 1)
    near = np.zeros_like(occupied[1:-1, 1:-1])
    for down in range(3):
        for right in range(3):
            near |= occupied[down : down + near.shape[0], right : right + near.shape[1]]
    return near


def _reference_home_at(appraiser: Appraiser, locations: dict[str, FloatArray]) -> Facts:
    """Return the reference home at each of n locations, with the area figures of each location."""
    n = len(next(iter(locations.values())))
    postal_code = appraiser.market.of_kind("postal_code")
    # The area's figures are looked up by the postal code of the location.
    area_facts = [] if postal_code is None else [postal_code.name, *appraiser.areas.areas.figures]
    missing = dict.fromkeys(area_facts, np.ones(n, np.bool_))
    homes = appraiser.reference_home.take(np.zeros(n, np.intp)).without(missing)
    return appraiser.areas.complete(homes.replace(locations))[0]


def _round_to_three_digits(price: FloatArray) -> FloatArray:
    """Round prices to three significant digits: more than a colour can show."""
    step = 10.0 ** (np.floor(np.log10(price)) - 2)
    rounded: FloatArray = np.rint(price / step) * step
    return rounded
